"""Sessions that are judged live: what `evaluate` says of them, whenever they pause and the process ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from rationanomaly import artifacts
from rationanomaly.detection.session_verdicts import SessionVerdict
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.session_model import judge_with_session_model
from rationanomaly.model.folder import write_parser
from rationanomaly.params import Params
from rationanomaly.parse.step import run as parse
from rationanomaly.records import SESSIONS, SESSIONS_SCHEMA, TEMPLATES, TEMPLATES_SCHEMA, read_table, template_id
from rationanomaly.session_models.choice import CANDIDATES, choose
from rationanomaly.session_models.chosen import write_session_model
from rationanomaly.session_models.tables import events_of, labelled_sessions
from rationanomaly.signals.alert import Alert
from rationanomaly.steps import Outputs
from rationanomaly.stream.closed_sessions import ClosedSessions
from rationanomaly.stream.database import connect, transaction
from rationanomaly.stream.engine import Engine, Taken
from tests.session_inputs import DELETE, FAULTS, TEXTS, normal
from tests.streaming import ScriptedService, as_bytes, chunk, model_folder, stream_params

BLOCKS, HOUR = 240, 3600
KEYED = ("parse.sessions.kind=key", "parse.sessions.key=blk-[0-9]+", "data.format=application")
KEEPING = stream_params("watch.stream.session_quiet_minutes=60")


def block_lines(seed: int = 0) -> tuple[list[str], dict[str, bool]]:
    """The lines of blocks, most of which are deleted hours after the line before, and which of them are abnormal."""
    random = np.random.default_rng(seed)
    found: list[tuple[float, str]] = []
    abnormal = {}
    for number in range(BLOCKS):
        name = f"blk-{number}"
        abnormal[name] = bool(random.random() < 0.25)
        events = FAULTS[random.integers(len(FAULTS))] if abnormal[name] else normal(random)
        at = 120.0 * number
        for event in events:
            at += HOUR * random.uniform(1.5, 8) if event == DELETE and at > 120.0 * number else random.uniform(1, 30)
            text = TEXTS[event].replace("<*>", name, 1).replace("<*>", f"node{random.integers(9)}")
            found.append((at, text))
    return [f"{_clock(at)} INFO {text}" for at, text in sorted(found)], abnormal


def _clock(seconds: float) -> str:
    return f"{datetime(2026, 1, 1) + timedelta(seconds=int(seconds))}"


class Live:
    """An engine over a model folder, with what it has said."""

    def __init__(self, folder: Path, model: Path, params: Params = KEEPING) -> None:
        self.folder, self.service, self.params = folder, ScriptedService(model), params
        self.verdicts: dict[str, list[SessionVerdict]] = {}
        self.alerts: list[Alert] = []
        self.engine = self.open()

    def open(self) -> Engine:
        service: object = self.service
        return Engine.open(service, self.folder / "state", self.params, log_format="application", clock=lambda: 1e9)  # type: ignore[arg-type]

    def again(self) -> None:
        self.engine.close()
        self.engine = self.open()

    def note(self, taken: Taken) -> None:
        for one in taken.sessions:
            self.verdicts.setdefault(one.session, []).append(one)
        self.alerts += [one for one in taken.alerts if one.kind == "session" and "is called" in one.text]

    def take(self, lines: Sequence[str]) -> None:
        self.note(self.engine.take([chunk(as_bytes(lines))]))
        self.engine.settle()

    def finish(self) -> None:
        self.note(self.engine.flush())
        self.engine.settle()
        self.note(self.engine.finish())
        self.engine.close()

    def answers(self, place: int = -1) -> dict[str, str]:
        return {name: found[place].answer for name, found in self.verdicts.items()}


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of `parse` on the blocks, split and labelled."""
    folder = tmp_path_factory.mktemp("parsed")
    lines, abnormal = block_lines()
    (folder / "app.log").write_bytes(as_bytes(lines))
    rows = [f"{name},{'abnormal' if bad else 'normal'}\n" for name, bad in abnormal.items()]
    (folder / "labels.csv").write_text("block,label\n" + "".join(rows))
    params = stream_params(*KEYED, "parse.sessions.test_share=0.3", f"parse.sessions.labels={folder / 'labels.csv'}")
    (folder / "output").mkdir()
    parse(params, {"logs": folder / "app.log"}, Outputs(folder / "output", folder / "state"))
    return folder / "output"


def model_of(parsed: Path, folder: Path, name: str = "count neighbours") -> Path:
    """A model folder with a parser and a session model of the training blocks; no language model is in it."""
    sessions = read_table(parsed / SESSIONS, SESSIONS_SCHEMA).with_columns(side="split", abnormal="alert")
    templates = read_table(parsed / TEMPLATES, TEMPLATES_SCHEMA).select("template_id", "template")
    scores = {key: _score(text) for key, text in templates.iter_rows()}
    events = events_of(templates, list(scores), scores)
    train, validation = (labelled_sessions(sessions, side, events) for side in ("train", "validation"))
    chosen = choose({name: CANDIDATES[name]}, train, validation, events, 0)
    assert chosen is not None
    with artifacts.writing(folder / "model", "sft") as made:
        (made / "parser").mkdir()
        write_parser(parsed, stream_params(*KEYED).parse, made)
        write_session_model(chosen, made)
    return folder / "model"


def _score(text: str) -> float:
    return 0.9 if "failed" in text else 0.1


