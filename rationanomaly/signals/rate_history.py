"""How often each template comes: by minute for two hours, by hour for four weeks, and the peaks of each hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Ints
from rationanomaly.signals.keyed_table import Column, KeyedTable
from rationanomaly.signals.surprise import dispersion

Floats = NDArray[np.float64]
#: Minutes of the recent history, and of one slot of it.
RING, SLOT = 120, 10
_SLOTS = RING // SLOT
_HOUR = 60
_DAY_HOURS, _WEEK_HOURS, HOURS = 24, 168, 672
#: Whole days from which on an hour is compared with the same hour of other days, and of other weeks.
_DAYS_KNOWN, _WEEKS_KNOWN = 3, 3
#: A count as the rings of peaks hold it.
_MOST_PEAK = 65535
#: The largest slots of the recent history don't raise its mean.
_CLIPPED = 2
_NEVER = 2**62


class RateHistory:
    """Counts by template and time.

    Attributes:
        table: one row per template. ``since`` is the minute of its first line, ``total`` all its lines, ``slot`` those
            of the slot that is open; ``mean`` and ``spread`` (dispersion) are what a slot is expected to hold,
            ``clump`` is the dispersion of minutes.
        head: the newest minute.
        began: the first minute.

    Args:
        capacity: number of templates.
    """

    def __init__(self, capacity: int) -> None:
        columns = {
            "minutes": Column(np.uint32, (RING,)),
            "hours": Column(np.uint32, (HOURS,)),
            "peaks": Column(np.uint16, (HOURS,)),
            "slot_peaks": Column(np.uint16, (HOURS,)),
            "since": Column(np.int64, (), float(_NEVER)),
            "total": Column(np.float64),
            "slot": Column(np.int64),
            "mean": Column(np.float64),
            "spread": Column(np.float64),
            "clump": Column(np.float64),
        }
        self.table = KeyedTable(capacity, columns)
        self.head: int | None = None
        self.began = 0

    def rows(self, keys: Sequence[str], now: float) -> Ints:
        """The rows of template ids; see `KeyedTable.rows`."""
        return self.table.rows(keys, now)

    def start(self, minute: int) -> None:
        """Begin, or begin anew because the clock was set back."""
        self.head = self.began = minute
        for name in ("minutes", "hours", "peaks", "slot_peaks", "total", "slot", "mean", "spread", "clump"):
            self.table[name][:] = 0
        self.table["since"][:] = minute

    def pass_to(self, minute: int) -> None:
        """Let time pass: the minutes from the head to this one are empty so far."""
        if self.head is None:
            self.start(minute)
        head = self.head or 0
        if minute <= head:
            return
        _empty(self.table["minutes"], head + 1, minute)
        if minute // _HOUR > head // _HOUR:
            for name in ("hours", "peaks", "slot_peaks"):
                _empty(self.table[name], head // _HOUR + 1, minute // _HOUR)
        self.head = minute

    def add(self, rows: Ints, minutes: Ints, counts: Ints) -> None:
        """Count lines of minutes that are not behind the recent history.

        Args:
            rows: of the templates.
            minutes: since 1970; at most the head.
            counts: of lines.
        """
        table = self.table
        np.add.at(table["minutes"], (rows, minutes % RING), counts.astype(np.uint32))
        np.add.at(table["hours"], (rows, minutes // _HOUR % HOURS), counts.astype(np.uint32))
        np.add.at(table["total"], rows, counts)
        np.minimum.at(table["since"], rows, minutes)

    def add_to_slot(self, rows: Ints, counts: Ints) -> Ints:
        """Count lines of the open slot too; gives its counts."""
        np.add.at(self.table["slot"], rows, counts)
        found: Ints = self.table["slot"][rows]
        return found

    def raise_peaks(self, rows: Ints, minutes: Ints, of_minute: Ints, of_slot: Ints) -> None:
        """Remember the highest minutes and slots of an hour."""
        place = (rows, minutes // _HOUR % HOURS)
        np.maximum.at(self.table["peaks"], place, np.minimum(of_minute, _MOST_PEAK).astype(np.uint16))
        np.maximum.at(self.table["slot_peaks"], place, np.minimum(of_slot, _MOST_PEAK).astype(np.uint16))

    def minutes_known(self) -> int:
        """Length of the history."""
        return 0 if self.head is None else self.head - self.began

    def learn(self, slot: int) -> None:
        """Work out what a slot is expected to hold, from the recent whole slots before it.

        Args:
            slot: number of the slot that is beginning.
        """
        table, known = self.table, min(slot - -(-self.began // SLOT), _SLOTS - 1)
        if known <= 0 or not len(table):
            return
        minutes = table["minutes"].reshape(len(table), _SLOTS, SLOT)
        places = np.arange(slot - known, slot) % _SLOTS
        recent = minutes[:, places, :]
        slots = recent.sum(axis=2, dtype=np.float64)
        lowered = np.sort(slots, axis=1)
        if known > 2 * _CLIPPED:
            lowered = np.minimum(lowered, lowered[:, [-1 - _CLIPPED]])
        table["mean"][:] = lowered.mean(axis=1)
        table["spread"][:] = dispersion(slots)
        count = known * SLOT
        mean = slots.sum(axis=1) / count
        squares = np.einsum("ijk,ijk->i", recent, recent, dtype=np.float64) / count
        with np.errstate(invalid="ignore", divide="ignore"):
            table["clump"][:] = np.where(mean > 0, np.maximum(squares / mean**2 - 1 - 1 / mean, 0), 0)

    def overall(self, rows: Ints) -> Floats:
        """Lines per slot over the whole history; at least half a line in all of it."""
        found: Floats = (self.table["total"][rows] + 0.5) * SLOT / max(self.minutes_known(), RING)
        return found

    def comparable_hours(self, hour: int) -> Ints:
        """Past hours that an hour is compared with: the same of other weeks or days if enough are known, else all."""
        first = max(-(-self.began // _HOUR), hour - HOURS + 1)
        hours = np.arange(first, hour)
        for period, known in ((_WEEK_HOURS, _WEEKS_KNOWN), (_DAY_HOURS, _DAYS_KNOWN)):
            if hour - first >= period * known:
                distance = (hour - hours) % period
                alike: Ints = hours[(distance <= 1) | (distance == period - 1)]
                return alike[:-1]
        return hours

    def past(self, column: str, rows: Ints, hours: Ints) -> Floats:
        """Values of past hours, one row per template."""
        values: NDArray[Any] = self.table[column][rows][:, hours % HOURS]
        return values.astype(np.float64)


def _empty(ring: NDArray[Any], first: int, last: int) -> None:
    """Empty the cells of some steps of time."""
    size = ring.shape[1]
    ring[:, np.arange(max(first, last - size + 1), last + 1) % size] = 0
