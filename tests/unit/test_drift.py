"""Drift: what is counted, when it is said, what goes to reviewers and what it starts."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from rationanomaly import artifacts
from rationanomaly.cli.app import app
from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.ledger import Decision, Ledger, Vote, read_ledger
from rationanomaly.detection.verdict import Verdict
from rationanomaly.drift.book import BEYOND, STRETCH, DriftBook
from rationanomaly.drift.event import VARIABLE, start_retraining
from rationanomaly.drift.measures import Measured, measure_drift, stability_index
from rationanomaly.drift.measuring import EVENT, measure_stream
from rationanomaly.drift.queue import review_rows, write_queue
from rationanomaly.drift.report import report_drift
from rationanomaly.drift.watch import DriftWatch
from rationanomaly.errors import ArtifactError, InfrastructureError, InputError, ParamsError
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.records import LINES, REVIEW_QUEUE, TEMPLATES, TEMPLATES_SCHEMA, Answer, read_table, template_id
from rationanomaly.review.launch import open_desk
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.stream.watching import Watch
from tests.sealed import edit, sealed

#: Of a template in `STRETCH`.
NAME = pl.col("template").str.split(" ").list.first()
START = datetime(2031, 3, 3, tzinfo=UTC)
HOUR = 3600.0
NOW = START.timestamp()
ESCAPE = "\x1b]0;owned\x07 \u202e"


@pytest.fixture(scope="module")
def defaults() -> DriftParams:
    return load_params(Path(DEFAULTS_NAME)).watch.drift


@pytest.fixture
def settings(defaults: DriftParams) -> DriftParams:
    """A baseline of two hours, a window of one."""
    return defaults.model_copy(
        update={"window_hours": 1.0, "baseline_hours": 2.0, "min_lines": 100, "repeat_hours": 12.0}
    )


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(tmp_path / "stream.db", isolation_level=None)
    made.execute("PRAGMA synchronous = OFF")
    DriftBook.prepare(made)
    yield made
    made.close()


def lines(
    hour: float, counts: dict[str, int], answers: dict[str, tuple[str, float | None]] | None = None
) -> pl.DataFrame:
    """Lines of an hour: template → how many; all are normal unless said otherwise."""
    rows = [name for name, count in counts.items() for _ in range(count)]
    answers = answers or {}
    return pl.DataFrame(
        {
            "source": ["app.log"] * len(rows),
            "line": range(1, len(rows) + 1),
            "time": [START + timedelta(hours=hour, seconds=k * 3000 / len(rows)) for k in range(len(rows))],
            "node": ["n1"] * len(rows),
            "level": ["INFO"] * len(rows),
            "message": [f"{name} {k}" for k, name in enumerate(rows)],
            "template": [f"{name} <*>" for name in rows],
            "template_id": [identity(name) for name in rows],
            "parameters": [["1"]] * len(rows),
            "sessions": [None] * len(rows),
            "answer": [answers.get(name, ("normal", 0.1))[0] for name in rows],
            "score": [answers.get(name, ("normal", 0.1))[1] for name in rows],
        },
        schema=JUDGED_LINES,
    )


def verdict(answer: Answer) -> Verdict:
    return Verdict("", answer, 0.9, 0.9, None, None, None, (), grounded=False)


def identity(name: str) -> str:
    return template_id(f"{name} <*>")


def identities(names: Iterable[str]) -> set[str]:
    return {identity(name) for name in names}


QUIET = {"a": 300, "b": 200, "c": 100}


def follow(book: DriftBook | DriftWatch, connection: sqlite3.Connection, *hours: pl.DataFrame) -> None:
    for one in hours:
        book.observe(connection, one)


def measures(book: DriftBook, connection: sqlite3.Connection, settings: DriftParams, hour: float,
             ledger: Ledger | None = None) -> dict[str, Measured]:  # fmt: skip
    report = report_drift(book, connection, settings, ledger, NOW + hour * HOUR)
    return {one.name: one for one in report.measures}


def decide(path: Path, *votes: tuple[str, str, Vote], when: datetime = START + timedelta(days=9)) -> Ledger:
    """A ledger of decisions: template, reviewer, vote."""
    append_decisions(
        path,
        [
            Decision(identity(name), f"{name} <*>", who, vote, None, "", when.isoformat(), "independent")
            for name, who, vote in votes
        ],
    )
    return read_ledger(path)


# ---------------------------------------------------------------- measures


def test_the_index_is_its_formula() -> None:
    terms = stability_index(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    assert terms.sum() == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))
    assert stability_index(np.array([0.3, 0.7]), np.array([0.3, 0.7])).sum() == 0
    assert np.isfinite(stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0]))).all()


def test_a_stream_that_stays_what_it_was_has_not_drifted(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings, known=identities(QUIET))
    follow(book, connection, *(lines(hour, QUIET) for hour in range(3)))
    found = measures(book, connection, settings, 2.9)
    assert not any(one.drifted for one in found.values())
    assert found["template_shares"].value == pytest.approx(0)
    assert found["new_templates"].value == 0


DRIFTS: dict[str, tuple[dict[str, int], dict[str, tuple[str, float | None]]]] = {
    "new_templates": (QUIET | {"d": 60}, {}),
    "template_shares": ({"a": 60, "b": 200, "c": 340}, {}),
    "scores": (QUIET | {"e": 100}, {"e": ("normal", 0.45)}),
    "abnormal": (QUIET | {"f": 60}, {"f": ("abnormal", 0.9)}),
    "invalid": ({f"t{k}": 20 for k in range(30)}, {f"t{k}": ("invalid", 0.5) for k in range(20)}),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_found_and_said_with_its_lines(
    connection: sqlite3.Connection, settings: DriftParams, name: str
) -> None:
    counts, answers = DRIFTS[name]
    known = set(QUIET) | (set(counts) if name != "new_templates" else set())
    book = DriftBook(settings, identities(known))
    follow(book, connection, *(lines(hour, QUIET) for hour in range(2)), lines(2, counts, answers))
    report = report_drift(book, connection, settings, None, NOW + 2.9 * HOUR)
    assert name in {one.name for one in report.drifted}
    alert = next(one for one in report.alerts() if one.subject == name)
    assert alert.kind == "drift"
    assert 0 < alert.score <= 1
    assert alert.measures["limit"] == getattr(settings, name)
    if name != "scores":
        assert alert.lines
        assert all(ref.message.split()[0] in counts for ref in alert.lines)


def test_an_accident_of_few_templates_is_no_drift(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings, known=identities(QUIET))
    follow(book, connection, lines(0, QUIET, {"c": ("invalid", 0.5)}))
    invalid = measures(book, connection, settings, 0.9)["invalid"]
    assert invalid.value == pytest.approx(1 / 3)
    assert not invalid.drifted


def test_reviewers_who_overrule_the_model_are_drift(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    names = [f"t{k}" for k in range(20)]
    book = DriftBook(settings, known=identities(names), clock=lambda: NOW)
    follow(book, connection, lines(0, dict.fromkeys(names, 20)))
    ledger = decide(tmp_path / "ledger.jsonl", *((name, "ada", "abnormal" if k < 8 else "normal") for k, name in
                                                 enumerate(names)))  # fmt: skip
    found = measures(book, connection, settings, 0.9, ledger)["disagreement"]
    assert found.value == pytest.approx(0.4)
    assert found.drifted


def test_decisions_from_before_the_model_answered_say_nothing_of_it(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    book = DriftBook(settings, known=identities(QUIET), clock=lambda: NOW)
    follow(book, connection, lines(0, QUIET))
    ledger = decide(tmp_path / "l.jsonl", *((n, "ada", "abnormal") for n in QUIET), when=START - timedelta(days=1))
    assert measures(book, connection, settings, 0.9, ledger)["disagreement"].value is None


def test_too_little_is_said_and_raises_nothing(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings)
    follow(book, connection, lines(0, {"a": 5}))
    (found,) = measures(book, connection, settings, 0.9).values()
    assert found.value is None
    assert "5 lines" in found.text
    assert not measure_drift(STRETCH.to_frame(), STRETCH.to_frame(), {}, settings)[0].drifted


# ---------------------------------------------------------------- the book


def test_batches_of_any_size_count_the_same(settings: DriftParams) -> None:
    whole = lines(0, QUIET, {"b": ("abnormal", 0.8)})
    found = []
    for size in (600, 7):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        book = DriftBook(settings, clock=lambda: NOW)
        book.prepare(connection)
        follow(book, connection, *(whole.slice(at, size) for at in range(0, 600, size)))
        found.append(book.window(connection, NOW).drop("examples"))
    assert found[0].equals(found[1])
    assert found[0].filter(NAME == "b")["abnormal"].item() == 200


def test_a_verdict_that_comes_late_counts_for_its_lines(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings)
    follow(book, connection, lines(0, {"a": 200, "n": 7}, {"n": ("pending", None)}))
    row = book.window(connection, NOW).filter(NAME == "n").row(0, named=True)
    assert (row["answer"], row["abnormal"]) == (None, 0)
    book.answer(connection, identity("n"), "abnormal", 0.7)
    book.answer(connection, identity("n"), "normal", 0.2)  # The first answer stays: later ones may be a reviewer's.
    row = book.window(connection, NOW).filter(NAME == "n").row(0, named=True)
    assert (row["answer"], row["score"], row["abnormal"]) == ("abnormal", 0.7, 7)
    book.answer(connection, identity("n"), "invalid", 0.3)  # Known only when the analysis is through.
    row = book.window(connection, NOW).filter(NAME == "n").row(0, named=True)
    assert (row["answer"], row["score"], row["abnormal"]) == ("invalid", 0.7, 7)


def test_what_a_failed_batch_counted_is_not_there(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings)
    connection.execute("BEGIN IMMEDIATE")
    book.observe(connection, lines(0, QUIET))
    connection.execute("ROLLBACK")
    follow(book, connection, lines(0, QUIET))
    assert dict(book.window(connection, NOW).select(NAME, "lines").iter_rows()) == QUIET


def test_another_model_begins_a_new_baseline(connection: sqlite3.Connection, settings: DriftParams) -> None:
    follow(DriftBook(settings, model="one"), connection, *(lines(hour, QUIET) for hour in range(3)))
    book = DriftBook(settings, known=identities(["d"]), model="two")
    follow(book, connection, *(lines(hour, {"d": 200}) for hour in range(3, 6)))
    baseline = book.baseline(connection, NOW + 5.5 * HOUR)
    assert dict(baseline.select(NAME, "lines").iter_rows()) == {"d": 400}


def test_the_book_stays_small(
    connection: sqlite3.Connection, settings: DriftParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.drift.book._MAX_TEMPLATES", 5)
    book = DriftBook(settings)
    for hour in range(30):
        follow(book, connection, lines(hour, {f"{hour}-{k}": 1 for k in range(10)}))
        book.prune(connection, NOW + hour * HOUR)
    window = book.window(connection, NOW + 29 * HOUR)
    assert dict(window.select("template_id", "lines").iter_rows()) == {BEYOND: 10}
    (hours,) = connection.execute("SELECT count(DISTINCT hour) FROM drift_hours").fetchone()
    assert hours <= settings.baseline_hours + settings.window_hours + 1


def test_a_wrong_clock_moves_nothing(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings, known=identities(QUIET))
    wrong = lines(0, {"a": 3}).with_columns(time=pl.datetime(pl.Series([1970, 2031, 9999]), 1, 1, time_zone="UTC"))
    for hour in range(4):
        follow(book, connection, pl.concat([wrong, lines(hour, QUIET)]))
        book.prune(connection, NOW + hour * HOUR)
    now = book.newest(connection)
    assert now == NOW + 4 * HOUR - 1
    assert int(book.window(connection, now)["lines"].sum()) == 600
    assert int(book.baseline(connection, now)["lines"].sum()) == 1200
    (hours,) = connection.execute("SELECT count(DISTINCT hour) FROM drift_hours").fetchone()
    assert hours <= 5


@pytest.mark.parametrize("years", [-60, 60])
def test_a_wrong_clock_alone_in_its_batch_moves_nothing(
    connection: sqlite3.Connection, settings: DriftParams, years: int
) -> None:
    watch = DriftWatch(settings, known=identities(QUIET))
    for hour in range(4):
        follow(watch, connection, lines(hour, QUIET))
        watch.tick(connection)
        for _ in range(5):
            follow(watch, connection, lines(hour, {"a": 5}).with_columns(pl.col("time").dt.offset_by(f"{years}y")))
            assert watch.tick(connection) == []
            follow(watch, connection, lines(hour, {"a": 1}))
    book = DriftBook(settings)
    now = book.newest(connection)
    assert now == NOW + 4 * HOUR - 1
    assert int(book.window(connection, now)["lines"].sum()) == 605
    assert int(book.baseline(connection, now)["lines"].sum()) == 1210


@pytest.mark.parametrize("hours", [-7200, -100, 100, 7200])
def test_a_baseline_that_began_by_a_wrong_clock_begins_anew(
    connection: sqlite3.Connection, settings: DriftParams, hours: float
) -> None:
    watch = DriftWatch(settings, known=identities(QUIET))
    raised = []
    for hour, counts in [(hours, {"a": 1}), *enumerate([QUIET, QUIET, QUIET, {"a": 100, "b": 500}])]:
        follow(watch, connection, lines(hour, counts))
        raised += [one.subject for one in watch.tick(connection)]
    assert raised == ["template_shares"]


def test_what_was_raised_by_a_clock_that_was_ahead_is_raised_again(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    drifted = QUIET | {"d": 100}
    starting = settings.model_copy(update={"command": [sys.executable, "-c", ""]})
    watch = DriftWatch(settings, known=identities(QUIET))
    for hour in (7200, 0):
        follow(watch, connection, lines(hour, drifted))
        assert [one.subject for one in watch.tick(connection)] == ["new_templates"]
        _, _, done = measure_stream(tmp_path / "stream.db", tmp_path / "drift", starting, start=True)
        assert done == [f"ran {sys.executable}"]


def test_lines_without_times_count_as_of_now(connection: sqlite3.Connection, settings: DriftParams) -> None:
    book = DriftBook(settings, clock=lambda: NOW + 5 * HOUR)
    follow(book, connection, lines(0, QUIET).with_columns(time=pl.lit(None, pl.Datetime("us", "UTC"))))
    assert int(book.window(connection, NOW + 5 * HOUR)["lines"].sum()) == 600


def test_an_alert_is_given_once_until_it_is_over(connection: sqlite3.Connection, settings: DriftParams) -> None:
    watch = DriftWatch(settings.model_copy(update={"baseline_hours": 24.0}), known=identities(QUIET))
    raised = []
    drifted = QUIET | {"d": 100}
    for hour, counts in enumerate([drifted, drifted, drifted, QUIET, drifted]):
        follow(watch, connection, lines(hour, counts))
        raised.append([one.subject for one in watch.tick(connection)])
        assert watch.tick(connection) == []
    assert raised == [["new_templates"], [], [], [], ["new_templates"]]


def test_a_watched_stream_raises_it(connection: sqlite3.Connection) -> None:
    params = load_params(Path(DEFAULTS_NAME))
    Watch.prepare(connection)
    watch = Watch(params, [f"{name} <*>" for name in QUIET])
    watch.observe(connection, lines(0, {name: 3 * count for name, count in QUIET.items()} | {"d": 400}))
    watch.answered(connection, identity("d"), verdict("abnormal"))
    raised, _ = watch.tick(connection, NOW + HOUR)
    (alert,) = (one for one in raised if one.kind == "drift")
    assert (alert.subject, alert.measures["lines"]) == ("new_templates", 2200)


def test_a_damaged_ledger_does_not_stop_the_stream(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    (tmp_path / "ledger.jsonl").write_bytes(b"\xff\xfe{not json\n" * 3)
    watch = DriftWatch(settings, identities(QUIET), ledger=tmp_path / "ledger.jsonl")
    follow(watch, connection, lines(0, QUIET))
    assert watch.tick(connection) == []


# ---------------------------------------------------------------- the queue


def queue_of(connection: sqlite3.Connection, settings: DriftParams, ledger: Ledger | None) -> dict[str, dict[str, Any]]:
    window = DriftBook(settings).window(connection, NOW)
    return {row["template"].split()[0]: row for row in review_rows(window, ledger, settings)}


def test_unknown_unsure_and_contested_templates_go_to_reviewers(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    names = ("sure", "unknown", "unsure", "invalid", "split", "overruled", "agreed")
    answers: dict[str, tuple[str, float | None]] = {"unsure": ("normal", 0.48), "invalid": ("invalid", 0.9)}
    book = DriftBook(settings, known=identities(set(names) - {"unknown", "agreed"}))
    follow(book, connection, lines(0, {name: 10 + k for k, name in enumerate(names)}, answers))
    ledger = decide(tmp_path / "l.jsonl", ("split", "ada", "normal"), ("split", "bob", "abnormal"),
                    ("overruled", "ada", "abnormal"), ("agreed", "ada", "normal"))  # fmt: skip
    queue = queue_of(connection, settings, ledger)
    assert set(queue) == {"unknown", "unsure", "invalid", "split", "overruled"}
    assert list(queue)[:2] == ["overruled", "split"]
    assert {name: queue[name]["needs"] for name in queue if queue[name]["needs"] != "independent"} == {
        "split": "panel", "overruled": "panel",
    }  # fmt: skip
    assert queue["unknown"]["reason"].startswith("unknown")
    assert queue["unknown"]["lines"] == 11
    assert queue["unknown"]["examples"][0]["message"].startswith("unknown ")


def test_the_queue_opens_in_the_review_application(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    hostile = lines(0, {"x": 200}).with_columns(
        message=pl.lit(f"<script>alert(1)</script>{ESCAPE}"), template=pl.lit(f"<b>{ESCAPE} <*>")
    )
    follow(DriftBook(settings), connection, hostile)
    write_queue(tmp_path / "a", list(queue_of(connection, settings, None).values()))
    out = sealed(tmp_path / "a", "drift")
    table = read_table(out / TEMPLATES, TEMPLATES_SCHEMA)
    assert table["template_id"].to_list() == [identity("x")]
    desk, context = open_desk(out, tmp_path / "ledger.jsonl", out)
    (item,) = desk.items
    assert item.lines == 200
    assert context.examples(item)


@pytest.mark.parametrize("name", [TEMPLATES, LINES, REVIEW_QUEUE])
def test_the_review_application_takes_no_edited_output(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path, name: str
) -> None:
    follow(DriftBook(settings), connection, lines(0, {"x": 200}))
    write_queue(tmp_path / "a", list(queue_of(connection, settings, None).values()))
    out = sealed(tmp_path / "a", "drift")
    edit(out / name)
    with pytest.raises(ArtifactError, match="SHA-256"):
        open_desk(out, tmp_path / "ledger.jsonl", out)


def test_an_empty_queue_is_a_queue(tmp_path: Path) -> None:
    write_queue(tmp_path, [])
    assert (tmp_path / REVIEW_QUEUE).read_text() == ""
    assert read_table(tmp_path / TEMPLATES, TEMPLATES_SCHEMA).is_empty()


# ---------------------------------------------------------------- what it starts


class Receiver(BaseHTTPRequestHandler):
    """Notes what is posted; answers what `status` says."""

    received: ClassVar[list[tuple[dict[str, str], bytes]]] = []
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], str]]:
    class Mine(Receiver):
        received: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    server = HTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Mine, f"http://127.0.0.1:{server.server_port}/start"
    server.shutdown()
    thread.join()
    server.server_close()


def drifted_state(connection: sqlite3.Connection, settings: DriftParams) -> None:
    follow(DriftBook(settings, known=identities(QUIET)), connection, lines(0, QUIET | {"d": 100}))


def python(*words: str) -> list[str]:
    return [sys.executable, "-c", *words]


def test_a_drift_starts_the_command_once(connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path) -> None:
    drifted_state(connection, settings)
    notes = tmp_path / "notes"
    code = f"import os; open({str(notes)!r}, 'a').write(open(os.environ[{VARIABLE!r}]).read())"
    mine = settings.model_copy(update={"command": python(code)})
    assert measure_stream(tmp_path / "stream.db", tmp_path / "out", mine)[2] == []
    for said in ("ran ", "nothing is started"):
        _, _, done = measure_stream(tmp_path / "stream.db", tmp_path / "out", mine, start=True)
        assert done[0].startswith(said)
    event = json.loads(notes.read_text())
    assert event["drifted"] == ["new_templates"]
    assert event == json.loads((tmp_path / "out" / EVENT).read_text())
    assert set(artifacts.read(tmp_path / "out", "drift").files) == {EVENT, REVIEW_QUEUE, TEMPLATES, LINES}


def test_a_start_that_fails_is_tried_again(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    drifted_state(connection, settings)
    failing = settings.model_copy(update={"command": python("raise SystemExit(3)")})
    for _ in range(2):
        with pytest.raises(InfrastructureError, match="exit code 3"):
            measure_stream(tmp_path / "stream.db", tmp_path / "out", failing, start=True)
    with pytest.raises(InfrastructureError, match="can't be run"):
        measure_stream(
            tmp_path / "stream.db", tmp_path / "out", settings.model_copy(update={"command": ["/no/such"]}), start=True
        )


def test_the_webhook_gets_the_event_with_its_token(
    settings: DriftParams, tmp_path: Path, receiver: tuple[type[Receiver], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, address = receiver
    monkeypatch.setenv("DRIFT_TOKEN", "s3cret")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"time": 1.0, "drifted": ["scores"]}))
    mine = settings.model_copy(update={"webhook": address, "webhook_token": "DRIFT_TOKEN"})
    start_retraining(mine, event)
    start_retraining(mine, event)
    (headers, body), (again, _) = server.received
    assert json.loads(body)["drifted"] == ["scores"]
    assert headers["Authorization"] == "Bearer s3cret"
    assert headers["Idempotency-Key"] == again["Idempotency-Key"]
    server.status = 500
    with pytest.raises(InfrastructureError, match="500") as error:
        start_retraining(mine, event)
    assert "s3cret" not in str(error.value)


def test_a_webhook_that_is_away_or_has_no_token_is_said(settings: DriftParams, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"time": 1.0, "drifted": ["scores"]}))
    away = settings.model_copy(update={"webhook": "http://127.0.0.1:9/x"})
    with pytest.raises(InfrastructureError, match="can't be reached"):
        start_retraining(away, event)
    with pytest.raises(ParamsError, match="NOT_SET"):
        start_retraining(away.model_copy(update={"webhook_token": "NOT_SET"}), event)


# ---------------------------------------------------------------- the command


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["drift", *map(str, words)])
    return result.exit_code, " ".join(result.output.split()) if result.exception is None else str(result.exception)


def arguments(tmp_path: Path, *more: str) -> Sequence[str]:
    short = ["window_hours=1", "baseline_hours=2", "min_lines=100"]
    sets = [word for one in short for word in ("--set", f"watch.drift.{one}")]
    return ["--state", str(tmp_path), "--output", str(tmp_path / "out"), "--params", DEFAULTS_NAME, *sets, *more]


def test_the_command_says_what_has_drifted(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    drifted_state(connection, settings)
    code, said = run(*arguments(tmp_path))
    assert code == 0
    assert "new_templates drifted 0.143" in said
    assert "template_shares unknown" in said
    assert [json.loads(line)["template_id"] for line in (tmp_path / "out" / REVIEW_QUEUE).open()] == [identity("d")]


def test_hostile_templates_are_inert_in_a_terminal(
    connection: sqlite3.Connection, settings: DriftParams, tmp_path: Path
) -> None:
    hostile = lines(0, {"x": 300}).with_columns(template=pl.lit(f"[red]{ESCAPE}\n<*>"))
    follow(DriftBook(settings, known=identities(QUIET)), connection, lines(0, QUIET), hostile)
    code, said = run(*arguments(tmp_path))
    assert code == 0
    assert "[red]" in said
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_what_is_no_stream_is_said(tmp_path: Path, settings: DriftParams) -> None:
    with pytest.raises(InputError, match="holds no stream"):
        measure_stream(tmp_path / "stream.db", tmp_path / "out", settings)
    (tmp_path / "stream.db").write_bytes(b"not a database" * 100)
    with pytest.raises(InfrastructureError, match="can't be read"):
        measure_stream(tmp_path / "stream.db", tmp_path / "out", settings)
    (tmp_path / "stream.db").unlink()
    sqlite3.connect(tmp_path / "stream.db").close()
    with pytest.raises(InputError, match="no lines yet"):
        measure_stream(tmp_path / "stream.db", tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()
