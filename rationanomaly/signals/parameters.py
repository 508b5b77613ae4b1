"""Numbers out of their range: a parameter of a template far beyond all its values, or moving away from where it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Ints
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_span, show_time
from rationanomaly.signals.keyed_table import Column, KeyedTable
from rationanomaly.signals.numbers_in_lines import Numbers, numbers
from rationanomaly.signals.surprise import of_excess

Floats = NDArray[np.float64]
#: Values that are kept of each parameter, a sample of the last `_MEMORY`; and that are needed before one is unusual.
_SAMPLE, _MEMORY, _ENOUGH = 256, 4096, 100
#: Values of a batch and parameter that are learnt from.
_MOST_LEARNT = 64
#: A share of rising steps from which on it is a counter or a clock, and has no range.
_RISING = 0.9
#: Ratio of the 90th to the 10th percentile from which on positive values are compared by their logarithms.
_WIDE = 8.0
#: Differences below these shares of the median, or of the spread, are none.
_LEAST_SHARE, _LEAST_SPREAD = 0.05, 1.5
#: Windows whose medians are compared; the newest are left out, so that a slow drift is no part of its own past.
WINDOW_SECONDS = 600
_MEDIANS, _LEFT_OUT, _ENOUGH_MEDIANS = 144, 8, 12
_WINDOW_VALUES, _ENOUGH_VALUES = 32, 8
_JOINT = "\x1f"


class Parameters:
    """Ranges of parameters.

    Args:
        capacity: number of parameters.
        budget: where tests are counted.
    """

    def __init__(self, capacity: int, budget: Budget) -> None:
        columns = {
            "values": Column(np.float32, (_SAMPLE,), np.nan),
            "count": Column(np.int64),
            "learnt": Column(np.int64),
            "previous": Column(np.float64, (), np.nan),
            "steps": Column(np.int64),
            "rises": Column(np.int64),
            "low": Column(np.float64, (), -np.inf),  # values between these are nothing unusual
            "high": Column(np.float64, (), np.inf),
            "window": Column(np.int64, (), -1),
            "in_window": Column(np.int64),
            "newest": Column(np.float32, (_WINDOW_VALUES,), np.nan),
            "medians": Column(np.float32, (_MEDIANS,), np.nan),
            "windows": Column(np.int64),
        }
        self._table = KeyedTable(capacity, columns)
        self._budget = budget
        self._rng = np.random.default_rng(0)

    def observe(self, batch: Batch, now: float) -> list[Candidate]:
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        found = numbers(batch)
        if not len(found.row):
            return []
        starts = np.flatnonzero((np.diff(found.t, prepend=-1) != 0) | (np.diff(found.place, prepend=-1) != 0))
        slots = zip(found.t[starts].tolist(), found.place[starts].tolist(), strict=True)
        keys = [f"{batch.templates[t]}{_JOINT}{place}" for t, place in slots]
        rows = np.repeat(self._table.rows(keys, now), np.diff(starts, append=len(found.t)))
        kept = rows >= 0
        found = Numbers(found.row[kept], found.t[kept], found.place[kept], found.value[kept])
        rows = rows[kept]
        candidates = self._outside(batch, found, rows) + self._windows(batch, found, rows)
        self._learn(rows, found.value)
        return candidates

    # ------------------------------------------------------------ single values

    def _outside(self, batch: Batch, found: Numbers, rows: Ints) -> list[Candidate]:
        """Values far beyond all that were."""
        table, value = self._table, found.value
        self._budget.count("parameter", len(rows))
        places = np.flatnonzero((value > table["high"][rows]) | (value < table["low"][rows]))
        candidates, seen = [], set[int]()
        # The most extreme value of each parameter stands for the others of the batch.
        surprises = self._excess(rows[places], value[places])
        for index in np.argsort(-surprises, kind="stable"):
            place, surprise = int(places[index]), float(surprises[index])
            if surprise < LEAST_SURPRISE or int(rows[place]) in seen:
                continue
            seen.add(int(rows[place]))
            same = places[rows[places] == rows[place]]
            candidates.append(self._value_candidate(batch, found, place, same, int(rows[place]), surprise))
        return candidates

    def _excess(self, rows: Ints, value: Floats) -> Floats:
        """Surprise of values against the samples of their parameters."""
        if not len(rows):
            return np.zeros(0)
        sample = self._table["values"][rows].astype(np.float64)
        logarithmic = _is_wide(sample)
        with np.errstate(invalid="ignore", divide="ignore"):
            sample = np.where(logarithmic[:, None], np.log(sample), sample)
            value = np.where(logarithmic, np.where(value > 0, np.log(np.maximum(value, 1e-300)), np.nan), value)
        middle = np.nanmedian(sample, axis=1)
        distance = value - middle
        same_side = np.maximum((sample - middle[:, None]) * np.sign(distance)[:, None], 0)
        surprise = of_excess(np.abs(distance), same_side, _least(sample, middle, logarithmic))
        found: Floats = np.nan_to_num(surprise, nan=0.0)
        return found

    def _value_candidate(
        self, batch: Batch, found: Numbers, place: int, same: Ints, row: int, surprise: float
    ) -> Candidate:
        t, position, value, line = (int(found.t[place]), int(found.place[place]), float(found.value[place]), found.row)
        at = float(batch.at[line[place]])
        sample = self._table["values"][row]
        low, high = float(np.nanmin(sample)), float(np.nanmax(sample))
        known = int(np.sum(~np.isnan(sample)))
        more = f" (and {len(same) - 1} more such lines)" if len(same) > 1 else ""
        return Candidate(
            kind="parameter",
            subject=self._table.key(row),
            time=float(at),
            surprise=surprise,
            text=f"Parameter {position + 1} of {quote(batch.texts[t])} is {show_number(value)} at {show_time(at)}"
            f"{more}; a sample of {known} values before lies between {show_number(low)} and {show_number(high)}.",
            lines=batch.refs(np.concatenate([line[[place]], line[same[:4]]])),
            template_id=batch.templates[t],
            template=batch.texts[t],
            node=batch.nodes[int(batch.n[line[place]])],
            measures={"observed": float(value), "low": low, "high": high, "place": position + 1, "lines": len(same)},
        )

    # ------------------------------------------------------------ windows

    def _windows(self, batch: Batch, found: Numbers, rows: Ints) -> list[Candidate]:
        """Collect values by window, and compare the median of each window that is over."""
        table, value = self._table, found.value
        window = (batch.at[found.row] // WINDOW_SECONDS).astype(np.int64)
        starts = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(window, prepend=-1) != 0))
        candidates: list[Candidate] = []
        windows, sizes, newest = table["window"], table["in_window"], table["newest"]
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True):
            row, number = int(rows[start]), int(window[start])
            if number < windows[row]:
                continue
            if number > windows[row]:
                if sizes[row] >= _ENOUGH_VALUES:
                    candidates += self._close(batch, found, start, row)
                windows[row], sizes[row] = number, 0
                newest[row] = np.nan
            before = int(sizes[row])
            room = max(_WINDOW_VALUES - before, 0)
            newest[row, before : before + min(room, end - start)] = value[start : min(end, start + room)]
            if end - start > room:
                late = value[max(start + room, end - _WINDOW_VALUES) : end]
                newest[row, self._rng.integers(0, _WINDOW_VALUES, len(late))] = late
            sizes[row] += end - start
        return candidates

    def _close(self, batch: Batch, found: Numbers, start: int, row: int) -> list[Candidate]:
        """Compare the median of a parameter's window with those before."""
        table = self._table
        newest = table["newest"][row].astype(np.float64)
        newest = newest[~np.isnan(newest)]
        if len(newest) < _ENOUGH_VALUES or self._is_counter(row):
            return []
        median, count = float(np.median(newest)), int(table["windows"][row])
        medians = table["medians"][row].astype(np.float64)
        order = [(count - 1 - back) % _MEDIANS for back in range(_LEFT_OUT, min(count, _MEDIANS))]
        past = medians[order]
        table["medians"][row, count % _MEDIANS] = median
        table["windows"][row] += 1
        if len(past) < _ENOUGH_MEDIANS:
            return []
        self._budget.count("parameter", 1)
        middle = float(np.median(past))
        spread = float(np.subtract(*np.percentile(newest, [75, 25])))
        least = max(2 * spread / np.sqrt(len(newest)), _LEAST_SHARE * abs(middle), 1e-9)
        distance = np.abs(past - middle)
        surprise = float(of_excess([abs(median - middle)], distance[None, :], least)[0])
        if surprise < LEAST_SURPRISE:
            return []
        t, position, line = int(found.t[start]), int(found.place[start]), int(found.row[start])
        at = float(batch.at[line])
        end = float((int(table["window"][row]) + 1) * WINDOW_SECONDS)
        low, high = float(past.min()), float(past.max())
        ago = show_span(_LEFT_OUT * WINDOW_SECONDS)
        return [
            Candidate(
                kind="parameter",
                subject=table.key(row),
                time=min(end, float(at)),
                surprise=surprise,
                text=f"Parameter {position + 1} of {quote(batch.texts[t])} had a median of {show_number(median)} in "
                f"the 10 minutes up to {show_time(end)}; until {ago} before, the medians of {len(past)} windows "
                f"lay between {show_number(low)} and {show_number(high)}.",
                lines=(batch.ref(line),),
                template_id=batch.templates[t],
                template=batch.texts[t],
                measures={"observed": median, "low": low, "high": high, "place": position + 1, "windows": len(past)},
            )
        ]

    # ------------------------------------------------------------ learning

    def _is_counter(self, row: int) -> bool:
        steps = int(self._table["steps"][row])
        return bool(self._table["rises"][row] >= _RISING * steps) and steps > 0

    def _learn(self, rows: Ints, value: Floats) -> None:
        """Sample the values of a batch; ``rows`` rise."""
        table = self._table
        starts = np.flatnonzero(np.diff(rows, prepend=-1) != 0)
        sizes = np.diff(starts, append=len(rows))
        nth = np.arange(len(rows)) - np.repeat(starts, sizes)
        kept = nth < _MOST_LEARNT
        rows, value, nth = rows[kept], value[kept], nth[kept]
        first = nth == 0
        before = np.where(first, table["previous"][rows], np.concatenate([[np.nan], value[:-1]]))
        moved = np.isfinite(before) & (value != before)
        np.add.at(table["steps"], rows[moved], 1)
        np.add.at(table["rises"], rows[moved], (value[moved] > before[moved]).astype(np.int64))
        lasts = np.flatnonzero(np.diff(rows, append=-1) != 0)
        table["previous"][rows[lasts]] = value[lasts]
        number = table["count"][rows] + nth
        drawn = self._rng.random(len(rows)) * np.minimum(number, _MEMORY)
        place = np.where(number < _SAMPLE, number, drawn.astype(np.int64))
        chosen = place < _SAMPLE
        table["values"][rows[chosen], place[chosen]] = value[chosen]
        touched = rows[lasts]
        table["count"][touched] += nth[lasts] + 1
        due = touched[
            (table["count"][touched] >= _ENOUGH) & (table["count"][touched] >= 1.1 * table["learnt"][touched])
        ]
        if len(due):
            self._set_bounds(due)

    def _set_bounds(self, rows: Ints) -> None:
        """Between which values of some parameters nothing is unusual."""
        table = self._table
        table["learnt"][rows] = np.minimum(table["count"][rows], _MEMORY)
        counter = (table["steps"][rows] > 0) & (table["rises"][rows] >= _RISING * table["steps"][rows])
        sample = table["values"][rows].astype(np.float64)
        logarithmic = _is_wide(sample)
        with np.errstate(invalid="ignore", divide="ignore"):
            sample = np.where(logarithmic[:, None], np.log(sample), sample)
        middle = np.nanmedian(sample, axis=1)
        least = _least(sample, middle, logarithmic)
        bounds = []
        for sign in (-1, 1):
            side = np.maximum((sample - middle[:, None]) * sign, 0)
            # The surprise grows in proportion to the distance, so that of distance 1 gives the bound.
            unit = of_excess(np.ones(len(rows)), side, least)
            bound = middle + sign * LEAST_SURPRISE / np.maximum(unit, 1e-12)
            bounds.append(np.where(logarithmic, np.exp(np.minimum(bound, 700)), bound))
        table["low"][rows] = np.where(counter, -np.inf, bounds[0])
        table["high"][rows] = np.where(counter, np.inf, bounds[1])

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        keys, arrays = self._table.dump()
        return {"keys": keys}, arrays

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:  # noqa: ARG002
        """Continue from what `dump` gave; see `signals.broken_sessions.BrokenSessions.load`."""
        self._table.load(values["keys"], arrays)


def _is_wide(sample: Floats) -> NDArray[np.bool_]:
    """Whether values are positive and spread over orders of magnitude."""
    low, high = np.nanpercentile(sample, [10, 90], axis=1)
    found: NDArray[np.bool_] = (np.nanmin(sample, axis=1) > 0) & (high > _WIDE * low)
    return found


def _least(sample: Floats, middle: Floats, logarithmic: NDArray[np.bool_]) -> Floats:
    """The smallest distance from the median that counts as normal."""
    low, high = np.nanpercentile(sample, [25, 75], axis=1)
    spread = _LEAST_SPREAD * (high - low)
    whole = np.all(np.isnan(sample) | (sample == np.floor(sample)), axis=1)
    share = np.where(
        logarithmic, np.log1p(_LEAST_SHARE), np.maximum(_LEAST_SHARE * np.abs(middle), np.where(whole, 1.0, 1e-9))
    )
    found: Floats = np.maximum(spread, share)
    return found
