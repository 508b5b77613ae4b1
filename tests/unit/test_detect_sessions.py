"""Verdicts on sessions: lines put together as they come, judged by what the model folder carries."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from rationanomaly.decisions.precedents import Citation
from rationanomaly.detection.session_verdicts import (
    WORST_TEMPLATE,
    SessionCollector,
    SessionVerdict,
    judge_sessions,
)
from rationanomaly.detection.verdict import Verdict
from rationanomaly.records import Precedent
from rationanomaly.session_models.choice import CANDIDATES, choose
from rationanomaly.session_models.chosen import ChosenSessionModel
from rationanomaly.session_models.tables import LabelledSessions
from tests.session_inputs import ALL_EVENTS, DELETE, EVENTS, FAIL, NEW, NORMAL, OPEN, TEXTS, made_sessions

BY_TEXT = {
    text: Verdict(text, "abnormal" if score >= 0.5 else "normal", score, score, None, None, None, (), False)
    for text, score in zip(TEXTS, ALL_EVENTS.scores.tolist(), strict=True)
}


def frame(lines: Sequence[tuple[int, int, Sequence[str] | None]]) -> pl.DataFrame:
    """(line, event, its sessions) as `parse.live.read_log` yields them."""
    return pl.DataFrame(
        [{"line": n, "template_id": f"t{event}", "template": TEXTS[event], "sessions": of} for n, event, of in lines],
        schema={"line": pl.Int64, "template_id": pl.String, "template": pl.String, "sessions": pl.List(pl.String)},
    )


def collected(*frames: pl.DataFrame, contiguous: bool = False) -> SessionCollector:
    collector = SessionCollector(contiguous)
    for lines in frames:
        collector.add(lines, BY_TEXT)
    return collector


def judged(collector: SessionCollector, model: ChosenSessionModel | None = None) -> dict[str, SessionVerdict]:
    return {one.session: one for one in judge_sessions(collector.finish(), collector.verdicts, model)}


@pytest.fixture(scope="module")
def model() -> ChosenSessionModel:
    train, validation = (made_sessions(300, seed) for seed in (1, 2))
    sides = [LabelledSessions(made.batch, made.abnormal) for made in (train, validation)]
    chosen = choose(CANDIDATES, sides[0], sides[1], EVENTS, 0)
    assert chosen is not None
    return chosen


def test_sessions_that_interleave_have_the_numbers_of_their_own_lines() -> None:
    first = frame([(1, OPEN, ["a"]), (2, OPEN, ["b"]), (4, FAIL, ["a", "b"]), (5, DELETE, None)])
    found = judged(collected(first, frame([(9, DELETE, ["b"])])))
    assert (found["a"].first_line, found["a"].last_line, found["a"].lines) == (1, 4, 2)
    assert (found["b"].first_line, found["b"].last_line, found["b"].lines) == (2, 9, 3)
    assert list(found) == ["a", "b"]


@pytest.mark.parametrize("contiguous", [True, False])
def test_a_window_over_two_frames_is_one_session(contiguous: bool) -> None:
    frames = (frame([(1, OPEN, ["w1"]), (2, FAIL, ["w1"])]), frame([(3, OPEN, ["w1"]), (4, OPEN, ["w2"])]))
    found = judged(collected(*frames, contiguous=contiguous))
    assert [(one.session, one.lines, one.answer) for one in found.values()] == [
        ("w1", 3, "abnormal"),
        ("w2", 1, "normal"),
    ]


def test_nothing_gives_no_session() -> None:
    assert judged(collected()) == {}
    assert judged(collected(frame([(1, OPEN, None)]), contiguous=True)) == {}


def test_without_a_session_model_the_worst_template_decides_and_is_named() -> None:
    found = judged(collected(frame([(7, OPEN, ["a"]), (8, FAIL, ["a"]), (9, OPEN, ["b"])])))
    assert (found["a"].answer, found["a"].by, found["a"].score) == ("abnormal", WORST_TEMPLATE, 0.9)
    assert [(reason.text, reason.lines) for reason in found["a"].reasons] == [
        (f"`{TEXTS[FAIL]}` is called abnormal", (8,))
    ]
    assert (found["b"].answer, found["b"].reasons) == ("normal", ())


def test_what_no_line_shows_is_found_and_explained_with_its_lines(model: ChosenSessionModel) -> None:
    silent = [event for event in NORMAL if event != DELETE]
    rows = [(10 + place, event, ["silent"]) for place, event in enumerate(silent)]
    rows += [(50 + 2 * place, event, ["quiet"]) for place, event in enumerate(NORMAL)]
    found = judged(collected(frame(rows)), model)
    assert found["quiet"].answer == "normal"
    assert found["silent"].answer == "abnormal"
    assert found["silent"].by == model.name
    assert any(TEXTS[DELETE] in reason.text for reason in found["silent"].reasons)
    numbers = set(range(10, 10 + len(silent)))
    assert all(set(reason.lines) <= numbers for reason in found["silent"].reasons)


def test_a_template_that_the_session_model_never_saw_is_no_error(model: ChosenSessionModel) -> None:
    found = judged(collected(frame([(n, event, ["a"]) for n, event in enumerate([*NORMAL, NEW, NEW])])), model)
    assert 0 <= found["a"].score <= 1


def test_what_an_expert_has_decided_counts_in_a_session() -> None:
    precedent = Precedent(f"t{FAIL}", TEXTS[FAIL], "normal", ["ada"], "senior", None)
    decided = BY_TEXT | {TEXTS[FAIL]: BY_TEXT[TEXTS[FAIL]].under(Citation(precedent, 1.0))}
    collector = SessionCollector(contiguous=False)
    collector.add(frame([(1, OPEN, ["a"]), (2, FAIL, ["a"])]), decided)
    assert judged(collector)["a"].answer == "normal"


def test_hostile_text_stays_between_its_backquotes_as_json() -> None:
    row = judged(collected(frame([(1, FAIL, ["a\x1b[31m"])])))["a\x1b[31m"].as_row()
    assert set(row) == {"session", "first_line", "last_line", "lines", "answer", "score", "by", "reasons"}
