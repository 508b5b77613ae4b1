"""Numbers out of their range: a parameter of a template far beyond all its values, or moving away from where it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Ints, some_of
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_span, show_time
from rationanomaly.signals.equal_runs import ends_of, nth_of, sizes_of, starts_of
from rationanomaly.signals.keyed_table import Column, KeyedTable
from rationanomaly.signals.numbers_in_lines import Numbers, numbers
from rationanomaly.signals.surprise import of_excess, quantile

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
        starts = starts_of(found.t, found.place)
        slots = zip(found.t[starts].tolist(), found.place[starts].tolist(), strict=True)
        keys = [f"{batch.templates[t]}{_JOINT}{place}" for t, place in slots]
        rows = np.repeat(self._table.rows(keys, now), sizes_of(starts, len(found.t)))
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
        if not len(places):
            return []
        # The most extreme values of each parameter stand for the others of the batch.
        places = places[np.lexsort((value[places], rows[places]))]
        of = rows[places]
        ends = np.union1d(starts_of(of), ends_of(of))
        surprises = self._excess(of[ends], value[places[ends]])
        candidates, seen = [], set[int]()
        for index in np.argsort(-surprises, kind="stable").tolist():
            place, surprise = int(places[ends[index]]), float(surprises[index])
            row = int(rows[place])
            if surprise < LEAST_SURPRISE:
                break
            at = float(batch.at[found.row[place]])
            if row in seen or not self._budget.admit("parameter", table.key(row), surprise, at):
                continue
            seen.add(row)
            same = np.sort(places[of == row])
            candidates.append(self._value_candidate(batch, found, place, same, row, surprise))
        return candidates

    def _excess(self, rows: Ints, value: Floats) -> Floats:
        """Surprise of values against the samples of their parameters."""
        if not len(rows):
            return np.zeros(0)
        sample, middle, logarithmic, least = _shape(self._table["values"][rows])
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.where(logarithmic, np.where(value > 0, np.log(np.maximum(value, 1e-300)), np.nan), value)
        distance = value - middle
        same_side = np.maximum((sample - middle[:, None]) * np.sign(distance)[:, None], 0)
        surprise = of_excess(np.abs(distance), same_side, least)
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
            rows=some_of(np.concatenate([line[[place]], line[same[:4]]])),
            template_id=batch.templates[t],
            template=batch.texts[t],
            node=batch.nodes[int(batch.n[line[place]])],
            measures={"observed": float(value), "low": low, "high": high, "place": position + 1, "lines": len(same)},
        )

    # ------------------------------------------------------------ windows

    def _windows(self, batch: Batch, found: Numbers, rows: Ints) -> list[Candidate]:
        """Collect values by window, and compare the median of each window that is over."""
        table = self._table
        window = batch.at[found.row] // WINDOW_SECONDS
        starts = starts_of(rows, window)
        sizes, of = sizes_of(starts, len(rows)), rows[starts]
        numbers = window[starts].astype(np.int64)
        firsts = starts_of(of)
        nth = nth_of(sizes_of(firsts, len(of)))
        candidates: list[Candidate] = []
        # The first window of each parameter at once, then the second ones.
        for turn in range(int(nth.max(initial=-1)) + 1):
            turns = np.flatnonzero((nth == turn) & (numbers >= table["window"][of]))
            newer = turns[numbers[turns] > table["window"][of[turns]]]
            over = newer[table["in_window"][of[newer]] >= _ENOUGH_VALUES]
            if len(over):
                candidates += self._close(batch, found, starts[over], of[over])
            table["window"][of[newer]] = numbers[newer]
            table["in_window"][of[newer]] = 0
            table["newest"][of[newer]] = np.nan
            self._collect(of[turns], starts[turns], sizes[turns], found.value)
        return candidates

    def _collect(self, rows: Ints, starts: Ints, sizes: Ints, values: Floats) -> None:
        """Keep values of the open windows: as many as there is room for, of the later ones some at random.

        Args:
            rows: of the parameters, each once.
            starts: where the values of each begin.
            sizes: how many there are.
            values: of all parameters.
        """
        table = self._table
        before = table["in_window"][rows]
        early = np.clip(_WINDOW_VALUES - before, 0, sizes)
        late = np.minimum(sizes - early, _WINDOW_VALUES)
        for count, begin, offset in ((early, starts, before), (late, starts + sizes - late, None)):
            nth = nth_of(count)
            place = (
                np.repeat(before, count) + nth
                if offset is not None
                else self._rng.integers(0, _WINDOW_VALUES, len(nth))
            )
            table["newest"][np.repeat(rows, count), place] = values[np.repeat(begin, count) + nth]
        table["in_window"][rows] += sizes

    def _close(self, batch: Batch, found: Numbers, starts: Ints, rows: Ints) -> list[Candidate]:
        """Compare the medians of the windows of some parameters with those before."""
        table = self._table
        newest = np.sort(table["newest"][rows], axis=1).astype(np.float64)
        sizes = np.sum(~np.isnan(newest), axis=1)
        kept = (sizes >= _ENOUGH_VALUES) & ~self._are_counters(rows)
        newest, sizes, starts, rows = newest[kept], sizes[kept], starts[kept], rows[kept]
        low, median, high = (quantile(newest, sizes, share) for share in (0.25, 0.5, 0.75))
        count = table["windows"][rows]
        back = (count[:, None] - 1 - np.arange(_MEDIANS)) % _MEDIANS
        is_past = (back >= _LEFT_OUT) & (back < np.minimum(count, _MEDIANS)[:, None])
        past = np.sort(np.where(is_past, table["medians"][rows], np.nan), axis=1).astype(np.float64)
        table["medians"][rows, count % _MEDIANS] = median
        table["windows"][rows] += 1
        known = is_past.sum(axis=1)
        self._budget.count("parameter", int(np.sum(known >= _ENOUGH_MEDIANS)))
        middle = quantile(past, known, 0.5)
        least = np.maximum(2 * (high - low) / np.sqrt(sizes), np.maximum(_LEAST_SHARE * np.abs(middle), 1e-9))
        surprise = of_excess(np.abs(median - middle), np.abs(past - middle[:, None]), least)
        return [
            self._median_candidate(
                batch, found, int(starts[one]), int(rows[one]), float(surprise[one]), past[one], float(median[one])
            )
            for one in np.flatnonzero((known >= _ENOUGH_MEDIANS) & (surprise >= LEAST_SURPRISE)).tolist()
        ]

    def _median_candidate(
        self, batch: Batch, found: Numbers, start: int, row: int, surprise: float, past: Floats, median: float
    ) -> Candidate:
        t, position, line = int(found.t[start]), int(found.place[start]), int(found.row[start])
        end = float((int(self._table["window"][row]) + 1) * WINDOW_SECONDS)
        low, high, known = float(np.nanmin(past)), float(np.nanmax(past)), int(np.sum(~np.isnan(past)))
        ago = show_span(_LEFT_OUT * WINDOW_SECONDS)
        return Candidate(
            kind="parameter",
            subject=self._table.key(row),
            time=min(end, float(batch.at[line])),
            surprise=surprise,
            text=f"Parameter {position + 1} of {quote(batch.texts[t])} had a median of {show_number(median)} in "
            f"the 10 minutes up to {show_time(end)}; until {ago} before, the medians of {known} windows "
            f"lay between {show_number(low)} and {show_number(high)}.",
            rows=(line,),
            template_id=batch.templates[t],
            template=batch.texts[t],
            measures={"observed": median, "low": low, "high": high, "place": position + 1, "windows": known},
        )

    # ------------------------------------------------------------ learning

    def _are_counters(self, rows: Ints) -> NDArray[np.bool_]:
        steps = self._table["steps"][rows]
        found: NDArray[np.bool_] = (steps > 0) & (self._table["rises"][rows] >= _RISING * steps)
        return found

    def _learn(self, rows: Ints, value: Floats) -> None:
        """Sample the values of a batch; ``rows`` rise."""
        table = self._table
        starts = starts_of(rows)
        sizes = sizes_of(starts, len(rows))
        nth = nth_of(sizes)
        kept = nth < _MOST_LEARNT
        rows, value, nth = rows[kept], value[kept], nth[kept]
        first = nth == 0
        before = np.where(first, table["previous"][rows], np.concatenate([[np.nan], value[:-1]]))
        moved = np.isfinite(before) & (value != before)
        np.add.at(table["steps"], rows[moved], 1)
        np.add.at(table["rises"], rows[moved], (value[moved] > before[moved]).astype(np.int64))
        lasts = ends_of(rows)
        table["previous"][rows[lasts]] = value[lasts]
        number = table["count"][rows] + nth
        drawn = self._rng.random(len(rows)) * np.minimum(number, _MEMORY)
        place = np.where(number < _SAMPLE, number, drawn.astype(np.int64))
        chosen = place < _SAMPLE
        table["values"][rows[chosen], place[chosen]] = value[chosen]
        touched = rows[lasts]
        table["count"][touched] += nth[lasts] + 1
        count, learnt = table["count"][touched], table["learnt"][touched]
        due = touched[(count >= _ENOUGH) & (count >= learnt + 0.1 * np.minimum(learnt, _MEMORY))]
        if len(due):
            self._set_bounds(due)

    def _set_bounds(self, rows: Ints) -> None:
        """Between which values of some parameters nothing is unusual."""
        table = self._table
        table["learnt"][rows] = table["count"][rows]
        counter = self._are_counters(rows)
        sample, middle, logarithmic, least = _shape(table["values"][rows])
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


def _shape(values: NDArray[np.float32]) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """What samples look like, one of each row.

    Returns:
        the samples, rising, as logarithms where values are positive and spread over orders of magnitude; their
        medians; which are logarithms; the smallest distances from the medians that count as normal.
    """
    sample = np.sort(values, axis=1).astype(np.float64)
    counts = np.sum(~np.isnan(sample), axis=1)
    low, high = (quantile(sample, counts, share) for share in (0.1, 0.9))
    logarithmic: NDArray[np.bool_] = (sample[:, 0] > 0) & (high > _WIDE * low)
    whole = np.all(np.isnan(sample) | (sample == np.floor(sample)), axis=1)
    sample[logarithmic] = np.log(sample[logarithmic])
    low, middle, high = (quantile(sample, counts, share) for share in (0.25, 0.5, 0.75))
    share = np.maximum(_LEAST_SHARE * np.abs(middle), np.where(whole & ~logarithmic, 1.0, 1e-9))
    least = np.maximum(_LEAST_SPREAD * (high - low), np.where(logarithmic, np.log1p(_LEAST_SHARE), share))
    return sample, middle, logarithmic, least
