"""What a model folder's detector does with what its scorer gives it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import show

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)


def detector(analyses: dict[str, str | None]) -> ModelDetector:
    """One whose scorer writes these analyses of these logs."""
    detect = SimpleNamespace(verdict="reasoned", analyses=1, attempts=1, temperature=1.0)
    threshold = SimpleNamespace(value=0.5)
    card = SimpleNamespace(prompt=SETTINGS, max_completion=64, detect=detect, threshold=threshold)
    scorer = SimpleNamespace(
        direct_scores=lambda logs: np.full(len(logs), 0.2),
        scored_analyses=lambda logs, *_: [[(0.8, text)] if (text := analyses[log.text]) else [] for log in logs],
    )
    return ModelDetector(cast(Any, SimpleNamespace(card=card, path=Path("outputs/sft"))), cast(Any, scorer))


def test_analyses_that_never_end_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    endless = "fan failed " + "very " * 30 + "badly"
    asked = detector({endless: None, "disk failed": 'It says "disk failed".', "c d": None})
    verdicts = asked.judge([endless, "disk failed", "c d"])
    assert [verdict.answer for verdict in verdicts] == ["invalid", "abnormal", "invalid"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        "outputs/sft: 2 of 3 templates are `invalid`, such as 'fan failed very very very very very very...': "
        "no analysis came to an end within 64 tokens; train it longer, or judge with --verdict direct"
    )


def test_a_rationale_is_spelt_as_the_log_is() -> None:
    log = "ERROR: DiskFailure on Slot 7, readTimeout"
    analysis = 'It says "error: disk failure" and "timeout".'
    (verdict,) = detector({show(log, SETTINGS).text: analysis}).judge([log])
    assert str(verdict.rationale).startswith('It says "ERROR: DiskFailure" and "readTimeout".')
    assert verdict.grounded
    assert [log[span.start : span.end] for span in verdict.evidence] == ["ERROR: DiskFailure", "readTimeout"]


def test_analyses_that_end_are_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    (verdict,) = detector({"disk failed": 'It says "disk failed".'}).judge(["disk failed"])
    assert (verdict.answer, verdict.grounded, caplog.records) == ("abnormal", True, [])
