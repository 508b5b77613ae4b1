"""What an incident's hours differ in from quiet ones, by the lines of each template."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.history import HOUR, read_clock

#: So many quiet hours are compared, the newest ones; fewer than the least are no history.
_QUIET_HOURS, _LEAST_HOURS = 48, 3
#: Hours before an incident that are looked through for quiet ones.
_SEARCHED = 1000
#: From this distance on, in standard deviations of a count with the expected mean (Poisson), a difference is named; of
#: those that are no template of the incident so many.
_DEVIATIONS, _OTHERS = 5.0, 10
_OWN = 50
#: Sets of quiet hours, hours, and templates of which something is remembered.
_SETS, _HOURS, _TEMPLATES = 8, 256, 100_000

_Counts = NDArray[np.int64]
_Values = NDArray[np.float64]


class UsualLines:
    """Counts of hours and what is usual in quiet ones, remembered as long as no line comes that changes them."""

    def __init__(self) -> None:
        #: Number of each template in the arrays, and their ids.
        self._numbers: dict[str, int] = {}
        self.names: list[str] = []
        self._hours: dict[int, tuple[_Counts, _Counts]] = {}
        self._usual: dict[tuple[int, ...], tuple[_Counts, _Values]] = {}

    def number(self, template_id: str) -> int | None:
        """Of a template; None if no hour has a line of it."""
        return self._numbers.get(template_id)

    def forget(self, hours: Collection[int]) -> None:
        """Lines of these hours have come."""
        changed = set(hours)
        for hour in changed:
            self._hours.pop(hour, None)
        self._usual = {key: found for key, found in self._usual.items() if changed.isdisjoint(key)}

    def shrink(self) -> None:
        """Forget all where it has become too much; numbers are others then."""
        if len(self._hours) > _HOURS or len(self.names) > _TEMPLATES:
            for remembered in (self._numbers, self.names, self._hours, self._usual):
                remembered.clear()

    def hour(self, connection: sqlite3.Connection, hour: int) -> tuple[_Counts, _Counts]:
        """Numbers of the templates that came in an hour, and of each its lines."""
        found = self._hours.get(hour)
        if found is None:
            query = "SELECT template_id, lines FROM incidents_hours WHERE hour = ?"
            rows = connection.execute(query, (hour,)).fetchall()
            numbers = [self._number(name) for name, _ in rows]
            found = self._hours[hour] = np.array(numbers, np.int64), np.array([lines for _, lines in rows], np.int64)
        return found

    def of(self, connection: sqlite3.Connection, quiet: Sequence[int]) -> tuple[_Counts, _Values]:
        """Numbers of the templates that came in some hours, and of each its median or, where that is 0, its mean."""
        key = tuple(quiet)
        found = self._usual.pop(key, None)
        if found is None:
            by_hour = [self.hour(connection, hour) for hour in quiet]
            numbers = np.unique(np.concatenate([numbers for numbers, _ in by_hour]))
            lines = np.zeros((len(quiet), len(numbers)), np.int64)
            for row, (mine, counts) in zip(lines, by_hour, strict=True):
                row[np.searchsorted(numbers, mine)] = counts
            middle = np.median(lines, axis=0)
            found = numbers, np.where(middle > 0, middle, lines.sum(axis=0) / len(quiet))
            if len(self._usual) >= _SETS:
                self._usual.pop(next(iter(self._usual)))
        self._usual[key] = found
        return found

    def _number(self, template_id: str) -> int:
        number = self._numbers.setdefault(template_id, len(self.names))
        if number == len(self.names):
            self.names.append(template_id)
        return number


class Baseline:
    """Compares incidents with quiet hours, as the database holds them when it is made.

    Args:
        connection: to the database.
        usual: what is remembered; None: nothing.
    """

    def __init__(self, connection: sqlite3.Connection, usual: UsualLines | None = None) -> None:
        self._connection, self._usual = connection, usual or UsualLines()
        self._hours: list[int] | None = None
        self._busy: set[int] = set()
        self._clock: float | None = None

    def compare(self, draft: Draft, own: Collection[str]) -> dict[str, tuple[float, float]]:
        """What the hours of an incident differ in from quiet ones: template id → (lines now, lines expected).

        Expected of a template is its median over quiet hours or, where that is 0, its mean, for as long as the
        incident's hours have lasted.

        Args:
            draft: the incident.
            own: ids of its templates; they are named whether or not they differ.

        Returns:
            its own templates, and others that differ most; nothing where there is too little history.
        """
        first, last = int(draft.opened // HOUR), int(draft.updated // HOUR)
        quiet = self._quiet_before(first)
        if len(quiet) < _LEAST_HOURS:
            return {}
        self._usual.shrink()
        clock = max(draft.updated, self._clock or draft.updated)
        hours = (min(clock, (last + 1) * HOUR) - first * HOUR) / HOUR
        numbers, usual = self._usual.of(self._connection, quiet)
        seen = [self._usual.hour(self._connection, hour) for hour in self._all_hours() if first <= hour <= last]
        now, expected = np.zeros((2, len(self._usual.names)))
        for those, lines in seen:
            now[those] += lines
        expected[numbers] = usual * hours
        came = now > 0
        came[numbers] = True
        known = (self._usual.number(name) for name in own)
        return self._chosen(now, expected, {number for number in known if number is not None and came[number]})

    def _chosen(self, now: _Values, expected: _Values, own: set[int]) -> dict[str, tuple[float, float]]:
        """Of the incident's own templates, and of all others, those that differ most."""
        distances = np.abs(now - expected) / np.sqrt(np.maximum(expected, 1.0))
        names = self._usual.names

        def order(numbers: Collection[int], limit: int) -> list[int]:
            return sorted(numbers, key=lambda number: (-distances[number], names[number]))[:limit]

        others = np.setdiff1d(np.flatnonzero(distances >= _DEVIATIONS), list(own))
        if len(others) > _OTHERS:
            # Only those that can be among the first are put in order.
            others = others[distances[others] >= np.partition(distances[others], -_OTHERS)[-_OTHERS]]
        chosen = (*order(own, _OWN), *order(others.tolist(), _OTHERS))
        return {names[number]: (float(now[number]), float(expected[number])) for number in chosen}

    def _quiet_before(self, before: int) -> list[int]:
        """The newest hours before one in which lines came and no incident was open, newest first.

        The first hour of a stream is none: it may have been watched for a part of it only.
        """
        hours = [hour for hour in self._all_hours() if hour < before][:_SEARCHED][:-1]
        # Where there is always an incident, these are the hours that there are.
        quiet = [hour for hour in hours if hour not in self._busy]
        return (quiet if len(quiet) >= _LEAST_HOURS else hours)[:_QUIET_HOURS]

    def _all_hours(self) -> list[int]:
        """The hours in which lines came, newest first; from one to the next by the index, not through all rows."""
        if self._hours is None:
            query = (
                "WITH RECURSIVE hours(hour) AS (SELECT max(hour) FROM incidents_hours UNION ALL"
                " SELECT (SELECT max(hour) FROM incidents_hours WHERE hour < hours.hour) FROM hours"
                " WHERE hour IS NOT NULL)"
                " SELECT hour FROM hours WHERE hour IS NOT NULL"
            )
            self._hours = [hour for (hour,) in self._connection.execute(query)]
            spans = self._connection.execute("SELECT opened, updated FROM incidents WHERE ending = ''")
            oldest = self._hours[-1] if self._hours else 0
            for opened, updated in spans:
                self._busy.update(range(max(int(opened // HOUR), oldest), int(updated // HOUR) + 1))
            self._clock = read_clock(self._connection)
        return self._hours
