"""One budget of alerts for all signals: how surprising a thing must be, so that about so many come on a quiet day.

Each kind of signal gets an equal share. By theory, n tests a day with a threshold t give n * 10^-t false alerts. Where
a stream is wilder than theory, its own history raises the threshold: by the median day, so that a day full of real
faults does not make the next one deaf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log10
from statistics import median
from typing import Any

from rationanomaly.signals.alert import AlertKind

DAY = 86400.0
#: Less surprising things are not even candidates.
LEAST_SURPRISE = 2.0
_MOST_DAYS = 15
#: Candidates of a day and kind that are kept: far more than any share.
_MOST_A_DAY = 200
_ENOUGH_DAYS = 2
#: Tests are counted over so long at least, so that the first minutes don't stand for a day.
_LEAST_SECONDS = 3600.0


class Budget:
    """Thresholds by kind.

    Args:
        alerts_per_day: for all kinds together.
        kinds: that share it.
    """

    def __init__(self, alerts_per_day: float, kinds: Sequence[AlertKind]) -> None:
        self._share = alerts_per_day / len(kinds)
        self._tests = dict.fromkeys(kinds, 0.0)
        self._began: float | None = None
        self._now = 0.0
        #: kind → day → subject → its highest surprise.
        self._days: dict[str, dict[int, dict[str, float]]] = {kind: {} for kind in kinds}
        self._raised: dict[tuple[str, int], float] = {}
        #: Thresholds of now, as far as they were asked for.
        self._thresholds: dict[str, float] = {}

    @property
    def share(self) -> float:
        """Alerts per day of one kind."""
        return self._share

    def pass_time(self, now: float) -> None:
        """Say how late it is, by the log's clock."""
        self._began = now if self._began is None else min(self._began, now)
        self._now = max(self._now, now)
        self._thresholds.clear()

    def restart(self, now: float) -> None:
        """The clock was set back: tests are counted anew."""
        self._began = self._now = now
        self._tests = dict.fromkeys(self._tests, 0.0)
        self._raised = {}
        self._thresholds.clear()

    def count(self, kind: AlertKind, tests: float) -> None:
        """Count tests that were made, whatever came out."""
        self._tests[kind] += tests
        self._thresholds.pop(kind, None)

    def threshold(self, kind: AlertKind) -> float:
        """The surprise from which on a kind alerts."""
        found = self._thresholds.get(kind)
        if found is None:
            seconds = max(self._now - (self._began or self._now), _LEAST_SECONDS)
            tests = self._tests[kind] * DAY / seconds
            found = max(LEAST_SURPRISE, log10(max(tests, 1.0) / self._share), self._by_history(kind))
            self._thresholds[kind] = found
        return found

    def admit(self, kind: AlertKind, subject: str, surprise: float, time: float) -> bool:
        """Whether a candidate becomes an alert; it is remembered either way.

        Signals ask before they put a sentence together, and the candidate is asked for again once all tests of its
        batch are counted: the threshold can only have risen since.
        """
        threshold = self.threshold(kind)
        self._remember(kind, subject, surprise, int(time // DAY))
        return surprise >= threshold

    def _remember(self, kind: str, subject: str, surprise: float, day: int) -> None:
        days = self._days[kind]
        found = days.setdefault(day, {})
        if found.get(subject, 0.0) < surprise:
            found[subject] = surprise
            if len(found) > 2 * _MOST_A_DAY:
                days[day] = dict(_highest(found))
        while len(days) > _MOST_DAYS:
            del days[min(days)]

    def _by_history(self, kind: str) -> float:
        """What would have kept the median day to its share; 0 before there are enough whole days."""
        if self._began is None:
            return 0.0
        first, today = int(self._began // DAY) + 1, int(self._now // DAY)
        if today - first < _ENOUGH_DAYS:
            return 0.0
        if (kind, today) not in self._raised:
            self._raised = {key: value for key, value in self._raised.items() if key[1] == today}
            days = range(max(first, today - _MOST_DAYS + 1), today)
            self._raised[kind, today] = median(self._beyond_share(kind, day) for day in days)
        return self._raised[kind, today]

    def _beyond_share(self, kind: str, day: int) -> float:
        """Surprise of a day's strongest candidate that its share has no room for."""
        found, room = sorted(self._days[kind].get(day, {}).values()), ceil(self._share)
        return found[-room - 1] if len(found) > room else 0.0

    def dump(self) -> dict[str, Any]:
        """All of it, for JSON."""
        days = {
            kind: [[day, _highest(found)] for day, found in of_kind.items()] for kind, of_kind in self._days.items()
        }
        return {"tests": self._tests, "began": self._began, "now": self._now, "days": days}

    def load(self, values: Mapping[str, Any]) -> None:
        """Continue from what `dump` gave."""
        self._tests |= {kind: float(count) for kind, count in values["tests"].items() if kind in self._tests}
        self._began, self._now, self._raised, self._thresholds = values["began"], values["now"], {}, {}
        for kind, of_kind in values["days"].items():
            if kind in self._days:
                self._days[kind] = {
                    int(day): {str(subject): float(surprise) for subject, surprise in found} for day, found in of_kind
                }


def _highest(found: Mapping[str, float]) -> list[tuple[str, float]]:
    """The subjects of a day with the highest surprises."""
    return sorted(found.items(), key=lambda one: -one[1])[:_MOST_A_DAY]
