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
    def of(
        cls, labelled: pl.DataFrame, settings: PromptParams, learnt: bool = False, limit: int | None = None
    ) -> Validation:
        """The validation split, or so many rows of it.

        Args:
            labelled: `records.LABELLED_SCHEMA`.
            settings: of the prompt.
            learnt: see the class.
            limit: rows at most, half of them abnormal as far as there are any: always the same of a split.
        """
        rows = labelled.filter(pl.col("split") == "validation")
        if limit is not None and limit < rows.height:
            rows = _some(rows, limit)
        logs = tuple(show(template, settings) for template in rows["template"])
        return cls(logs, tuple(label == "abnormal" for label in rows["label"]), learnt)

    def false_positive_rate(self, scores: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
        """Share of the normal templates that are called abnormal; empty where there are none, and where they were
        learnt."""
        normal = ~np.asarray(self.abnormal, dtype=bool)
        if self.learnt or not normal.any():
            return {}
        return {"false_positive_rate": float((scores[normal] >= threshold).mean())}

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


def _some(rows: pl.DataFrame, limit: int) -> pl.DataFrame:
    """``limit`` rows in their order; which ones their ids decide, which are hashes."""
    drawn = rows.with_row_index("place").sort("template_id")
    abnormal = drawn.filter(pl.col("label") == "abnormal").head(limit // 2)
    normal = drawn.filter(pl.col("label") != "abnormal").head(limit - abnormal.height)
    return pl.concat([abnormal, normal]).sort("place").drop("place")
