"""Heartbeats: a message that comes on a node at regular intervals, and has stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Ints, Names, pair_of
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_span, show_time
from rationanomaly.signals.equal_runs import nth_of, sizes_of, starts_of
from rationanomaly.signals.keyed_table import Column
from rationanomaly.signals.last_lines import LastLines
from rationanomaly.signals.pair_table import PairTable
from rationanomaly.signals.stream_clock import StreamClock
from rationanomaly.signals.surprise import LARGEST

Floats = NDArray[np.float64]
#: Intervals that are kept of each pair, and that are needed before it can be regular.
_RING, _ENOUGH = 32, 12
#: Lines closer than this belong to the same beat.
_SAME_PULSE_SECONDS = 0.5
_LEAST_PERIOD, _MOST_PERIOD = 2.0, 6 * 3600.0
#: Regular: half of the intervals are this close to the median, and this share of them within its bounds.
_DEVIATION, _WITHIN, _SHARE = 0.15, (0.5, 1.6), 0.9
#: So many beats in a row have to be missing.
_LEAST_MISSED = 3
#: Intervals after which what was not regular is tested again: it takes more than these to become so.
_TESTED_AFTER = 6
#: Names of sources that are kept; those without a pair go first.
_MOST_SOURCES = 20_000


class Heartbeats:
    """Regular messages by template and node.

    Args:
        capacity: number of pairs.
        forget_seconds: after which a message that stays away is no longer missed.
        budget: where tests are counted.
        clock: of the sources.
        names: of templates and nodes.
    """

    def __init__(self, capacity: int, forget_seconds: float, budget: Budget, clock: StreamClock, names: Names) -> None:
        columns = {
            "last": Column(np.float64, (), -np.inf),
            "intervals": Column(np.float32, (_RING,), np.nan),
            "count": Column(np.int64),
            "learnt": Column(np.int64),  # count when it was last tested for regularity
            "missed": Column(np.int64),
            "period": Column(np.float64),  # median interval; 0 where it is not regular
            "longest": Column(np.float64),
            "source": Column(np.int64),
            "since": Column(np.float64, (), -np.inf),  # nothing is missed from before
        }
        self._table = PairTable(capacity, columns, names)
        self._forget = forget_seconds
        self._budget = budget
        self._clock = clock
        self._last = LastLines(capacity)
        self._texts: dict[str, str] = {}
        self._sources: list[str] = []
        #: Sources that have given no line since the process was started anew.
        self._unheard: set[int] = set()

    def observe(self, batch: Batch, now: float) -> list[Candidate]:
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        firsts, lasts = batch.order[batch.pairs], batch.order[np.append(batch.pairs[1:], len(batch.order)) - 1]
        rows = self._table.rows_of(batch, batch.t[firsts], batch.n[firsts], now)
        sources = self._source_places(batch, lasts)
        self._resume(sources, batch.at[firsts])
        candidates = self._intervals(batch, rows)
        kept = rows >= 0
        known = rows[kept]
        self._table["source"][known] = sources[kept]
        self._table["last"][known] = np.maximum(self._table["last"][known], batch.at[lasts[kept]])
        self._remember(batch, lasts, rows)
        return candidates + self.tick()

    def tick(self) -> list[Candidate]:
        """Notice what has stopped."""
        table = self._table
        watched = np.flatnonzero((table["period"] > 0) & np.isfinite(table.seen))
        if not len(watched):
            return []
        clocks = np.array([self._clock.now(source) for source in self._sources])
        last, period = table["last"][watched], table["period"][watched]
        places = table["source"][watched]
        now = clocks[places]
        missing = now - np.maximum(last, table["since"][watched])
        gone = now - last > self._forget
        if gone.any():
            self._table.drop(watched[gone])
        found = np.flatnonzero((missing > _LEAST_MISSED * period) & ~gone)
        surprise = self._surprise(watched[found], missing[found])
        return [
            self._candidate(int(watched[place]), float(now[place] - last[place]), float(one), None)
            for place, one in zip(found, surprise, strict=True)
            if one >= LEAST_SURPRISE
        ]

    # ------------------------------------------------------------ intervals

    def _intervals(self, batch: Batch, rows: Ints) -> list[Candidate]:
        """Learn the intervals of a batch, and notice those that are far too long."""
        table, line = self._table, batch.order
        at = batch.at[line]
        of = np.repeat(rows, sizes_of(batch.pairs, len(line)))
        before = np.empty(len(at))
        before[1:] = at[:-1]
        before[batch.pairs] = np.where(rows >= 0, table["last"][rows], -np.inf) if len(table) else -np.inf
        interval = at - before
        whole = (of >= 0) & np.isfinite(interval) & (interval >= _SAME_PULSE_SECONDS)
        of, at, interval, line = of[whole], at[whole], interval[whole], line[whole]
        if not len(of):
            return []
        candidates = self._late(of, at, interval, line)
        starts = starts_of(of)
        sizes = sizes_of(starts, len(of))
        nth = nth_of(sizes)
        newest = np.repeat(sizes, sizes) - nth <= _RING
        place = (table["count"][of] + nth) % _RING
        table["intervals"][of[newest], place[newest]] = interval[newest]
        touched = of[starts]
        period = table["period"][of]
        missed = (period > 0) & (interval > _WITHIN[1] * period)
        np.add.at(table["missed"], of[missed], 1)
        table["count"][touched] += sizes
        self._budget.count("heartbeat", int(np.sum(period > 0)))
        self._learn(touched)
        return candidates

    def _late(self, of: Ints, at: Floats, interval: Floats, line: Ints) -> list[Candidate]:
        """Beats that came after a long pause: old logs are read so fast that `tick` has not seen it."""
        period = self._table["period"][of]
        long = (interval > (_LEAST_MISSED + 0.5) * period) & (interval < self._forget)
        places = np.flatnonzero((period > 0) & long & (at - interval >= self._table["since"][of]))
        surprise = self._surprise(of[places], interval[places] - period[places])
        return [
            self._candidate(int(of[place]), float(interval[place]), float(one), float(at[place]), int(line[place]))
            for place, one in zip(places, surprise, strict=True)
            if one >= LEAST_SURPRISE
        ]

    def _learn(self, rows: Ints) -> None:
        table = self._table
        count = table["count"][rows]
        due = (table["period"][rows] > 0) | (count - table["learnt"][rows] >= _TESTED_AFTER)
        rows = rows[(count >= _ENOUGH) & due]
        if not len(rows):
            return
        table["learnt"][rows] = table["count"][rows]
        known = table["intervals"][rows]
        half = np.sum(~np.isnan(known), axis=1)[:, None] // 2
        # numpy's own median of what may be missing is slow; NaN are sorted behind all others.
        middle = np.take_along_axis(np.sort(known, axis=1), half, 1)[:, 0]
        deviation = np.take_along_axis(np.sort(np.abs(known - middle[:, None]), axis=1), half, 1)[:, 0]
        low, high = _WITHIN
        within = (known >= low * middle[:, None]) & (known <= high * middle[:, None])
        share = within.sum(axis=1) / np.sum(~np.isnan(known), axis=1)
        regular = (
            (deviation <= _DEVIATION * middle)
            & (share >= _SHARE)
            & (middle >= _LEAST_PERIOD)
            & (middle <= _MOST_PERIOD)
        )
        table["period"][rows] = np.where(regular, middle, 0)
        # The longest of all but one: an outage doesn't hide the next.
        table["longest"][rows] = np.sort(np.nan_to_num(known, nan=0), axis=1)[:, -2]

    def _surprise(self, rows: Ints, missing: Floats) -> Floats:
        """Of so many beats that are missing in a row, each with the probability that one was missing so far."""
        table = self._table
        period = np.maximum(table["period"][rows], _LEAST_PERIOD)
        missed = np.floor(missing / period - 0.5)
        probability = (table["missed"][rows] + 1) / (table["count"][rows] + 2)
        surprise = -np.log10(np.minimum(probability, 1)) * missed
        unusual = (missed >= _LEAST_MISSED) & (missing > 1.5 * table["longest"][rows])
        found: Floats = np.where(unusual, np.minimum(surprise, LARGEST), 0)
        return found

    # ------------------------------------------------------------ alerts

    def _candidate(
        self, row: int, missing: float, surprise: float, back: float | None, line: int | None = None
    ) -> Candidate:
        key = self._table.key(row)
        template_id, node = pair_of(key)
        period, last = float(self._table["period"][row]), float(self._table["last"][row])
        count = int(self._table["count"][row])
        text = self._texts.get(template_id, "")
        since = last if back is None else back - missing
        until = f"nothing for {show_span(missing)}" if back is None else f"then nothing until {show_time(back)}"
        return Candidate(
            kind="heartbeat",
            subject=key,
            time=since + period,
            surprise=surprise,
            text=f"{quote(text)}{'' if node is None else f' on {quote(node)}'} came every {show_span(period)} "
            f"({count} intervals), last at {show_time(since)}; {until}.",
            lines=self._last.get(key),
            rows=() if line is None else (line,),
            template_id=template_id,
            template=text,
            node=node,
            measures={"period": round(period, 3), "missing": round(missing, 3), "beats": float(show_number(count))},
        )

    def _remember(self, batch: Batch, lasts: Ints, rows: Ints) -> None:
        """Keep the last line of what is regular."""
        if not len(self._table):
            return
        places = np.flatnonzero((rows >= 0) & (self._table["period"][rows] > 0))
        keys = map(self._table.key, rows[places].tolist())
        self._last.put(zip(keys, batch.each_values(lasts[places]), strict=True))
        for t in np.unique(batch.t[lasts[places]]).tolist():
            self._texts[batch.templates[t]] = batch.texts[t]
        if len(self._texts) > 2 * len(self._table) + 100:
            alive = {pair_of(key)[0] for key in self._table.keys if key is not None}
            self._texts = {key: text for key, text in self._texts.items() if key in alive}

    def _source_places(self, batch: Batch, lines: Ints) -> Ints:
        """Where the sources of some lines stand among all."""
        if len(self._sources) > _MOST_SOURCES:
            used = {self._sources[place] for place in set(self._table["source"].tolist())}
            places = {name: place for place, name in enumerate(sorted(used))}
            self._table["source"][:] = [places[self._sources[place]] for place in self._table["source"].tolist()]
            self._unheard = {places[self._sources[place]] for place in self._unheard if self._sources[place] in places}
            self._sources = list(places)
        known = {name: place for place, name in enumerate(self._sources)}
        names, codes = batch.sources, batch.s
        of_batch = [known.setdefault(name or "", len(known)) for name in names]
        self._sources = list(known)
        return np.array(of_batch, np.int64)[codes[lines]]

    def _resume(self, sources: Ints, times: Floats) -> None:
        """After a new start each source is watched from its first line on."""
        for place in self._unheard.intersection(sources.tolist()):
            self._table["since"][self._table["source"] == place] = float(times[sources == place].min())
            self._unheard.discard(place)

    # ------------------------------------------------------------ state

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        keys, arrays = self._table.dump()
        return {"keys": keys, "texts": self._texts, "sources": self._sources, "last": self._last.dump()}, arrays

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:
        """Continue from what `dump` gave; see `signals.broken_sessions.BrokenSessions.load`."""
        self._table.load(values["keys"], arrays)
        self._texts, self._sources = dict(values["texts"]), list(values["sources"])
        self._last.load(values["last"])
        if not complete:
            self._table["since"][:] = np.inf
            self._unheard = set(range(len(self._sources)))
