"""The order in which templates are reviewed: alert words give it at once, the radar when it has been asked.

Both look at the log's own labels only. What others have decided must not show in the order or in a reason, or else
independent review would not be blind.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import NamedTuple

import polars as pl

from rationanomaly.correct.alert_words import rank_by_alert_words, reasons_by_words
from rationanomaly.errors import RationAnomalyError

_log = logging.getLogger(__name__)

_NO_LABEL = "the log says nothing about it"


class Place(NamedTuple):
    """A row of the table of templates, and why it stands where it stands."""

    row: int
    reason: str


class Order:
    """Puts templates in order: wanted ones, then those without a label, then the most suspicious labels.

    Args:
        templates: the table of the step `parse`.
        wanted: ids of templates that come before all others.
        model: a deployed detector whose disagreement counts, as `Detector.open` takes it.
        seed: of the radar.
    """

    def __init__(
        self, templates: pl.DataFrame, wanted: Collection[str] = (), model: str | None = None, seed: int = 0
    ) -> None:
        self._texts: list[str] = templates["template"].to_list()
        self._labels = templates["label"].to_list()
        self._wanted = [template_id in wanted for template_id in templates["template_id"]]
        self._model, self._seed = model, seed

    def by_words(self) -> list[Place]:
        """The order by alert words."""
        reasons = ["; ".join(reasons) for reasons in map(reasons_by_words, self._texts, self._labels)]
        return self._sorted(rank_by_alert_words(self._texts, self._labels), reasons)

    def by_suspicion(self) -> list[Place]:
        """The order by everything that the radar knows; takes seconds."""
        from rationanomaly.correct.radar import suspect_labels

        rows = [row for row, label in enumerate(self._labels) if label is not None]
        texts, labels = [self._texts[row] for row in rows], [self._labels[row] for row in rows]
        found = suspect_labels(texts, labels, self._seed, detector=self._by_model(texts))
        ranks, reasons = [0.0] * len(self._labels), [""] * len(self._labels)
        for row, suspicion in zip(rows, found, strict=True):
            ranks[row], reasons[row] = suspicion.suspicion, "; ".join(suspicion.reasons)
        return self._sorted(ranks, reasons)

    def _by_model(self, texts: list[str]) -> list[float] | None:
        """P(abnormal) by the detector; None without one. A model that can't be opened must not end the review."""
        if self._model is None:
            return None
        from rationanomaly.detection.detector import Detector

        try:
            scores: list[float] = Detector.open(self._model).direct_scores(texts).tolist()
        except RationAnomalyError as error:
            _log.warning("the order does without the detector: %s", error)
            return None
        return scores

    def _sorted(self, ranks: Sequence[float], reasons: Sequence[str]) -> list[Place]:
        unlabelled = [label is None for label in self._labels]
        rows = sorted(range(len(ranks)), key=lambda row: (not self._wanted[row], not unlabelled[row], -ranks[row], row))
        return [Place(row, _NO_LABEL if unlabelled[row] else reasons[row]) for row in rows]
