"""The engine: each line once, however it comes and whenever the process ends; verdicts later, and what they correct."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.decisions.precedents import Precedents
from rationanomaly.detection.session_verdicts import SessionCollector, judge_sessions
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.parse.live import read_log
from rationanomaly.records import Precedent
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.stream.engine import Engine, Settled, Taken
from rationanomaly.stream.output import OutputFile
from rationanomaly.stream.rows import settled_rows, taken_rows
from rationanomaly.stream.views import alerts_view, text_view
from tests.streaming import ScriptedService, as_bytes, chunk, identity_of, model_folder, stream_params

LINES = [f"2026-01-01 00:00:{second:02} INFO worker {second % 3} has started job {second}" for second in range(60)]
FAULT = "2026-01-01 00:01:00 ERROR disk failed on node7"
NOW = 1e9


class Opened:
    """An engine that can be closed and opened again."""

    def __init__(
        self, folder: Path, log_format: str = "application", settings: Sequence[str] = (), **service: Any
    ) -> None:
        self.format, self.params = log_format, stream_params(*settings)
        self.folder, self.model = folder, model_folder(folder)
        self.service = ScriptedService(self.model, **service)
        self.now = NOW
        self.engine = self.open()

    def open(self) -> Engine:
        return Engine.open(
            self.service,  # type: ignore[arg-type]
            self.folder / "state", self.params, log_format=self.format, clock=lambda: self.now,
        )  # fmt: skip

    def again(self) -> Engine:
        self.engine.close()
        self.engine = self.open()
        return self.engine

    def take(self, lines: list[str], position: object = None) -> Taken:
        return self.engine.take([chunk(as_bytes(lines), position)])


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    found = Opened(tmp_path, at_once=False)
    yield found
    found.engine.close()


def test_lines_have_templates_sessions_and_no_verdict_yet(opened: Opened) -> None:
    taken = opened.take([*LINES, FAULT])
    assert taken.lines.schema == JUDGED_LINES
    assert taken.lines["line"].to_list() == list(range(1, 61))  # The last one waits for more of it.
    assert set(taken.lines["answer"]) == {"pending"}
    assert set(taken.lines["template"]) == {"worker <*> has started job <*>"}
    assert taken.lines["parameters"][4].to_list() == ["1", "4"]
    assert taken.lines["sessions"][0].to_list() == ["window 1"]


def test_a_verdict_corrects_the_lines_that_came_before_it(opened: Opened) -> None:
    opened.take([*LINES, FAULT, FAULT])
    opened.engine.flush()
    opened.service.release()
    settled = opened.engine.settle()
    found = {one.template: one for one in settled.corrections}
    assert found["disk failed on node7"].verdict.answer == "abnormal"
    assert [line.line for line in found["disk failed on node7"].lines] == [61, 62]
    assert found["worker <*> has started job <*>"].count == 60
    assert [alert.template for alert in settled.alerts if alert.kind == "line"] == ["disk failed on node7"]
    after = opened.take([FAULT, *LINES[:1]])
    assert after.lines["answer"].to_list() == ["abnormal"]
    assert opened.engine.settle().corrections == []
    assert len(opened.service.asked) == 2


def test_a_direct_verdict_holds_until_the_reasoned_one_comes(tmp_path: Path) -> None:
    opened = Opened(tmp_path, at_once=False, reasoned=True)
    opened.take([FAULT, *LINES])
    opened.service.release(final=False)
    first = opened.engine.settle()
    assert [one.final for one in first.corrections] == [False, False]
    assert opened.take([FAULT, *LINES]).lines["answer"][1] == "abnormal"
    opened.service.release()
    last = {one.template: one for one in opened.engine.settle().corrections if one.final}
    fault = last["disk failed on node7"]
    assert (fault.count, fault.verdict.rationale) == (2, "a reason")
    assert not opened.engine.unsettled()
    opened.engine.close()


def test_a_template_whose_answer_is_on_its_way_is_not_asked_about_again(opened: Opened) -> None:
    opened.take([FAULT, *LINES])
    opened.service.release()
    # The verdicts have come, and nobody has taken them in.
    opened.take([FAULT, *LINES])
    opened.engine.ask(["disk failed on node7"], 0.0)
    opened.take([FAULT, *LINES])
    assert len(opened.service.asked) == 2
    assert {one.count for one in opened.engine.settle().corrections} == {3, 179}


def test_without_alerts_verdicts_are_all(tmp_path: Path) -> None:
    opened = Opened(tmp_path, settings=("watch.stream.raises_alerts=false",), at_once=False)
    taken = opened.take([FAULT, *LINES])
    opened.service.release()
    settled = opened.engine.settle()
    assert {one.verdict.answer for one in settled.corrections} == {"normal", "abnormal"}
    after = opened.take([FAULT, FAULT, *LINES])
    assert set(after.lines["answer"]) == {"normal", "abnormal"}
    finished = opened.engine.finish()
    opened.engine.tick()
    assert [one.answer for one in (*after.sessions, *finished.sessions)] == ["abnormal", "normal"]
    assert not any(one.alerts or one.incidents for one in (taken, settled, after, finished))
    assert "alert.line" not in opened.engine.counters()
    opened.engine.close()


def test_an_alert_counts_the_lines_that_were_not_kept(tmp_path: Path) -> None:
    opened = Opened(tmp_path, "bgl", settings=("watch.stream.pending_lines=3",), at_once=False)
    head = "- 1117838570 2005.06.03 {0} 2005-06-03-15.42.50.675872 {0} RAS KERNEL FATAL disk failed"
    lines = [head.format(node) for node in ("R00", "R01", "R00", "R02", "R00", "R01", "R00")]
    for some in (lines[:5], lines[5:]):
        opened.take(some)
        opened.engine.flush()
    opened.service.release()
    alerts = opened.engine.settle().alerts
    assert [(alert.node, alert.measures["lines"]) for alert in alerts] == [("R00", 4), ("R01", 2)]
    assert alerts[0].text.startswith("4 lines of")
    opened.engine.close()


def test_an_alert_is_raised_once_for_the_direct_and_the_reasoned_verdict(tmp_path: Path) -> None:
    opened = Opened(tmp_path, at_once=False, reasoned=True)
    opened.take([FAULT, *LINES])
    opened.service.release()
    alerts = [alert for alert in opened.engine.settle().alerts if alert.kind == "line"]
    assert len(alerts) == 1
    opened.engine.close()


def test_what_is_known_survives_a_restart(opened: Opened) -> None:
    opened.take([FAULT, *LINES], {"at": 5})
    before = opened.engine.counters()
    engine = opened.again()
    assert engine.positions() == {"app.log": {"at": 5}}
    assert engine.counters()["lines"] == before["lines"] == 60
    assert opened.service.pending == 2
    opened.service.release()
    assert {one.template: one.count for one in engine.settle().corrections}["worker <*> has started job <*>"] == 59
    assert opened.take([FAULT, FAULT]).lines["line"].to_list() == [61, 62]  # 61 waited all the time.
    opened.again()
    assert opened.take([FAULT]).lines["answer"].to_list() == ["abnormal"]
    assert opened.service.asked == ["disk failed on node7", "worker <*> has started job <*>"]


@pytest.mark.parametrize("seed", range(2))
def test_it_does_not_matter_where_chunks_end_nor_how_often_it_is_restarted(tmp_path: Path, seed: int) -> None:
    random_ = random.Random(seed)
    trace = ["java.lang.IllegalStateException: gone", "\tat org.shop.Cart.open(Cart.java:5)", "\tat org.shop.Main"]
    lines = [line for line in LINES for line in ((line, *trace) if random_.random() < 0.2 else (line,))]
    whole, parts = Opened(tmp_path / "whole"), Opened(tmp_path / "parts")
    expected = pl.concat([whole.take(lines).lines, whole.engine.finish().lines])
    found, start = [], 0
    while start < len(lines):
        end = start + random_.randrange(1, 20)
        found.append(parts.take(lines[start:end], end).lines)
        start = end
        if random_.random() < 0.5:
            parts.again()
    found.append(parts.engine.finish().lines)
    columns = ["line", "time", "level", "message", "template_id", "sessions"]
    assert pl.concat(found).select(columns).equals(expected.select(columns))
    whole.engine.close()
    parts.engine.close()


def test_what_could_not_be_written_is_not_stored_and_comes_again(opened: Opened, tmp_path: Path) -> None:
    opened.take(LINES[:30], 30)

    def fail(_: Taken) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        opened.engine.take([chunk(as_bytes(LINES[30:]), 60)], fail)
    assert opened.engine.positions() == {"app.log": 30}
    taken = opened.take(LINES[30:], 60)
    assert taken.lines["line"].to_list() == list(range(30, 60))
    assert opened.engine.counters()["lines"] == 59


def test_an_output_file_is_cut_back_to_what_was_stored(opened: Opened, tmp_path: Path) -> None:
    output = OutputFile(tmp_path / "rows.jsonl", opened.engine.connection)

    def write(taken: Taken) -> None:
        output.append(taken_rows(taken))

    def write_and_fail(taken: Taken) -> None:
        output.append(taken_rows(taken))
        raise KeyboardInterrupt

    opened.engine.take([chunk(as_bytes(LINES[:30]))], write)
    with pytest.raises(KeyboardInterrupt):
        opened.engine.take([chunk(as_bytes(LINES[30:]))], write_and_fail)
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 59
    opened.engine.take([chunk(as_bytes(LINES[30:]))], write)
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(1, 60))
    output.close()


def test_the_folder_of_an_output_file_is_made_and_a_folder_is_no_file(opened: Opened, tmp_path: Path) -> None:
    OutputFile(tmp_path / "new" / "rows.jsonl", opened.engine.connection).close()
    assert (tmp_path / "new" / "rows.jsonl").is_file()
    with pytest.raises(InfrastructureError, match="new: cannot write: Is a directory"):
        OutputFile(tmp_path / "new", opened.engine.connection)


def test_an_output_file_that_somebody_has_shortened_is_refused(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    output = OutputFile(path, opened.engine.connection)
    opened.engine.take([chunk(as_bytes(LINES))], lambda taken: output.append(taken_rows(taken)))
    output.close()
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"rows\.jsonl: holds 0 bytes"):
        OutputFile(path, opened.engine.connection)


def test_streams_beyond_the_limit_are_given_up_the_longest_silent_first(tmp_path: Path) -> None:
    opened = Opened(tmp_path, settings=("watch.stream.max_streams=2",))
    for name in ("a", "b", "c", "a"):
        opened.engine.take([chunk(as_bytes(LINES), {"read": name}, name)])
        opened.now += 10
        opened.engine.tick()
    # Each had given out all its lines when it was silent for longest; the first came again, and was new.
    assert opened.engine.positions() == opened.again().positions() == {"c": {"read": "c"}, "a": {"read": "a"}}
    assert opened.engine.take([chunk(as_bytes(LINES), None, "a")]).lines["line"][0] == 61
    assert opened.engine.take([chunk(as_bytes(LINES), None, "b")]).lines["line"][0] == 1
    opened.engine.close()


def test_a_stream_that_holds_a_line_is_not_given_up(tmp_path: Path) -> None:
    opened = Opened(tmp_path, settings=("watch.stream.max_streams=2",))
    for name in "abc":
        opened.engine.take([chunk(as_bytes(LINES), None, name)])
    assert list(opened.engine.positions()) == ["a", "b", "c"]
    assert opened.engine.flush().lines["line"].to_list() == [60, 60, 60]
    opened.engine.close()


def test_signals_are_stored_whole_when_the_stream_is_closed(opened: Opened) -> None:
    opened.take(LINES)
    # Storing all of it is said to take long, so that it is not done with each batch.
    opened.engine._watch._signals._storing = 1e9
    opened.take(LINES)
    before = opened.engine._watch._signals._last.dump()
    opened.again()
    assert opened.engine._watch._signals._last.dump() == before


def test_two_at_once_can_not_use_a_folder(opened: Opened) -> None:
    with pytest.raises(InfrastructureError, match="in use by another process"):
        opened.open()


def test_an_experts_decision_holds_from_the_next_line_on(opened: Opened) -> None:
    opened.take([FAULT, *LINES])
    opened.service.release()
    opened.engine.settle()
    text = "disk failed on node7"
    opened.service.precedents = Precedents([Precedent(identity_of(text), text, "normal", ["ada"], "1", None)])
    assert opened.take([FAULT, FAULT]).lines["answer"].to_list()[1:] == ["normal"]
    (verdict,) = opened.engine.ask([text], 0.0)
    assert verdict is not None
    assert verdict.source == "precedent"


def test_another_model_is_asked_anew(opened: Opened) -> None:
    opened.take([FAULT, *LINES])
    opened.service.release()
    opened.engine.settle()
    opened.engine.swap("newer")
    assert opened.engine.version.name == "newer"
    assert opened.take([FAULT, FAULT]).lines["answer"].to_list()[1:] == ["pending"]
    opened.service.release()
    assert [one.count for one in opened.engine.settle().corrections] == [1, 1]


def test_templates_can_be_asked_about(opened: Opened) -> None:
    assert opened.engine.ask(["pump failed"], 0.0) == [None]
    opened.service.release()
    (verdict,) = opened.engine.ask(["pump failed"], 0.0)
    assert verdict is not None
    assert verdict.answer == "abnormal"
    opened.engine.settle()
    assert [one is not None for one in opened.engine.ask(["pump failed", "else"], 0.0)] == [True, False]


def test_similar_templates_are_found(opened: Opened) -> None:
    opened.take([FAULT, *LINES])
    (best, second) = opened.engine.similar("disk failed on node9", 2)
    assert best[0] == "disk failed on node7"
    assert 1 > best[1] > second[1]


def test_lines_that_fit_no_record_are_given_out_as_such(opened: Opened) -> None:
    opened.engine.take([chunk(as_bytes(["no time here", *LINES]))])
    taken = opened.engine.take([chunk(as_bytes(LINES))])
    assert taken.rejected == 0
    other = opened.engine.take([chunk(b"- no bgl\n" * 3, stream="b.log")])
    assert other.lines.height + other.rejected in (0, 3)


def test_the_format_is_found_in_the_first_lines(tmp_path: Path) -> None:
    opened = Opened(tmp_path, "auto")
    assert opened.take(LINES).lines["level"].unique().to_list() == ["INFO"]
    assert opened.again().take([chunk(as_bytes(LINES))]).lines.height == 60
    opened.engine.close()


def test_a_stream_without_a_known_format_is_a_stream_of_messages(tmp_path: Path) -> None:
    opened = Opened(tmp_path, "auto")
    opened.take(["so", "this", "is"])
    opened.now += 10
    assert opened.engine.tick().lines["message"].to_list() == ["so", "this"]
    opened.now += 10
    assert opened.engine.tick().lines["message"].to_list() == ["is"]
    opened.engine.close()


@pytest.mark.parametrize(
    "data", [b"", b"\n\n\n", b"\0\0\0\n", b"\xff\xfe\xfd\n" * 200, b"\x1b]0;x\x07\n", b"x" * 3_000_000 + b"\n"]
)
def test_bad_bytes_are_normal_input(opened: Opened, data: bytes) -> None:
    opened.engine.take([chunk(data)])
    opened.again()
    opened.engine.take([chunk(data)])
    opened.engine.finish()
    assert opened.engine.take([chunk(as_bytes(LINES))]).rejected >= 0


def test_rows_say_what_the_frame_says(opened: Opened) -> None:
    odd = [f'2026-01-01 00:02:0{n} ERROR "quoted" \\ \t ü \x01 failed {n}' for n in range(3)]
    taken = opened.take([*odd, *LINES])
    rows = [json.loads(line) for line in taken_rows(taken).splitlines()]
    assert {row["kind"] for row in rows} >= {"line"}
    lines = [row for row in rows if row["kind"] == "line"]
    for row, line in zip(lines, taken.lines.iter_rows(named=True), strict=True):
        for name in ("source", "line", "node", "level", "message", "template", "template_id", "answer", "sessions"):
            assert row[name] == line[name]
    opened.service.release()
    settled = opened.engine.settle()
    corrections = [json.loads(line) for line in settled_rows(settled).splitlines()]
    assert [row["template"] for row in corrections if row["kind"] == "correction"] == [
        one.template for one in settled.corrections
    ]


def test_hostile_text_is_inert_in_the_views(opened: Opened) -> None:
    taken = opened.take(["2026-01-01 00:00:01 ERROR disk failed \u202eevil\u2066", *LINES])
    opened.service.release()
    settled: Settled = opened.engine.settle()
    shown = [line.text for line in (*text_view(taken), *text_view(settled), *alerts_view(taken), *alerts_view(settled))]
    assert any("\\u202eevil" in line for line in shown)
    assert not any("\u202e" in line or "\n" in line for line in shown)


def test_sessions_are_those_of_the_log_read_as_a_whole(tmp_path: Path) -> None:
    params = stream_params("parse.sessions.kind=key", "parse.sessions.key=job-[0-9]+").parse
    random_ = random.Random(3)
    lines = [
        f"2026-01-01 00:{n // 60:02}:{n % 60:02} INFO step {'failed' if random_.random() < 0.02 else 'done'} of "
        f"job-{random_.randrange(40)}"
        for n in range(600)
    ]
    (tmp_path / "app.log").write_bytes(as_bytes(lines))
    collector = SessionCollector(contiguous=False)
    engine = Opened(tmp_path / "stream")
    engine.engine.close()
    engine.model = model_folder(tmp_path / "keyed", "parse.sessions.kind=key", "parse.sessions.key=job-[0-9]+")
    engine.service = ScriptedService(engine.model)
    engine.folder = tmp_path / "keyed"
    engine.engine = engine.open()
    for frame in read_log(tmp_path / "app.log", "application", params):
        texts = {text: engine.service._answered("", text, final=True).verdict for text in frame["template"].unique()}
        collector.add(frame, texts)
    expected = list(judge_sessions(collector.finish(), collector.verdicts, None))
    found = []
    for start in range(0, len(lines), 150):
        found += engine.take(lines[start : start + 150]).sessions
        engine.again()
        engine.engine.settle()
    found += engine.engine.flush().sessions
    engine.engine.settle()
    found += engine.engine.finish().sessions
    assert sorted(found, key=lambda one: one.session) == sorted(expected, key=lambda one: one.session)
    assert {one.answer for one in found} == {"normal", "abnormal"}
    engine.engine.close()


def test_a_session_ends_when_it_has_been_quiet(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    opened.engine.close()
    opened.folder = tmp_path / "keyed"
    opened.service = ScriptedService(
        model_folder(opened.folder, "parse.sessions.kind=key", "parse.sessions.key=job-[0-9]+")
    )
    opened.engine = opened.open()
    first = [
        "2026-01-01 00:00:00 INFO begin job-1",
        *[f"2026-01-01 00:00:01 INFO step {n} of job-2" for n in range(120)],
    ]
    opened.take(first)
    opened.engine.settle()
    assert opened.take(["2026-01-01 00:30:00 INFO still in job-2"] * 2).sessions == []
    late = opened.take(["2026-01-01 01:20:00 INFO still in job-2"] * 2).sessions
    assert [one.session for one in late] == ["job-1"]
    opened.engine.close()
