"""The level of lines: each line has its template's verdict.

Lines are counted, not held: of a template, how many are truly abnormal and how many are not. Few templates hold most
lines, so that its figures say what an operator sees and the level of templates how well a system judges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.evaluate.metrics import WITH_INTERVAL, Floats, Judged, weighted_metrics
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.resampling import interval_ends, resamples

_KEPT = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1", "weighted/f1", "accuracy")


@dataclass(frozen=True)
class LineCounts:
    """Lines of the tested templates whose truth is known.

    Attributes:
        rows: (row of the tested templates, whether the lines are abnormal) of each count.
        counts: lines, shape (len(rows),), above 0.
        groups: near-duplicate group of each.
    """

    rows: tuple[tuple[int, bool], ...]
    counts: Floats
    groups: tuple[int, ...]

    @classmethod
    def of(cls, tested: pl.DataFrame, lines: pl.DataFrame) -> LineCounts:
        """Count.

        Args:
            tested: the tested templates: columns ``template_id`` and ``group``.
            lines: columns ``template_id`` and ``abnormal`` (null where unknown).
        """
        found = (
            lines.filter(pl.col("abnormal").is_not_null())
            .group_by("template_id", "abnormal")
            .agg(count=pl.len().cast(pl.Float64))
        )
        table = (
            tested.select("template_id", "group")
            .with_row_index("row")
            .join(found, on="template_id", how="inner")
            .sort("row", "abnormal")
        )
        rows = tuple(zip(table["row"].to_list(), table["abnormal"].to_list(), strict=True))
        return cls(rows, table["count"].to_numpy(), tuple(table["group"].to_list()))

    @property
    def best_f1(self) -> float | None:
        """The best F1 of any verdict per template; None without an abnormal line.

        Called abnormal are the templates with the largest share of abnormal lines, as many as are best: of two with
        the same share both or none, so one pass over the shares finds it.
        """
        by_row: dict[int, list[float]] = {}
        for (row, abnormal), count in zip(self.rows, self.counts.tolist(), strict=True):
            by_row.setdefault(row, [0.0, 0.0])[abnormal] += count
        cells = np.array(sorted(by_row.values(), key=lambda cell: -cell[1] / sum(cell)), dtype=np.float64).reshape(
            -1, 2
        )
        positives = float(cells[:, 1].sum())
        if not positives:
            return None
        hits, called = np.cumsum(cells[:, 1]), np.cumsum(cells.sum(axis=1))
        return float((2 * hits / (called + positives)).max())


def line_metrics(system: SystemAnswers, lines: LineCounts, draws: int, seed: int) -> dict[str, float]:
    """``line/NAME`` with percentile intervals over groups of near-duplicates, and how many lines there are.

    Lines of templates that the system was not asked of are left out, so ``line/rows`` may differ between systems.
    """
    asked = set(system.rows)
    kept = [place for place, (row, _) in enumerate(lines.rows) if row in asked]
    if not kept:
        return {}
    mine = [(system.predictions[lines.rows[place][0]], lines.rows[place][1]) for place in kept]
    judged = Judged(
        ["abnormal" if abnormal else "normal" for _, abnormal in mine],
        [found.answer for found, _ in mine],
        [found.score for found, _ in mine],
        [lines.groups[place] for place in kept],
    )
    counts = lines.counts[kept]
    found = {name: float(value[0]) for name, value in weighted_metrics(judged, counts[None, :]).items()}
    metrics = {f"line/{name}": found[name] for name in _KEPT if np.isfinite(found[name])}
    abnormal = np.array([abnormal for _, abnormal in mine])
    metrics |= {"line/rows": float(counts.sum()), "line/positives": float(counts[abnormal].sum())}
    parts = [weighted_metrics(judged, weights * counts) for weights in resamples(judged.groups, draws, seed)]
    if parts:
        drawn = {name: np.concatenate([part[name] for part in parts]) for name in WITH_INTERVAL}
        metrics |= {f"line/{name}": value for name, value in interval_ends(drawn).items()}
    return metrics
