"""Which labels are learnt: for experiments on what corrections, and a teacher that is right, are worth.

The tested side always keeps the experts' labels, and the split is made by them: what is tested, and on what, is the
same whichever labels are learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from rationanomaly.correct.split import LEFT_OUT
from rationanomaly.params import CorrectParams
from rationanomaly.records import Precedent


def learnt_sides(labelled: pl.DataFrame) -> tuple[str, ...]:
    """The sides of a split whose labels a model or a threshold may come from."""
    return ("train", "validation") if (labelled["split"] == "test").any() else ("train",)


def choose_training_labels(labelled: pl.DataFrame, settings: CorrectParams, seed: int) -> pl.DataFrame:
    """Give the templates that are learnt from the labels that ``settings`` ask for.

    Args:
        labelled: columns ``original_label``, ``label``, ``corrected``, ``split``.
        settings: ``training_labels`` and ``label_noise``.
        seed: of the draw of wrong labels.

    Returns:
        the same; where the log's own labels are learnt, a template that has none is left out.
    """
    learnt = pl.col("split").is_in(learnt_sides(labelled))
    if settings.training_labels == "original":
        labelled = labelled.with_columns(
            split=pl.when(learnt & pl.col("original_label").is_null()).then(pl.lit(LEFT_OUT)).otherwise("split"),
            label=pl.when(learnt).then(pl.coalesce("original_label", "label")).otherwise("label"),
            corrected=pl.col("corrected") & ~learnt,
        )
    if settings.label_noise:
        labelled = _with_wrong_labels(labelled, settings.label_noise, seed)
    return labelled


def _with_wrong_labels(labelled: pl.DataFrame, share: float, seed: int) -> pl.DataFrame:
    """Exchange the labels of a share of the abnormal templates and of as many normal ones.

    Precision and recall of the labels that come of it are both ``1 - share``, and so is their F1.
    """
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(labelled), dtype=bool)
    for side in learnt_sides(labelled):
        rows = {
            label: np.flatnonzero(((labelled["split"] == side) & (labelled["label"] == label)).to_numpy())
            for label in ("abnormal", "normal")
        }
        count = min(round(share * len(rows["abnormal"])), len(rows["normal"]))
        for found in rows.values():
            wrong[rng.choice(found, size=min(count, len(found)), replace=False)] = True
    other = pl.when(pl.col("label") == "normal").then(pl.lit("abnormal")).otherwise(pl.lit("normal"))
    return labelled.with_columns(label=pl.when(pl.Series(wrong)).then(other).otherwise("label")).with_columns(
        corrected=pl.col("corrected") & ~pl.Series(wrong)
    )


def label_quality(before: pl.DataFrame, after: pl.DataFrame) -> float | None:
    """F1 of the abnormal class of the labels that are learnt, against the experts'; None without an abnormal one.

    Args:
        before: the table with the experts' labels and its split.
        after: the same rows with the labels that are learnt.
    """
    rows = after["split"].is_in(learnt_sides(after))
    truth, given = (frame.filter(rows)["label"] == "abnormal" for frame in (before, after))
    positives = int(truth.sum()) + int(given.sum())
    return 2 * int((truth & given).sum()) / positives if positives else None


def known_precedents(
    precedents: Sequence[Precedent], labelled: pl.DataFrame, settings: CorrectParams
) -> list[Precedent]:
    """The precedents that say no more than the labels that are learnt; all of them outside such experiments.

    Args:
        precedents: what the experts have settled.
        labelled: the table with the labels that are learnt.
        settings: of the step.
    """
    split = settings.split
    if settings.training_labels == "original":
        return []
    if not (settings.label_noise or split.hold_out or split.train_templates or split.labels_per_class):
        return list(precedents)
    rows = labelled.filter(pl.col("split") != LEFT_OUT)
    known = dict(zip(rows["template_id"], rows["label"], strict=True))
    return [one for one in precedents if known.get(one.template_id) == one.label]
