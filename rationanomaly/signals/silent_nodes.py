"""Nodes from which nothing comes any more, for longer than their own pauses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Floats, Ints, grouped
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_span, show_time
from rationanomaly.signals.equal_runs import ends_of, nth_of, sizes_of, starts_of
from rationanomaly.signals.keyed_table import NO_ROW, Column, KeyedTable
from rationanomaly.signals.last_lines import LastLines
from rationanomaly.signals.stream_clock import StreamClock
from rationanomaly.signals.surprise import of_excess

#: Pauses that are kept of each node, and that are needed before it is watched.
_RING, _ENOUGH = 256, 20
#: A shorter silence is none.
_LEAST_MINUTES = 3
_MINUTE_SECONDS, _HOUR, _DAY_HOURS, _WEEK_HOURS = 60, 60, 24, 168
#: Days after which it is known at which hours a node is silent as a rule.
_DAYS_KNOWN = 3


class SilentNodes:
    """Silence of nodes.

    Args:
        capacity: number of nodes.
        forget_seconds: after which a node that stays silent is no longer missed.
        budget: where tests are counted.
        clock: of the sources.
    """

    def __init__(self, capacity: int, forget_seconds: float, budget: Budget, clock: StreamClock) -> None:
        columns = {
            "last": Column(np.int64, (), -1),  # newest minute with a line
            "pauses": Column(np.float32, (_RING,), np.nan),  # minutes between minutes with lines
            "count": Column(np.int64),
            "hours": Column(np.uint16, (_WEEK_HOURS,)),  # lines in each hour of the last week
            "hour": Column(np.int64, (), -1),
            "first": Column(np.int64, (), -1),  # first hour
            "source": Column(np.int64),  # of the newest line: its place among the sources
        }
        self._table = KeyedTable(capacity, columns)
        self._forget = forget_seconds / _MINUTE_SECONDS
        self._budget = budget
        self._clock = clock
        self._last = LastLines(capacity)
        #: Source → its place, in the order of places.
        self._sources: dict[str, int] = {}

    def observe(self, batch: Batch, now: float) -> list[Candidate]:
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        start = int(batch.minute.min())
        span = int(batch.minute.max()) - start + 1
        keys, count, line = grouped(batch.n * span + batch.minute - start)
        named = np.array([node is not None for node in batch.nodes], bool)[keys // span]
        keys, count, line = keys[named], count[named], line[named]
        if not len(keys):
            return self.tick()
        n, minute = keys // span, keys % span + start
        places = np.unique(n)
        rows_of = np.full(len(batch.nodes), NO_ROW)
        rows_of[places] = self._table.rows([batch.nodes[place] or "" for place in places], now)
        rows = rows_of[n]
        kept = rows >= 0
        candidates = self._pauses(batch, rows[kept], minute[kept], line[kept])
        self._hours(rows[kept], minute[kept], count[kept])
        newest = ends_of(n)
        lines = batch.each_values(line[newest])
        nodes = [batch.nodes[place] or "" for place in n[newest].tolist()]
        self._last.put(zip(nodes, lines, strict=True))
        self._note_sources(rows[newest], [one[0] for one in lines])
        return candidates + self.tick()

    def tick(self) -> list[Candidate]:
        """Notice silence."""
        table = self._table
        rows = np.flatnonzero((table["count"] >= _ENOUGH) & (table["last"] >= 0) & np.isfinite(table.seen))
        if not len(rows):
            return []
        now = np.array([self._clock.now(source) for source in self._sources])[table["source"][rows]]
        minutes = np.floor(np.maximum(now, 0) / _MINUTE_SECONDS).astype(np.int64)
        silence = minutes - table["last"][rows]
        gone = minutes - table["last"][rows] > self._forget
        if gone.any():
            self._table.drop(rows[gone])
        found = np.flatnonzero((silence >= _LEAST_MINUTES) & ~gone)
        return self._test(rows[found], silence[found], minutes[found], None)

    def _note_sources(self, rows: Ints, sources: list[str]) -> None:
        """Remember from which source each node's newest line came; ``rows`` of the nodes, `NO_ROW` among them."""
        if len(self._sources) > 2 * len(self._table) + 100:
            names, used = list(self._sources), np.unique(self._table["source"])
            self._table["source"][:] = np.searchsorted(used, self._table["source"])
            self._sources = {names[place]: number for number, place in enumerate(used.tolist())}
        known = self._sources
        places = np.array([known.setdefault(source, len(known)) for source in sources], np.int64)
        self._table["source"][rows[rows >= 0]] = places[rows >= 0]

    def _pauses(self, batch: Batch, rows: Ints, minutes: Ints, lines: Ints) -> list[Candidate]:
        """Learn the pauses of a batch, and notice those that are far too long."""
        table = self._table
        firsts = starts_of(rows)
        before = np.empty(len(rows), np.int64)
        before[1:] = minutes[:-1]
        before[firsts] = table["last"][rows[firsts]]
        pause = minutes - before
        newest = ends_of(rows)
        whole = (before >= 0) & (pause > 0)
        at = np.flatnonzero(
            whole & (pause > _LEAST_MINUTES) & (table["count"][rows] >= _ENOUGH) & (pause <= self._forget)
        )
        candidates = self._test(rows[at], pause[at] - 1, minutes[at], (lines[at], batch.at[lines[at]]))
        np.maximum.at(table["last"], rows[newest], minutes[newest])
        of, pause = rows[whole], pause[whole]
        starts = starts_of(of)
        sizes = sizes_of(starts, len(of))
        nth = nth_of(sizes)
        table["pauses"][of, (table["count"][of] + nth) % _RING] = pause
        table["count"][of[starts]] += sizes
        self._budget.count("silent_node", len(of))
        return candidates

    def _test(self, rows: Ints, silence: Ints, minutes: Ints, back: tuple[Ints, Floats] | None) -> list[Candidate]:
        """Test silences.

        Args:
            rows: of the nodes.
            silence, minutes: how long each is, and up to when.
            back: lines that ended them, and their times; None while they last.
        """
        if not len(rows):
            return []
        surprise = of_excess(silence, self._table["pauses"][rows], 1.0)
        candidates = []
        for place in np.flatnonzero(surprise >= LEAST_SURPRISE).tolist():
            row, until, unusual = int(rows[place]), int(minutes[place]), float(surprise[place])
            since = until - int(silence[place]) if back is not None else int(self._table["last"][row])
            if self._silent_as_a_rule(row, since + 1, until):
                continue
            if self._budget.admit("silent_node", self._table.key(row), unusual, _time_of(since)):
                again = None if back is None else (int(back[0][place]), float(back[1][place]))
                candidates.append(self._candidate(row, since, until, unusual, again))
        return candidates

    def _candidate(self, row: int, since: int, now: int, surprise: float, back: tuple[int, float] | None) -> Candidate:
        node = self._table.key(row)
        past = np.sort(self._table["pauses"][row][~np.isnan(self._table["pauses"][row])])
        usual = float(past[int(len(past) * 0.99) - 1])
        again = "" if back is None else f"; they came again at {show_time(back[1])}"
        length, begin = show_span((now - since) * _MINUTE_SECONDS), show_time(since * _MINUTE_SECONDS)[:16]
        return Candidate(
            kind="silent_node",
            subject=node,
            time=_time_of(since),
            surprise=surprise,
            text=f"No line came from {quote(node)} for {length} after {begin}{again}; "
            f"of its last {len(past)} pauses 99 % were no longer than {show_number(usual)} min.",
            lines=self._last.get(node),
            rows=() if back is None else (back[0],),
            node=node,
            measures={"minutes": now - since, "usual": usual},
        )

    # ------------------------------------------------------------ hours

    def _hours(self, rows: Ints, minutes: Ints, counts: Ints) -> None:
        """Count lines by hour; the hours without lines since are emptied."""
        table, hours = self._table, minutes // _HOUR
        starts = starts_of(rows, hours)
        if not len(starts):
            return
        rows, hours, counts = rows[starts], hours[starts], np.add.reduceat(counts, starts)
        new = np.flatnonzero(table["first"][rows] < 0)[::-1]
        table["first"][rows[new]] = hours[new]
        later = hours > table["hour"][rows]
        for row, hour in zip(rows[later].tolist(), hours[later].tolist(), strict=True):
            last = int(table["hour"][row])
            if last >= 0:
                table["hours"][row, np.arange(max(last + 1, hour - _WEEK_HOURS + 1), hour + 1) % _WEEK_HOURS] = 0
            table["hour"][row] = hour
        places = (rows, hours % _WEEK_HOURS)
        table["hours"][places] = np.minimum(table["hours"][places] + counts, np.iinfo(np.uint16).max)

    def _silent_as_a_rule(self, row: int, since: int, until: int) -> bool:
        """Whether at these hours of the day the node was silent on most days before."""
        first, hour = int(self._table["first"][row]), since // _HOUR
        days = min((hour - first) // _DAY_HOURS, _WEEK_HOURS // _DAY_HOURS - 1)
        if first < 0 or days < _DAYS_KNOWN or until // _HOUR - hour >= _DAY_HOURS:
            return False
        silent = 0
        for day in range(1, days + 1):
            hours = np.arange(hour, until // _HOUR + 1) - day * _DAY_HOURS
            known = hours[(hours > self._table["hour"][row] - _WEEK_HOURS) & (hours <= self._table["hour"][row])]
            # The hours at both ends may hold lines; where there are inner ones, these count.
            inner = known[1:-1] if len(known) > 2 else known[-1:]
            silent += bool(len(inner)) and not self._table["hours"][row, inner % _WEEK_HOURS].any()
        return silent > days / 2

    # ------------------------------------------------------------ state

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        keys, arrays = self._table.dump()
        return {"keys": keys, "sources": list(self._sources), "last": self._last.dump()}, arrays

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:
        """Continue from what `dump` gave; see `signals.broken_sessions.BrokenSessions.load`."""
        self._table.load(values["keys"], arrays)
        if not complete:
            # A node is missed only once it has been heard again.
            self._table["last"][:] = -1
        self._sources = {source: place for place, source in enumerate(values["sources"])}
        self._last.load(values["last"])


def _time_of(since: int) -> float:
    """When a silence began, from the last minute with a line."""
    return float((since + 1) * _MINUTE_SECONDS)
