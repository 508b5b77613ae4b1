"""`make bench-NAME` finds each benchmark; what they measure is too slow for tests."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from benchmarks import causal, review
from rationanomaly.records import TEMPLATES, TEMPLATES_SCHEMA, read_table
from tests.conftest import ROOT

#: Runs in an environment of its own.
ELSEWHERE = {"__init__", "drain3_loop"}
NAMES = sorted({path.stem for path in (ROOT / "benchmarks").glob("*.py")} - ELSEWHERE)


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_imported_as_make_does(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_the_review_that_is_timed_has_the_tables_of_today(tmp_path: Path) -> None:
    review.write_folder(tmp_path)
    assert len(read_table(tmp_path / TEMPLATES, TEMPLATES_SCHEMA)) == review.TEMPLATES


def test_the_causal_check_takes_out_what_is_quoted_or_as_many_words() -> None:
    template = "ddr parity error on card <*> detected"
    made = causal.make_texts(template, [(4, 16), (20, 24)])
    assert (made.without_quotes, made.quotes) == ("ddr on <*> detected", "parity error card")
    assert len(made.without_random_words.split()) == len(template.split()) - 3
    assert made.without_random_words == causal.make_texts(template, [(4, 16), (20, 24)]).without_random_words
