"""What happens when and where: the log as numbers, before it is put into words.

The log is planned in blocks of a fixed number of lines, each from a random stream of its own, so that memory
stays flat. A block is background noise with fault episodes laid over it; an episode ends with its block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rationanomaly.simulate.cluster import Cluster, place_of
from rationanomaly.simulate.events import Event
from rationanomaly.simulate.faults import DOMAINS, unfold

BLOCK_LINES = 50_000
#: Every event comes at least this often in the first full block, so that a default log shows the whole catalogue.
LEAST = 3
START_MS = int(np.datetime64("2031-03-03T00:00:00", "ms").astype(np.int64))
_MEAN_GAP_MS = 700
_HASTE = 0.1
_PLAN = 1

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Consecutive lines of the log; all arrays have one entry per line.

    Attributes:
        number: of the block, from 0.
        first_line: 1-based number of its first line.
        event: index into the catalogue.
        node: the node that logs the line.
        near: the compute node that it is about; ``{node}`` in the message names it.
        time: milliseconds since 1970, ascending.
    """

    number: int
    first_line: int
    event: Numbers
    node: Numbers
    near: Numbers
    time: Numbers


class Timeline:
    """Plans the blocks of a log.

    Args:
        events: the catalogue.
        cluster: the nodes.
        lines: length of the log.
        episodes: fault episodes per 10,000 lines.
        seed: equal seeds give equal logs.
    """

    def __init__(self, events: tuple[Event, ...], cluster: Cluster, lines: int, episodes: float, seed: int) -> None:
        self.cluster, self.lines, self.episodes, self.seed = cluster, lines, episodes, seed
        rate = np.array([event.rate for event in events], dtype=float)
        self.fault = np.array([event.fault for event in events])
        self.domain = np.array([event.domain for event in events])
        self.place = np.array([place_of(event.subsystem) for event in events])
        self.background = rate * ~self.fault / (rate * ~self.fault).sum()
        self.within = {
            (name, fault): _shares(np.where((self.domain == name) & (self.fault == fault), rate, 0))
            for name in DOMAINS
            for fault in (False, True)
        }

    def blocks(self) -> Iterator[Block]:
        """The log from its first line on."""
        clock = START_MS
        for number, first in enumerate(range(0, self.lines, BLOCK_LINES)):
            size = min(BLOCK_LINES, self.lines - first)
            random = np.random.default_rng([self.seed, _PLAN, number])
            event = random.choice(len(self.background), size, p=self.background)
            near = random.integers(0, self.cluster.compute, size)
            gaps = random.exponential(_MEAN_GAP_MS, size)
            self._lay_episodes(event, near, gaps, random)
            if number == 0 and size == BLOCK_LINES:
                self._show_all(event, random)
            time = clock + np.cumsum(gaps).astype(np.int64)
            clock = int(time[-1])
            yield Block(number, first + 1, event, self.cluster.speaker(self.place[event], near), near, time)

    def _lay_episodes(
        self, event: Numbers, near: Numbers, gaps: NDArray[np.float64], random: np.random.Generator
    ) -> None:
        size = len(event)
        expected = self.episodes * size / 10_000
        count = int(expected) + int(random.random() < expected % 1)
        # Whole rounds over all kinds of fault before one comes again, so that none is missing.
        rounds = [random.permutation(list(DOMAINS)) for _ in range(count // len(DOMAINS) + 1)]
        for root in np.concatenate(rounds)[:count]:
            start, source = int(random.integers(0, size)), int(random.integers(0, self.cluster.compute))
            for burst in unfold(str(root), random):
                shares = self.within[burst.domain, burst.fault]
                lines = np.unique(start + burst.lines)
                lines = lines[(lines >= 0) & (lines < size)]
                # A later burst may fall on a line of an earlier one; the benign ones never hide a fault.
                lines = lines if burst.fault else lines[~self.fault[event[lines]]]
                if shares is None or not len(lines):
                    continue
                event[lines] = random.choice(len(shares), len(lines), p=shares)
                origin = np.full(len(lines), source)
                near[lines] = origin if burst.root else self.cluster.nodes_nearby(origin, random)
                gaps[lines] *= _HASTE

    def _show_all(self, event: Numbers, random: np.random.Generator) -> None:
        """Give lines of frequent events to those that came too rarely; a fault takes them from its own domain if
        that has any to spare."""
        for rare in np.flatnonzero(np.bincount(event, minlength=len(self.fault)) < LEAST):
            while (counts := np.bincount(event, minlength=len(self.fault)))[rare] < LEAST:
                spare = (counts[event] > LEAST) & (self.fault[event] == self.fault[rare])
                akin = spare & (self.domain[event] == self.domain[rare])
                donors = np.flatnonzero(akin if akin.any() else spare)
                if not len(donors):
                    break
                event[random.choice(donors)] = rare


def _shares(rate: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Rates as probabilities; None if there is nothing to choose from."""
    total = rate.sum()
    return rate / total if total else None
