"""What metrics change by without each group of items, and the variance that follows (MacKinnon, Nielsen and Webb 2023).

A group is what stands or falls together: near-duplicate templates, or the sessions that one template decides. Average
precision and ROC-AUC are taken to the first order, the others exactly; all in O(n log n), nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rationanomaly.evaluate.metrics import Floats, Judged

Ints = npt.NDArray[np.int64]

F1, PRECISION, RECALL, MACRO, AP, ROC_AUC = (
    "abnormal/f1",
    "abnormal/precision",
    "abnormal/recall",
    "macro/f1",
    "abnormal/ap",
    "abnormal/roc_auc",
)


@dataclass(frozen=True)
class Variance:
    """Of an estimate.

    Attributes:
        value: the variance.
        df: its degrees of freedom.
    """

    value: float
    df: float

    def moderated(self, prior: float, prior_df: float) -> Variance:
        """Together with another estimate, weighted by degrees of freedom, as in moderated t tests (Smyth 2004)."""
        df = self.df + prior_df
        return Variance((self.df * self.value + prior_df * prior) / df, df)


def jackknife_variance(deviations: Floats) -> Variance:
    """Out of what the estimate changes by without each group; Satterthwaite's degrees of freedom, 0 if nothing does."""
    squares = deviations**2
    total = float(squares.sum())
    if total == 0:
        return Variance(0.0, 0.0)
    shares = squares / total
    return Variance(total * (1 - 1 / len(squares)), float(1 / (shares**2).sum()))


def group_cells(judged: Judged, groups: Ints) -> Floats:
    """Items by group, truth and answer, shape (groups, 2, 3): in the order of `LABELS`, invalid answers last.

    Args:
        groups: of the items, numbered from 0 on, shape (n,), as all of this module have them.
    """
    count = int(groups.max(initial=-1)) + 1
    return np.bincount(groups * 6 + judged.cells, minlength=count * 6).astype(np.float64).reshape(count, 2, 3)


def metrics_of_cells(cells: Floats) -> dict[str, Floats]:
    """F1, precision, recall and macro F1 of cells of shape (…, 2, 3); NaN where undefined."""
    hit, alarm, quiet = cells[..., 1, 1], cells[..., 0, 1], cells[..., 0, 0]
    abnormal, normal = cells[..., 1, :].sum(-1), cells[..., 0, :].sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(abnormal > 0, 2 * hit / (hit + alarm + abnormal), np.nan)
        other = np.where(normal > 0, 2 * quiet / (quiet + cells[..., 1, 0] + normal), f1)
        precision = np.where(hit + alarm > 0, hit / (hit + alarm), 0.0)
        return {F1: f1, PRECISION: precision, RECALL: hit / abnormal, MACRO: (f1 + other) / 2}


def metric_deviations(judged: Judged, groups: Ints, slopes: Mapping[str, Floats]) -> dict[str, Floats]:
    """What each metric with an interval changes by when one group is left out, shape (groups,).

    Args:
        slopes: of `rank_slopes`; they are the same for every grouping.
    """
    cells = group_cells(judged, groups)
    without = metrics_of_cells(cells.sum(axis=0) - cells)
    found = {name: values - judged.metrics[name] for name, values in without.items()}
    found |= rank_deviations(judged, groups, slopes)
    # Without the only group of a class there is no metric to compare with.
    return {name: np.nan_to_num(deviation) for name, deviation in found.items()}


def rank_deviations(judged: Judged, groups: Ints, slopes: Mapping[str, Floats]) -> dict[str, Floats]:
    """What average precision and ROC-AUC change by without each group; NaN for a group that holds all of a class.

    Divided by the share of the class that stays, which is exact for a recall.
    """
    positive = judged.arrays[0]["abnormal"]
    items = np.bincount(groups)
    abnormal = np.bincount(groups, positive)
    total, whole = abnormal.sum(), float(len(positive))
    stays = np.where(abnormal < total, 1 - abnormal / total, np.nan)
    found = {AP: -np.bincount(groups, slopes[AP]) / stays}
    if ROC_AUC in slopes:
        normal = items - abnormal
        quiet = np.where(normal < whole - total, 1 - normal / (whole - total), np.nan)
        moved = np.bincount(groups, slopes[ROC_AUC])
        of_abnormal = np.bincount(groups, np.where(positive, slopes[ROC_AUC], 0.0))
        found[ROC_AUC] = -of_abnormal / stays - (moved - of_abnormal) / quiet
    return found


def rank_slopes(judged: Judged) -> dict[str, Floats]:
    """The derivatives of average precision and ROC-AUC by the weight of each item, shape (n,).

    Of average precision Σ wᵢ H(sᵢ)/C(sᵢ) / Σ wᵢ over positives i, where H and C count positives and items that score sᵢ
    or more. Of ROC-AUC the placements (DeLong, DeLong and Clarke-Pearson 1988), less their mean, by the size of the
    class; left out where a class does not occur.
    """
    level, sizes, hits = judged.levels
    positive = judged.arrays[0]["abnormal"]
    total, called = hits.sum(), np.cumsum(sizes)
    found_so_far = np.cumsum(hits)
    precision = found_so_far / called
    average = float(hits @ precision) / total
    # Of all positives at this score or below: what one more item above them changes.
    gain = np.cumsum((hits / called)[::-1])[::-1]
    loss = np.cumsum((hits * precision / called)[::-1])[::-1]
    found = {AP: np.where(positive, (precision - average + gain - loss)[level], -loss[level]) / total}
    normal = sizes.sum() - total
    if normal:
        quiet = sizes - hits
        below = 1 - (np.cumsum(quiet) - quiet / 2) / normal
        above = (found_so_far - hits / 2) / total
        area = float(hits @ below) / total
        found[ROC_AUC] = np.where(positive, (below - area)[level] / total, (above - area)[level] / normal)
    return found
