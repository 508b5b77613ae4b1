"""Metrics on the validation split during training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import Shown, show


@dataclass(frozen=True)
class Validation:
    """The validation split.

    Attributes:
        logs: as a prompt shows them.
        abnormal: the corrected labels.
        learnt: whether the model has learnt these labels (``sft.learn_validation``): then they measure nothing.
    """

    logs: tuple[Shown, ...]
    abnormal: tuple[bool, ...]
    learnt: bool = False

    @classmethod
    def of(cls, labelled: pl.DataFrame, settings: PromptParams, learnt: bool = False) -> Validation:
        rows = labelled.filter(pl.col("split") == "validation")
        logs = tuple(show(template, settings) for template in rows["template"])
        return cls(logs, tuple(label == "abnormal" for label in rows["label"]), learnt)

    def metrics(self, scores: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
        """Abnormal-class F1 at the threshold, average precision and log loss.

        Empty where a class is missing, and where the labels were learnt.
        """
        from sklearn.metrics import average_precision_score, f1_score, log_loss

        truth = np.asarray(self.abnormal, dtype=bool)
        if self.learnt or truth.all() or not truth.any():
            return {}
        return {
            "f1": float(f1_score(truth, scores >= threshold, zero_division=0)),
            "ap": float(average_precision_score(truth, scores)),
            "loss": float(log_loss(truth, np.clip(scores, 1e-7, 1 - 1e-7))),
        }