def evaluated(model: Path, parsed: Path) -> tuple[dict[str, str], dict[str, float]]:
    """What `evaluate` says of the tested blocks: answers and scores."""
    sessions = read_table(parsed / SESSIONS, SESSIONS_SCHEMA)
    templates = read_table(parsed / TEMPLATES, TEMPLATES_SCHEMA).select("template_id", "template")
    tested = sessions.filter(pl.col("split") == "test")
    held_out = SimpleNamespace(
        whole_sessions=True, sessions=SimpleNamespace(table=tested), teaching=sessions, templates=templates
    )
    scores = {key: _score(text) for key, text in templates.iter_rows()}
    found = judge_with_session_model(model, held_out, SystemAnswers("grpo", [], {}, direct_scores=scores))  # type: ignore[arg-type]
    assert found is not None
    names = tested["session"].to_list()
    return (
        dict(zip(names, found.answers.answers, strict=True)),
        dict(zip(names, found.answers.scores, strict=True)),
    )


def lines_of(names: Sequence[str]) -> list[str]:
    wanted = set(names)
    return [line for line in block_lines()[0] if wanted & {word.rstrip(":") for word in line.split()}]


def test_what_is_flagged_live_is_what_evaluate_flags(tmp_path: Path, parsed: Path) -> None:
    model = model_of(parsed, tmp_path)
    answers, scores = evaluated(model, parsed)
    live, lines = Live(tmp_path, model), lines_of(list(answers))
    for start in range(0, len(lines), 25):
        live.take(lines[start : start + 25])
        if start % 100 == 0:
            live.again()
    live.finish()
    assert live.answers() == answers
    assert {name: round(one[-1].score, 6) for name, one in live.verdicts.items()} == scores
    assert sum(one[-1].lines for one in live.verdicts.values()) == len(lines)
    assert set(answers.values()) == {"normal", "abnormal"}
    # Blocks that were quiet were judged without their last line first, and otherwise.
    assert live.answers(0) != answers and max(len(one) for one in live.verdicts.values()) == 2


def test_one_session_is_counted_once_and_alerts_once(tmp_path: Path, parsed: Path) -> None:
    live = Live(tmp_path, model_of(parsed, tmp_path))
    lines = lines_of(list(evaluated(live.service.folder, parsed)[0]))
    for start in range(0, len(lines), 25):
        live.take(lines[start : start + 25])
    assert live.engine.counters()["sessions"] == len(live.verdicts) < sum(len(one) for one in live.verdicts.values())
    live.finish()
    twice = [name for name, one in live.verdicts.items() if [said.answer for said in one] == ["abnormal"] * 2]
    alerted = [alert.session for alert in live.alerts]
    assert twice and len(alerted) == len(set(alerted))
    assert {name for name, said in live.answers().items() if said == "abnormal"} <= set(alerted)


def test_a_session_that_its_threshold_alone_flags_has_an_alert(tmp_path: Path, parsed: Path) -> None:
    model = model_of(parsed, tmp_path, "maximum")
    live = Live(tmp_path, model)
    threshold = live.engine._session_model.threshold.value  # type: ignore[union-attr]
    live.service.said = {"open block blk-<*>": ("normal", threshold + 0.01)}
    live.take(["2026-01-01 00:00:01 INFO open block blk-1", "2026-01-01 00:00:02 INFO read block blk-2"])
    live.finish()
    assert live.answers() == {"blk-1": "abnormal", "blk-2": "normal"}
    assert [alert.session for alert in live.alerts] == ["blk-1"]


def test_a_session_waits_for_the_model_that_answers_now(tmp_path: Path) -> None:
    live = Live(tmp_path, model_folder(tmp_path, *KEYED))
    live.take(["2026-01-01 00:00:00 INFO open block blk-1", "2026-01-01 00:00:01 INFO read block blk-2"])
    live.take(["2026-01-01 00:00:02 INFO read block blk-2"])
    live.engine.swap("another")
    live.take(["2026-01-01 02:00:00 INFO read block blk-3"] * 2)
    live.take(["2026-01-01 04:00:00 INFO read block blk-3"] * 2)
    assert {"blk-1", "blk-2"} <= set(live.verdicts)
    live.finish()


# ---------------------------------------------------------------- what is kept


def closed(name: str, lines: Sequence[int], at: float) -> pl.DataFrame:
    return pl.DataFrame(
        {"session": [name], "lines": [list(lines)], "template_ids": [[template_id(str(one)) for one in lines]]}
    ).with_columns(source=pl.lit("app.log"), time=pl.from_epoch(pl.lit(int(at))).cast(pl.Datetime("us", "UTC")))


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        (ClosedSessions(100, 9, 9), ["b", "c"]),  # a is too old
        (ClosedSessions(1000, 1, 9), ["c"]),  # the one that was quiet for the shortest time
        (ClosedSessions(1000, 9, 5), ["a", "b", "c"]),
        (ClosedSessions(1000, 9, 4), ["a", "b"]),  # c would get too long
        (ClosedSessions(1000, 9, 2), []),  # none can grow
    ],
)
def test_what_is_kept_has_an_end(tmp_path: Path, kept: ClosedSessions, names: list[str]) -> None:
    connection = connect(tmp_path / "stream.db")
    ClosedSessions.prepare(connection)
    for name, lines, at in (("a", [1, 2], 1000), ("b", [3, 4], 1100), ("c", [5, 6, 7], 1150)):
        with transaction(connection):
            kept.put(connection, kept.extend(connection, closed(name, lines, at)), ["abnormal"], at)
    found = kept.extend(connection, pl.concat([closed(name, [8, 9], 1160) for name in "abc"]))
    assert found.filter(pl.col("before").is_not_null())["session"].to_list() == names
    for name, lines, ids in found.select("session", "lines", "template_ids").iter_rows():
        earlier = {"a": [1, 2], "b": [3, 4], "c": [5, 6, 7]}[name] if name in names else []
        assert lines == [*earlier, 8, 9] and ids == [template_id(str(one)) for one in lines]
    connection.close()
