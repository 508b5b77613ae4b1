"""The closing page of a run."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rationanomaly.cli.summary_table import show_summary
from rationanomaly.evaluate.judging import MODELS, TITLES
from rationanomaly.evaluate.summary import ClassMetrics, ModelSummary, Summary

NOTHING = ClassMetrics(None, None, None, None, None)
METRICS = ClassMetrics(0.741, 0.652, 0.853, 0.864, None)


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    models = tuple(ModelSummary(name, TITLES[name], METRICS, METRICS, NOTHING, 0.978, 1.0) for name in MODELS)
    return Summary("test", 179, 27, 600, 41, models, (), tmp_path, tmp_path / "report.html", None)


def page(summary: Summary) -> str:
    console = Console(width=80, file=io.StringIO())
    show_summary(summary, console)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return written


def test_a_threshold_for_sessions_has_a_column_that_fits_eighty_characters(summary: Summary) -> None:
    tuned = replace(summary, models=tuple(replace(m, tuned=replace(METRICS, f1=0.486)) for m in summary.models))
    shown = page(tuned)
    assert shown.count("0.486") == len(MODELS)
    assert "tuned F1" in shown
    assert "…" not in shown.partition("Plots")[0]


def test_without_one_there_is_no_such_column(summary: Summary) -> None:
    assert "tuned" not in page(summary)
