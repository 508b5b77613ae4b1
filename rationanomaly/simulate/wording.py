"""Put planned lines into words: fill the placeholders and lay the line out in a log format.

A message is literal text and values in turn. Every literal and every value of all lines of a block is gathered
in one step per position, so that no Python loop runs over lines or events.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rationanomaly.simulate.events import Event
from rationanomaly.simulate.timeline import Block
from rationanomaly.simulate.values import NODE, draw_values

Layout = Literal["simulated", "bgl"]
UNTAGGED = "-"
_WORDS, _POOLS = 2, 3
_DAY, _SECOND = 86_400_000, 1_000


class Wording:
    """Writes the lines of a block.

    Args:
        events: the catalogue.
        tags: the alert tag of each event, `UNTAGGED` for none.
        nodes: names of the nodes.
        layout: ``simulated``: ``TAG TIME NODE SUBSYSTEM SEVERITY MESSAGE``, or ``bgl``: as BGL's published log.
        seed: equal seeds give equal words.
    """

    def __init__(self, events: tuple[Event, ...], tags: list[str], nodes: list[str], layout: Layout, seed: int) -> None:
        self.seed, self.layout = seed, layout
        self.values = draw_values(nodes, np.random.default_rng([seed, _POOLS]))
        self.tags, self.nodes = pl.Series(tags), pl.Series(nodes)
        pieces = [event.pieces() for event in events]
        width = max(map(len, pieces))
        heads = [_head(event, layout) for event in events]
        self.literals = [
            pl.Series([(heads[i] if k == 0 else "") + (p[k][0] if k < len(p) else "") for i, p in enumerate(pieces)])
            for k in range(width)
        ]
        names = [[p[k][1] if k < len(p) else None for p in pieces] for k in range(width)]
        self.start = [np.array([self.values.start[n] if n else 0 for n in column]) for column in names]
        self.size = [np.array([self.values.size[n] if n else 1 for n in column]) for column in names]
        self.names_node = [np.array([n == NODE for n in column]) for column in names]
        self.seconds = pl.Series([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)])
        self.thousandths = pl.Series([f".{ms:03d}" for ms in range(1_000)])

    def lines(self, block: Block) -> pl.Series:
        """The lines of a block, without line ends."""
        random = np.random.default_rng([self.seed, _WORDS, block.number])
        parts = self._front(block)
        for k, literal in enumerate(self.literals):
            parts.append(literal.gather(block.event))
            parts.append(self.values.texts.gather(self._value(k, block, random)))
        return pl.select(pl.concat_str([part.alias(str(i)) for i, part in enumerate(parts)])).to_series()

    def _value(self, k: int, block: Block, random: np.random.Generator) -> NDArray[np.int64]:
        start, size = self.start[k][block.event], self.size[k][block.event]
        drawn = random.integers(0, 2**31, len(block.event)) % size
        # The message names the node that it is about; a second name in it is that of the next node.
        about = np.where(self.names_node[k][block.event], (block.near + k // 2) % size, drawn)
        return np.asarray(start + about, dtype=np.int64)

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


def _head(event: Event, layout: Layout) -> str:
    if layout == "simulated":
        return f"{event.subsystem} {event.severity} "
    return f"RAS {event.subsystem.upper()} {event.severity} "


def _constant(text: str) -> pl.Series:
    return pl.Series([text])
