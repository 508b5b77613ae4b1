"""Bursts and drops: a template that comes far more or far less often than its own history says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Floats, Ints, grouped, some_of
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_time
from rationanomaly.signals.equal_runs import starts_of
from rationanomaly.signals.last_lines import LastLines
from rationanomaly.signals.rate_history import RING, SLOT, RateHistory
from rationanomaly.signals.surprise import dispersion, of_excess, of_high_count, of_low_count

#: Minutes of history before any rate is called unusual, and of a template's own before its rate is.
LEARN_MINUTES, _OWN_MINUTES = 120, 60
#: Beside being surprising, a burst is at least so many times what was expected, and a drop at most such a share.
_TIMES, _SHARE = 2.5, 0.5
#: So many lines in a minute or a slot are no burst, whatever was expected.
_LEAST_MINUTE, _LEAST_SLOT = 5, 8
#: Fewer lines than this come at once in the calmest logs.
_CLUMP = 5.0
#: Where fewer are expected in a slot, that none come means nothing.
_LEAST_EXPECTED = 8.0
#: Slots between two looks at the recent history.
_LEARN_SLOTS = 3
#: An hour is tested at the end of each slot. Of random counts low hours that follow each other come this many times as
#: often as single tests say: simulated for 8 to 40 lines an hour.
_OVERLAPPING = 0.6
#: Templates whose median says how much there is of everything in an hour, and how far that may move what is expected.
_LEAST_TEMPLATES, _LEVELS = 10, (0.5, 2.0)
_HOUR, _MINUTE_SECONDS = 60, 60
#: A slot is closed so long after its end, for lines that are a little late.
_GRACE_SECONDS = 10


@dataclass(frozen=True)
class _Counts:
    """Lines of a template in a minute, by minute: row in the history, place in the batch, row of the last line."""

    row: Ints
    t: Ints
    minute: Ints
    count: Ints
    last: Ints

    @classmethod
    def of(cls, batch: Batch, rows: Ints) -> Self:
        """Those of a batch, of templates that have a row."""
        first, size = int(batch.minute.min()), len(batch.templates)
        keys, count, last = grouped((batch.minute - first) * size + batch.t)
        kept = rows[keys % size] >= 0
        keys = keys[kept]
        return cls(rows[keys % size], keys % size, keys // size + first, count[kept], last[kept])

    def at(self, places: Ints) -> Self:
        """Some of them."""
        return replace(self, **{one.name: getattr(self, one.name)[places] for one in fields(self)})

    def part(self, start: int, end: int) -> Self:
        """Those from one place to before another."""
        return self.at(np.arange(start, end))


class Rates:
    """Bursts and drops of templates.

    Args:
        capacity: number of templates.
        budget: where tests are counted.
        last: the last line of each template.
    """

    def __init__(self, capacity: int, budget: Budget, last: LastLines) -> None:
        self._history = RateHistory(capacity)
        self._budget = budget
        self._last = last
        self._texts: dict[str, str] = {}
        self._slot: int | None = None
        #: Up to this slot what is known may be incomplete, since the process was started anew.
        self._doubtful = -1

    @property
    def known_from(self) -> float | None:
        """From when on rates are known well enough, in seconds since 1970; None before the first line."""
        head = self._history.head
        return None if head is None else (self._history.began + LEARN_MINUTES) * _MINUTE_SECONDS

    def rename(self, old: str, new: str) -> None:
        """A template has got another id."""
        self._history.table.rename(old, new)

    def restart(self, now: float) -> None:
        """The clock was set back."""
        self._history.start(int(now // _MINUTE_SECONDS))
        self._slot = None

    def observe(self, batch: Batch, now: float) -> list[Candidate]:
        """Count the lines of a batch.

        Args:
            batch: see there; no line of it is later than ``now``.
            now: by the log's clock, in seconds since 1970.
        """
        history = self._history
        if history.head is None:
            history.start(int(batch.minute.min()))
        rows_of = history.rows(batch.templates, now)
        self._remember(batch)
        counts = _Counts.of(batch, rows_of)
        slots = counts.minute // SLOT
        starts = starts_of(slots)
        candidates: list[Candidate] = []
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(slots)], strict=True):
            slot, part = int(slots[start]), counts.part(start, end)
            candidates += self._slots_until(slot)
            history.pass_to(int(part.minute[-1]))
            if int(part.minute[0]) <= (history.head or 0) - RING:
                continue
            history.add(part.row, part.minute, part.count)
            if slot == self._slot:
                candidates += self._bursts(batch, part)
        return candidates + self.tick(now)

    def tick(self, now: float) -> list[Candidate]:
        """Close the slots that are over."""
        if self._slot is None:
            return []
        return self._slots_until(int((now - _GRACE_SECONDS) // (_MINUTE_SECONDS * SLOT)))

    def _remember(self, batch: Batch) -> None:
        self._texts.update(zip(batch.templates, batch.texts, strict=True))
        if len(self._texts) > 2 * len(self._history.table) + 100:
            self._texts = {key: text for key, text in self._texts.items() if key in self._history.table}

    def _slots_until(self, slot: int) -> list[Candidate]:
        """Close the slots before one, and open it."""
        candidates: list[Candidate] = []
        if self._slot is None:
            self._slot = slot
        if slot - self._slot > RING // SLOT:
            # Nothing came for longer than the recent history: the whole stream was silent, which is no drop of any.
            self._slot = slot
            self._history.table["slot"][:] = 0
            self._history.pass_to(slot * SLOT)
            self._doubtful = slot + 1
            self._history.learn(slot)
        while self._slot < slot:
            self._history.pass_to((self._slot + 1) * SLOT)
            candidates += self._drops()
            self._slot += 1
            self._history.table["slot"][:] = 0
            if self._slot % _LEARN_SLOTS == 0 or self._history.minutes_known() < LEARN_MINUTES:
                self._history.learn(self._slot)
        return candidates

    # ------------------------------------------------------------ bursts

    def _bursts(self, batch: Batch, counts: _Counts) -> list[Candidate]:
        history, rows, minutes = self._history, counts.row, counts.minute
        table = history.table
        of_minute = table["minutes"][rows, minutes % RING].astype(np.int64)
        of_slot = history.add_to_slot(rows, counts.count)
        self._budget.count("burst", len(rows))
        candidates: list[Candidate] = []
        if history.minutes_known() >= LEARN_MINUTES:
            expected = np.maximum(table["mean"][rows], history.overall(rows))
            old = minutes - table["since"][rows] >= _OWN_MINUTES
            high_minute = (of_minute >= _LEAST_MINUTE) & (of_minute * SLOT >= _TIMES * expected)
            high_slot = (of_slot >= _LEAST_SLOT) & (of_slot >= _TIMES * expected)
            places = np.flatnonzero(old & (high_minute | high_slot))
            if len(places):
                found = counts.at(places)
                candidates = self._test_bursts(batch, found, of_minute[places], of_slot[places], expected[places])
        history.raise_peaks(rows, minutes, of_minute, of_slot)
        return candidates

    def _test_bursts(
        self, batch: Batch, counts: _Counts, of_minute: Ints, of_slot: Ints, expected: NDArray[np.float64]
    ) -> list[Candidate]:
        table, rows = self._history.table, counts.row
        hours = self._history.comparable_hours(int(counts.minute[-1]) // _HOUR)
        surprises = []
        for counted, share, spread, peaks in (
            (of_minute, SLOT, table["clump"][rows], "peaks"),
            (of_slot, 1, table["spread"][rows], "slot_peaks"),
        ):
            recent = of_high_count(counted, expected / share, spread)
            past = self._history.past(peaks, rows, hours)
            ever = of_excess(counted, past, np.maximum(_CLUMP, expected / share), _HOUR * share // SLOT)
            surprises.append(np.minimum(recent, ever))
        candidates = []
        for index in np.flatnonzero(np.maximum(*surprises) >= LEAST_SURPRISE).tolist():
            minutes = 1 if surprises[0][index] >= surprises[1][index] else SLOT
            observed = int((of_minute if minutes == 1 else of_slot)[index])
            usual = float(expected[index]) * minutes / SLOT
            surprise = float(max(surprises[0][index], surprises[1][index]))
            place, final = int(counts.t[index]), int(counts.last[index])
            if self._budget.admit("burst", batch.templates[place], surprise, float(batch.at[final])):
                candidates.append(self._burst(batch, place, final, observed, usual, minutes, surprise))
        return candidates

    def _burst(
        self, batch: Batch, place: int, final: int, observed: int, usual: float, minutes: int, surprise: float
    ) -> Candidate:
        key, text, at = batch.templates[place], batch.texts[place], float(batch.at[final])
        span = "a minute" if minutes == 1 else f"{minutes} minutes"
        lines = np.flatnonzero((batch.t == place) & (batch.minute == batch.minute[final]))
        return Candidate(
            kind="burst",
            subject=key,
            time=at,
            surprise=surprise,
            text=f"{quote(text)} came {observed} times within {span} up to {show_time(at)}; "
            f"{show_number(usual)} were expected.",
            rows=some_of(lines),
            template_id=key,
            template=text,
            measures={"observed": observed, "expected": round(usual, 3), "minutes": minutes},
        )

    # ------------------------------------------------------------ drops

    def _drops(self) -> list[Candidate]:
        """Test the slot that is over, and the hour that ends with it."""
        history, slot = self._history, self._slot or 0
        if history.minutes_known() < LEARN_MINUTES or slot <= self._doubtful:
            return []
        table, minute = history.table, slot * SLOT
        old = minute - table["since"] >= LEARN_MINUTES
        regular = old & (table["mean"] >= _LEAST_EXPECTED)
        self._budget.count("drop", int(regular.sum()))
        rows = np.flatnonzero(regular & (table["slot"] <= _SHARE * table["mean"]))
        candidates: list[Candidate] = []
        if len(rows):
            observed, expected = table["slot"][rows], table["mean"][rows]
            surprise = of_low_count(observed, expected, table["spread"][rows])
            surprise = np.minimum(surprise, self._by_hours(rows, minute))
            candidates += self._low(rows, SLOT, observed, expected, surprise, np.zeros(len(rows), np.int64))
        if slot - _HOUR // SLOT >= self._doubtful:
            candidates += self._low_hour((slot + 1) * SLOT, np.flatnonzero(old))
        return candidates

    def _by_hours(self, rows: Ints, minute: int) -> NDArray[np.float64]:
        """Surprise of a slot against the same hour of other days; large where none is known."""
        hours = self._history.comparable_hours(minute // _HOUR)
        if len(hours) < 2 * LEARN_MINUTES // _HOUR:
            return np.full(len(rows), np.inf)
        past = self._history.past("hours", rows, hours)
        share = _HOUR / SLOT
        return of_low_count(self._history.table["slot"][rows], past.mean(axis=1) / share, dispersion(past))

    def _low_hour(self, end: int, rows: Ints) -> list[Candidate]:
        """Test the hour up to a minute: what is too rare for slots, or doesn't stop altogether, shows in it."""
        history = self._history
        hours = history.comparable_hours((end - _HOUR // 2) // _HOUR)
        hours = hours[hours < (end - _HOUR) // _HOUR]
        if len(hours) < 3 * LEARN_MINUTES // _HOUR or not len(rows):
            return []
        past = history.past("hours", rows, hours)
        expected = past.mean(axis=1)
        often = np.flatnonzero(expected >= _LEAST_EXPECTED)
        rows, past, expected = rows[often], past[often], expected[often]
        self._budget.count("drop", _OVERLAPPING * len(rows))
        slots = history.table["minutes"][rows][:, np.arange(end - _HOUR, end) % RING].reshape(len(rows), -1, SLOT)
        slots = slots.sum(axis=2, dtype=np.float64)
        observed = slots.sum(axis=1)
        expected, spread = by_level(observed, past)
        low = np.flatnonzero(observed <= _SHARE * expected)
        surprise = of_low_count(observed[low], expected[low], spread[low])
        # It showed until the last slot that is low: what is over is not said to be now.
        is_low = slots[low] <= _SHARE / slots.shape[1] * expected[low][:, None]
        over = np.argmax(is_low[:, ::-1], axis=1) * SLOT
        return self._low(rows[low], _HOUR, observed[low], expected[low], surprise, over)

    def _low(
        self, rows: Ints, minutes: int, observed: Floats, expected: Floats, surprise: Floats, over: Ints
    ) -> list[Candidate]:
        """Candidates of templates that came too seldom in so many minutes; it has been over for some of them."""
        end = float(((self._slot or 0) + 1) * SLOT * _MINUTE_SECONDS)
        candidates = []
        for index in np.flatnonzero(surprise >= LEAST_SURPRISE).tolist():
            key = self._history.table.key(int(rows[index]))
            text = self._texts.get(key, "")
            candidates.append(
                Candidate(
                    kind="drop",
                    subject=key,
                    time=end - float(over[index]) * _MINUTE_SECONDS,
                    surprise=float(surprise[index]),
                    text=f"{quote(text)} came {int(observed[index])} times in the {minutes} minutes up to "
                    f"{show_time(end)}; {show_number(float(expected[index]))} were expected.",
                    lines=self._last.get(key),
                    template_id=key,
                    template=text,
                    measures={
                        "observed": float(observed[index]),
                        "expected": round(float(expected[index]), 3),
                        "minutes": minutes,
                    },
                )
            )
        return candidates

    # ------------------------------------------------------------ state

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        keys, arrays = self._history.table.dump()
        history = self._history
        texts = {key: self._texts.get(key, "") for key in keys if key is not None}
        return {"keys": keys, "texts": texts, "head": history.head, "began": history.began, "slot": self._slot}, arrays

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:
        """Continue from what `dump` gave; see `signals.broken_sessions.BrokenSessions.load`."""
        self._history.table.load(values["keys"], arrays)
        self._history.head, self._history.began = values["head"], values["began"]
        self._texts, self._slot = dict(values["texts"]), values["slot"]
        # Lines since the state was stored are not in it: the slots that they belong to are not complete.
        self._doubtful = -1 if complete or self._slot is None else self._slot + 1


def by_level(observed: Floats, past: Floats) -> tuple[Floats, Floats]:
    """Lines that are expected of each template in an hour, and their dispersion.

    Where templates are many, an hour has a level: the median of what they are to their own means. What all do, as on
    the first weekend or in the morning, is no drop of one, and no reason to expect that one varies. A template that
    keeps to itself, such as a regular one, varies less without it.

    Args:
        observed: lines of each template.
        past: of past hours, one row per template; no row is all zeros.
    """
    expected, spread = past.mean(axis=1), dispersion(past)
    if len(past) < _LEAST_TEMPLATES:
        return expected, spread
    levels = np.clip(np.median(past / expected[:, None], axis=0), *_LEVELS)
    now = float(np.clip(np.median(observed / expected), *_LEVELS))
    alike = past / levels
    of_alike = dispersion(alike)
    follows = of_alike <= spread
    expected = np.where(follows, alike.mean(axis=1) * now, expected * min(now, 1.0))
    return expected, np.where(follows, of_alike, spread)
