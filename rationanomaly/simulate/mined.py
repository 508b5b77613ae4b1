"""The truth about mined templates: `parse` makes templates of lines, and one may cover several events."""

from __future__ import annotations

from collections import Counter, defaultdict

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.mining import Miner
from rationanomaly.simulate.events import Event
from rationanomaly.simulate.reviewers import LabelledTemplate
from rationanomaly.simulate.timeline import Numbers


class TruthByTemplate:
    """Mines a log block by block as `parse` will, and counts which events stand behind each template.

    Args:
        events: the catalogue.
        settings: the same as `parse` gets.
    """

    def __init__(self, events: tuple[Event, ...], settings: ParseParams) -> None:
        self.events, self.abnormal_share = events, settings.abnormal_share
        self.miner = Miner.new(settings)
        self.behind: dict[str, Counter[int]] = defaultdict(Counter)

    def add(self, messages: pl.Series, event: Numbers) -> None:
        """Mine the next messages; ``event`` holds the index of each one's event."""
        masks = pl.select(self.miner.mask(pl.lit(messages)).alias("mask"))
        counts = masks.with_columns(pl.Series("event", event)).group_by("mask", "event", maintain_order=True).len()
        self.miner.learn(counts["mask"])
        for mask, index, count in counts.iter_rows():
            self.behind[mask][index] += count

    def labelled(self) -> list[LabelledTemplate]:
        """All templates in the order of their first line."""
        texts = self.miner.texts(pl.Series(list(self.behind), dtype=pl.String))
        together: dict[str, Counter[int]] = defaultdict(Counter)
        for text, behind in zip(texts, self.behind.values(), strict=True):
            together[text].update(behind)
        return [self._label(text, behind) for text, behind in together.items()]

    def _label(self, text: str, behind: Counter[int]) -> LabelledTemplate:
        faults = Counter({index: count for index, count in behind.items() if self.events[index].fault})
        abnormal = faults.total() >= self.abnormal_share * behind.total() and faults.total() > 0
        domain = self.events[faults.most_common(1)[0][0]].domain if faults else ""
        return LabelledTemplate(text, "abnormal" if abnormal else "normal", domain)
