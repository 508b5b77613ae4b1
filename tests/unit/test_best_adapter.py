"""Evaluations during training: when, what stands in the curves, and which adapter the model ends with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rationanomaly.training.best_adapter import best_evaluation, evaluations, mean_of

STEPS = 6


class Training:
    """A model of one weight that equals the step, and a trainer that calls back as transformers does."""

    def __init__(self, state: Path, scores: Sequence[float | None], every: int = 1, key: str = "a" * 64) -> None:
        self.model = torch.nn.Linear(1, 1, bias=False).requires_grad_(True)
        self.curve: list[dict[str, float]] = []
        self.evaluated: list[float] = []
        self.scores = scores
        self.callback: Any = evaluations(self.model, self.curve, every, self.metrics, mean_of(["ap"]), state, key)

    @property
    def weight(self) -> float:
        return float(self.model.weight)

    def metrics(self) -> dict[str, float]:
        self.evaluated.append(self.weight)
        score = self.scores[round(self.weight)]
        return {} if score is None else {"ap": score}

    def run(self, first: int = 0, last: int = STEPS) -> None:
        self._set(first)
        self.callback.on_train_begin(None, SimpleNamespace(global_step=first), None)
        for step in range(first + 1, last + 1):
            self._set(step)
            self.callback.on_step_end(None, SimpleNamespace(global_step=step), None)

    def end(self, last: int = STEPS) -> None:
        self.callback.on_train_end(None, SimpleNamespace(global_step=last), None)

    def _set(self, step: int) -> None:
        self.model.weight.data.fill_(step)


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 6),
        ([0.1, 0.2, 0.9, 0.4, 0.5, 0.6, 0.7], 2),
        ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], 0),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 6),
        ([None] * 7, 6),
    ],
)
def test_the_model_ends_with_the_adapter_that_scored_best(
    tmp_path: Path, scores: Sequence[float | None], kept: int
) -> None:
    training = Training(tmp_path, scores)
    training.run()
    training.end()
    assert training.weight == kept


def test_each_evaluation_is_an_entry_once(tmp_path: Path) -> None:
    training = Training(tmp_path, [0.1] * 7, every=4)
    training.run()
    training.end()
    assert training.evaluated == [0, 4, 6]
    assert training.curve[1] == {"step": 4.0, "validation/ap": 0.1, "validation/score": 0.1}


def test_a_training_that_is_stopped_is_evaluated_where_it_stands(tmp_path: Path) -> None:
    training = Training(tmp_path, [0.1, 0.2, 0.3, 0.4, 0.5, 0.0, 0.0], every=2)
    training.run(last=5)
    training.end(last=5)
    assert training.evaluated == [0, 2, 4, 5]
    assert training.weight == 4


def test_a_run_that_continues_from_a_checkpoint_still_has_the_best_adapter(tmp_path: Path) -> None:
    scores = [0.1, 0.2, 0.9, 0.4, 0.5, 0.6, 0.7]
    crashed = Training(tmp_path, scores)
    crashed.run(last=4)
    resumed = Training(tmp_path, scores)
    resumed.curve += crashed.curve
    resumed.run(first=4)
    resumed.end()
    assert resumed.weight == 2
    best = best_evaluation(resumed.curve)
    assert best is not None
    assert best["step"] == 2


def test_an_adapter_of_another_run_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = Training(tmp_path, [0.9] * 7)
    other.run()
    training = Training(tmp_path, [0.1, 0.2, 0.9, 0.4, 0.5, 0.6, 0.7])
    training.curve.append({"step": 3.0, "validation/ap": 1.0, "validation/score": 1.0})
    training.run(first=4)
    training.end()
    assert training.weight == STEPS
    assert "is not at hand" in caplog.text


def test_two_runs_with_equal_step_numbers_never_take_each_others_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scores = [0.1, 0.2, 0.9, 0.4, 0.5, 0.6, 0.7]
    ours = Training(tmp_path, scores, key="a" * 64)
    ours.run()
    other = Training(tmp_path, scores, key="b" * 64)
    other.run()
    ours.end()
    other.end()
    assert other.weight == 2
    assert ours.weight == STEPS
    assert "the adapter of step 2 is not at hand" in caplog.text
