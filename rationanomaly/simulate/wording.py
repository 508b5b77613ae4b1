"""Put planned lines into words: fill the placeholders and lay the line out in a log format.

A message is literal text and values in turn. Every literal and every value of all lines of a block is gathered
in one step per position, so that no Python loop runs over lines or events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rationanomaly.simulate.cluster import Cluster
from rationanomaly.simulate.events import Event
from rationanomaly.simulate.timeline import Block
from rationanomaly.simulate.values import NODE, Values, draw_values

Layout = Literal["simulated", "bgl"]
UNTAGGED = "-"
_WORDS, _POOLS = 2, 3
_DAY, _SECOND = 86_400_000, 1_000


@dataclass
class _Slot:
    """The k-th literal and value of every event; arrays have one entry per event.

    Attributes:
        literal: the text before the value.
        start: index of the first possible value; 0, the empty one, where the event has fewer values.
        size: number of possible values.
        is_node: whether the value is the name of a node.
        nodes_before: how many such names stand before it.
    """

    literal: pl.Series
    start: NDArray[np.int64]
    size: NDArray[np.int64]
    is_node: NDArray[np.bool_]
    nodes_before: NDArray[np.int64]


class Wording:
    """Writes the lines of a block.

    Args:
        events: the catalogue.
        tags: the alert tag of each event, `UNTAGGED` for none.
        cluster: the nodes.
        layout: ``simulated``: ``TAG TIME NODE SUBSYSTEM SEVERITY MESSAGE``, or ``bgl``: as BGL's published log.
        seed: equal seeds give equal words.
    """

    def __init__(self, events: tuple[Event, ...], tags: list[str], cluster: Cluster, layout: Layout, seed: int) -> None:
        self.seed, self.layout = seed, layout
        self.tags, self.nodes = pl.Series(tags), pl.Series(cluster.names)
        self.heads = pl.Series([_head(event, layout) for event in events])
        self.seconds = pl.Series([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)])
        self.thousandths = pl.Series([f".{ms:03d}" for ms in range(1_000)])
        values = draw_values(cluster.names[: cluster.compute], np.random.default_rng([seed, _POOLS]))
        self.values = values.texts
        pieces = [event.pieces() for event in events]
        self.slots = [_slot([piece[k:] for piece in pieces], values) for k in range(max(map(len, pieces)))]
        for slot, before in zip(self.slots[1:], self.slots, strict=False):
            slot.nodes_before += before.nodes_before + before.is_node

    def messages(self, block: Block) -> pl.Series:
        """The messages of a block."""
        random = np.random.default_rng([self.seed, _WORDS, block.number])
        parts = []
        for slot in self.slots:
            size = slot.size[block.event]
            # The message names the node that it is about; a second name in it is that of the next node.
            about = block.near + slot.nodes_before[block.event]
            drawn = np.where(slot.is_node[block.event], about, random.integers(0, 2**31, len(size))) % size
            parts += [slot.literal.gather(block.event), self.values.gather(slot.start[block.event] + drawn)]
        return _joined(parts)

    def lines(self, block: Block, messages: pl.Series) -> pl.Series:
        """The lines of a block, without line ends; ``messages`` are its messages."""
        return _joined([*self._front(block), self.heads.gather(block.event), messages])

    def _front(self, block: Block) -> list[pl.Series]:
        tag, node, space = self.tags.gather(block.event), self.nodes.gather(block.node), _constant(" ")
        day, in_day = np.divmod(block.time, _DAY)
        clock, fraction = self.seconds.gather(in_day // _SECOND), self.thousandths.gather(in_day % _SECOND)
        days, day_index = np.unique(day, return_inverse=True)
        date = pl.Series(np.datetime_as_string(days.astype("datetime64[D]")).tolist()).gather(day_index)
        if self.layout == "simulated":
            return [tag, space, date, _constant("T"), clock, fraction, _constant("Z "), node, space]
        epoch = pl.Series(block.time // _SECOND).cast(pl.String)
        dotted, clock = date.str.replace_all("-", ".", literal=True), clock.str.replace_all(":", ".", literal=True)
        exact = [date, _constant("-"), clock, fraction, _constant("000 ")]
        return [tag, space, epoch, space, dotted, space, node, space, *exact, node, space]


def _slot(pieces: list[list[tuple[str, str | None]]], values: Values) -> _Slot:
    """The slot that the first of each event's remaining pieces makes."""
    firsts = [remaining[0] if remaining else ("", None) for remaining in pieces]
    return _Slot(
        literal=pl.Series([literal for literal, _ in firsts]),
        start=np.array([values.start[name] if name else 0 for _, name in firsts]),
        size=np.array([values.size[name] if name else 1 for _, name in firsts]),
        is_node=np.array([name == NODE for _, name in firsts]),
        nodes_before=np.zeros(len(firsts), dtype=np.int64),
    )


def _joined(parts: list[pl.Series]) -> pl.Series:
    return pl.select(pl.concat_str([part.alias(str(place)) for place, part in enumerate(parts)])).to_series()


def _head(event: Event, layout: Layout) -> str:
    if layout == "simulated":
        return f"{event.subsystem} {event.severity} "
    return f"RAS {event.subsystem.upper()} {event.severity} "


def _constant(text: str) -> pl.Series:
    return pl.Series([text])
