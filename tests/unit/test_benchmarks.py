"""`make bench-NAME` finds each benchmark; what they measure is too slow for tests."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from torch import Tensor

from benchmarks import causal, hdfs_live, review, steps
from rationanomaly.detection.session_verdicts import SessionVerdict
from rationanomaly.model import scoring
from rationanomaly.records import TEMPLATES, TEMPLATES_SCHEMA, Answer, read_table
from tests.conftest import ROOT

#: Runs in an environment of its own.
ELSEWHERE = {"__init__", "drain3_loop"}
NAMES = sorted({path.stem for path in (ROOT / "benchmarks").glob("*.py")} - ELSEWHERE)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_imported_as_make_does(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_the_review_that_is_timed_has_the_tables_of_today(tmp_path: Path) -> None:
    review.write_folder(tmp_path)
    assert len(read_table(tmp_path / "parse" / TEMPLATES, TEMPLATES_SCHEMA)) == review.TEMPLATES


def test_the_causal_check_takes_out_what_is_quoted_or_as_many_words() -> None:
    template = "ddr parity error on card <*> detected"
    made = causal.make_texts(template, [(4, 16), (20, 24)])
    assert (made.without_quotes, made.quotes) == ("ddr on <*> detected", "parity error card")
    assert made.without_random_words is not None
    assert len(made.without_random_words.split()) == len(template.split()) - 3
    assert made.without_random_words == causal.make_texts(template, [(4, 16), (20, 24)]).without_random_words


def session(name: str, answer: Answer, lines: int = 2) -> SessionVerdict:
    return SessionVerdict(name, 1, lines, lines, answer, float(answer == "abnormal"), "maximum", ())


@pytest.mark.parametrize(("last", "lines", "expected"), [("abnormal", 4, 0), ("normal", 4, 1), ("abnormal", 5, 1)])
def test_a_block_that_is_flagged_otherwise_live_or_lacks_a_line_is_short(
    last: Answer, lines: int, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"session": "blk_1", "truth": "abnormal", "answer": "abnormal", "score": 1.0},
        {"session": "blk_2", "truth": "normal", "answer": "normal", "score": 0.0},
    ]
    verdicts = {"blk_1": [session("blk_1", "normal", 1), session("blk_1", last)], "blk_2": [session("blk_2", "normal")]}
    assert hdfs_live.report(rows, hdfs_live.Flagged(verdicts, lines=4), lines) == expected
    assert f"DIFFERENT_BLOCKS = {int(last == 'normal')} (target 0)" in capsys.readouterr().out


class Writing:
    """A model that notes the batches and options that it is asked to write with."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.shapes: list[tuple[int, int]] = []
        self.cached: list[bool] = []

    def eval(self) -> Writing:
        return self

    def generate(self, *, input_ids: Tensor, attention_mask: Tensor, use_cache: bool = True, **_: object) -> None:
        assert ((input_ids != 0) == (attention_mask == 1)).all(), "padding alone is not looked at"
        self.tokens.append(int(attention_mask.sum()))
        self.shapes.append((input_ids.shape[0], input_ids.shape[1]))
        self.cached.append(use_cache)


def test_batches_by_length_are_measured_on_the_same_prompts_with_less_padding() -> None:
    ours, without = Writing(), Writing()
    assert len(steps._texts_of_lengths(ours, scoring.by_length)) == 1
    steps._texts_of_lengths(without, steps._as_they_come)
    assert sum(ours.tokens) == sum(without.tokens)
    assert [rows for rows, _ in ours.shapes] == [rows for rows, _ in without.shapes] == [steps.ROWS] * 4
    assert sum(width for _, width in ours.shapes) < 0.8 * sum(width for _, width in without.shapes)


def test_the_cache_is_measured_on_the_same_texts() -> None:
    ours, without = Writing(), Writing()
    assert len(steps._texts(ours, steps.ROWS, use_cache=True)) == 2
    steps._texts(without, steps.ROWS, use_cache=False)
    assert ours.shapes == without.shapes == [(steps.ROWS, steps.PROMPT)] * 2
    assert all(ours.cached) and not any(without.cached)
