"""What a model folder's detector does with what its scorer gives it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import HIDDEN_ALARM
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import Shown, show

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)


def detector(analyses: dict[str, str | None]) -> ModelDetector:
    """One whose scorer writes these analyses of these logs."""
    detect = SimpleNamespace(verdict="reasoned", analyses=1, attempts=1, temperature=1.0, clauses=True)
    threshold = SimpleNamespace(value=0.5)
    card = SimpleNamespace(
        prompt=SETTINGS, max_completion=64, detect=detect, threshold=threshold, direct_threshold=threshold
    )
    scorer = SimpleNamespace(
        direct_scores=lambda logs: np.full(len(logs), 0.2),
        scored_analyses=lambda logs, *_: [[(0.8, text)] if (text := analyses[log.text]) else [] for log in logs],
    )
    return ModelDetector(cast(Any, SimpleNamespace(card=card, path=Path("outputs/sft"))), cast(Any, scorer))


def test_analyses_that_never_end_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    endless = "fan failed " + " ".join(f"very{chr(97 + n)}" for n in range(26)) + " " + "badly"
    asked = detector({endless: None, "disk failed": 'It says "disk failed".', "c d": None})
    verdicts = asked.judge([endless, "disk failed", "c d"])
    assert [verdict.answer for verdict in verdicts] == ["invalid", "abnormal", "invalid"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == (
        "outputs/sft: 2 of 3 templates are `invalid`, such as 'fan failed verya veryb veryc veryd verye...': "
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


def test_a_fault_behind_many_words_is_judged_and_explained() -> None:
    log = "all is well here " * 40 + "Kernel panic"
    analysis = 'It says "kernel panic".'

    class Scorer:
        def direct_scores(self, logs: list[Shown]) -> np.ndarray:
            return np.array([0.9 if "panic" in log.text else 0.1 for log in logs])

        def scored_analyses(self, logs: list[Shown], *_: object) -> list[list[tuple[float, str]]]:
            return [[(0.8, analysis)] if "panic" in log.text else [(0.1, "It is well.")] for log in logs]

    asked = detector({})
    asked._scorer = cast(Any, Scorer())
    assert asked.direct_scores([log, "all is well"]).tolist() == [0.9, 0.1]
    found, calm = asked.judge([log, "all is well"])
    assert (found.answer, found.direct_score, calm.answer) == ("abnormal", 0.9, "normal")
    assert [log[span.start : span.end] for span in found.evidence] == ["Kernel panic"]


class Believing:
    """A scorer that believes whatever stands beside a fault."""

    def direct_scores(self, logs: list[Shown]) -> np.ndarray:
        return np.array([0.9 if "panic" in log.text and "fine" not in log.text else 0.1 for log in logs])

    def scored_analyses(self, logs: list[Shown], *_: object) -> list[list[tuple[float, str]]]:
        return [[(score, f'It says "{log.text}".')] for log, score in zip(logs, self.direct_scores(logs), strict=True)]


@pytest.mark.parametrize(
    "log", ["fine so far; kernel panic on cpu", "kernel panic on cpu - all fine", "a: fine, kernel panic"]
)
def test_what_stands_beside_a_fault_does_not_hide_it(log: str) -> None:
    asked = detector({})
    asked._scorer = cast(Any, Believing())
    (found,) = asked.judge([log])
    assert (found.answer, found.score, found.direct_score) == ("abnormal", 0.9, 0.9)
    assert found.suspicions == (HIDDEN_ALARM,)
    assert found.suspicious
    (span,) = found.evidence
    assert "kernel panic" in log[span.start : span.end]
    assert "fine" not in log[span.start : span.end]


def test_a_fault_that_nothing_hides_is_explained_as_it_stands() -> None:
    asked = detector({})
    asked._scorer = cast(Any, Believing())
    (found,) = asked.judge(["kernel panic; on cpu"])
    assert found.suspicions == ()
    assert found.rationale == 'It says "kernel panic; on cpu". So the log is abnormal.'


def test_what_a_prompt_has_no_room_for_is_counted() -> None:
    asked = detector({})
    asked._scorer = cast(Any, Believing())
    short, long = asked.judge(["disk ok", "".join(f"w{place}q " for place in range(60_000))], "direct")
    assert short.unseen == 0
    assert 60_000 < long.unseen < 420_000
