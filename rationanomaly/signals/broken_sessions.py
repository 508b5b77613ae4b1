"""Sessions with events that are missing, out of order, or too many, as the stream's own sessions say."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.alert import LineRef
from rationanomaly.signals.batch import Batch
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_time
from rationanomaly.signals.session_rules import ENOUGH, Pattern, SessionRules, Violation
from rationanomaly.signals.stream_clock import StreamClock

#: A session with more different events is no procedure with rules.
_MOST_EVENTS = 64
#: Longest pauses inside sessions that are kept; a session is over after a multiple of nearly the longest of them.
_PAUSES, _NEARLY, _TIMES_LONGEST, _LEAST_QUIET = 512, 0.99, 3.0, 30.0
#: Sessions from so early may have begun before the stream did.
_FIRST_SECONDS = 600.0
#: Sessions in a row that are not over, behind which none is looked for.
_LOOKED_AT = 100
_KEPT_MESSAGE = 200


@dataclass
class _Open:
    """A session that is not over."""

    first: float
    last: float
    source: str
    whole: bool
    node: str | None
    lines: list[LineRef]  # its first and its last
    events: dict[str, int] = field(default_factory=dict)
    pause: float = 0.0


class BrokenSessions:
    """Sessions and their rules.

    Args:
        capacity: of sessions that are open at once.
        quiet_seconds: without a line, after which a session is over at the latest.
        budget: where tests are counted.
        clock: of the sources.
    """

    def __init__(self, capacity: int, quiet_seconds: float, budget: Budget, clock: StreamClock) -> None:
        self._capacity = capacity
        self._longest_quiet = quiet_seconds
        self._budget = budget
        self._clock = clock
        self.rules = SessionRules()
        #: The longest quiet first.
        self._open: dict[str, _Open] = {}
        #: Sessions that are over → time of their last line.
        self._over: dict[str, float] = {}
        self._pauses: deque[float] = deque(maxlen=_PAUSES)
        self._texts: dict[str, str] = {}
        self._began: float | None = None

    @property
    def known(self) -> bool:
        """Whether there are enough sessions for rules."""
        return self.rules.sessions >= ENOUGH

    @property
    def quiet(self) -> float:
        """Seconds without a line after which a session is over."""
        if len(self._pauses) < ENOUGH:
            return self._longest_quiet
        usual = float(np.quantile(list(self._pauses), _NEARLY))
        return min(max(_TIMES_LONGEST * usual, _LEAST_QUIET), self._longest_quiet)

    def observe(self, batch: Batch, now: float) -> list[Candidate]:  # noqa: ARG002 - as all signals
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        sessions = batch.lines["sessions"]
        if sessions.null_count() == len(sessions):
            return self.tick()
        groups: dict[str, list[int]] = {}
        for row, names in enumerate(sessions.to_list()):
            for name in names or ():
                if name is not None:
                    groups.setdefault(name, []).append(row)
        if self._began is None and groups:
            self._began = float(batch.at.min())
        self._texts |= zip(batch.templates, batch.texts, strict=True)
        t, at = batch.t.tolist(), batch.at.tolist()
        firsts = batch.each_ref(np.array([rows[0] for rows in groups.values()], np.int64))
        longer = np.array([rows[-1] for rows in groups.values() if len(rows) > 1], np.int64)
        others = iter(batch.each_ref(longer))
        for (name, rows), first in zip(groups.items(), firsts, strict=True):
            last = next(others) if len(rows) > 1 else first
            events = [batch.templates[t[row]] for row in rows]
            self._add(name, (_short(first), _short(last)), events, [at[row] for row in rows])
        while len(self._open) > self._capacity:
            self._over[next(iter(self._open))] = self._open.pop(next(iter(self._open))).last
        return self.tick()

    def _add(self, name: str, ends: tuple[LineRef, LineRef], events: list[str], times: list[float]) -> None:
        start, end = min(times), max(times)
        session = self._open.pop(name, None)
        over = self._over.get(name)
        if session is None and over is not None and start - over <= self._longest_quiet:
            # It was taken to be over too early: from here on a pause like this one is no end.
            self._pauses.append(max(start - over, 0.0))
            self._over[name] = max(over, end)
            return
        if session is None:
            whole, line = start - (self._began or 0.0) > _FIRST_SECONDS, ends[0]
            session = _Open(start, start, line.source, whole, line.node, [line])
        self._open[name] = session
        counts = session.events
        for event in events:
            counts[event] = counts.get(event, 0) + 1
        if len(counts) > _MOST_EVENTS:
            session.whole = False
        session.pause = max(session.pause, *(b - a for a, b in pairwise([session.last, *times])))
        session.last = max(session.last, end)
        session.lines[1:] = [ends[1]] if ends[1] != session.lines[0] else []

    def tick(self) -> list[Candidate]:
        """End the sessions that are quiet, and test them against the rules."""
        quiet, clocks = self.quiet, dict[str, float]()
        over: list[str] = []
        waiting = 0
        for name, session in self._open.items():
            now = clocks.get(session.source)
            if now is None:
                now = clocks[session.source] = self._clock.now(session.source)
            if now - session.last > quiet:
                over.append(name)
                waiting = 0
            elif (waiting := waiting + 1) > _LOOKED_AT:
                break
        return self._close(over) if over else []

    def _close(self, names: list[str]) -> list[Candidate]:
        closed = [(name, self._open.pop(name)) for name in names]
        self._over |= ((name, session.last) for name, session in closed)
        while len(self._over) > self._capacity:
            del self._over[next(iter(self._over))]
        whole = [(name, session, tuple(session.events.items())) for name, session in closed if session.whole]
        self._pauses.extend(session.pause for _, session, _ in whole[:_PAUSES])
        self._budget.count("session", len(whole))
        patterns = Counter(pattern for _, _, pattern in whole)
        broken = {pattern: self.rules.worst(pattern) for pattern in patterns}
        for pattern, count in patterns.items():
            self.rules.learn(pattern, count)
        self._forget_texts()
        return [
            self._candidate(name, session, pattern, violation)
            for name, session, pattern in whole
            if (violation := broken[pattern]) is not None and violation.surprise >= LEAST_SURPRISE
        ]

    def _candidate(self, name: str, session: _Open, pattern: Pattern, violation: Violation) -> Candidate:
        event, other = (quote(self._texts.get(key, key)) for key in (violation.event, violation.other))
        lines = sum(count for _, count in pattern)
        known = f"of {violation.sessions} sessions before with {other}"
        what = {
            "missing": f"has {other} without {event}, which was missing in {violation.like_this} {known}",
            "order": f"has {event} before {other}, as {violation.like_this} of {violation.sessions} sessions before",
            "times": f"has {event} {violation.times} times, as few or as many as {violation.like_this} {known}",
        }[violation.kind]
        return Candidate(
            kind="session",
            subject=name,
            time=session.last,
            surprise=violation.surprise,
            text=f"Session {quote(name)} ({lines} lines up to {show_time(session.last)}) {what}.",
            lines=tuple(session.lines),
            template_id=violation.event,
            template=self._texts.get(violation.event),
            node=session.node,
            session=name,
            measures={"sessions": violation.sessions, "like_this": violation.like_this},
        )

    def _forget_texts(self) -> None:
        if len(self._texts) > 10_000:
            used = {event for session in self._open.values() for event in session.events}
            self._texts = {key: text for key, text in self._texts.items() if key in used or self.rules.knows(key)}

    def restart(self) -> None:
        """The clock was set back."""
        self._open.clear()
        self._over.clear()
        self._began = None

    def rename(self, old: str, new: str) -> None:
        """A template has got another id."""
        self.rules.rename(old, new)
        for session in self._open.values():
            if old in session.events:
                session.events = {new if key == old else key: count for key, count in session.events.items()}

    # ------------------------------------------------------------ state

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        rules, arrays = self.rules.dump()
        return {
            "rules": rules,
            "open": {name: asdict(session) for name, session in self._open.items()},
            "over": self._over,
            "pauses": list(self._pauses),
            "texts": self._texts,
            "began": self._began,
        }, arrays

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:
        """Continue from what `dump` gave.

        Args:
            values: for JSON.
            arrays: by name.
            complete: whether no line came since; else open sessions may lack some, and so may those that come next.
        """
        self.rules.load(values["rules"], arrays)
        self._open = {name: _opened(row, complete) for name, row in values["open"].items()}
        self._over, self._texts = dict(values["over"]), dict(values["texts"])
        self._pauses = deque(values["pauses"], maxlen=_PAUSES)
        self._began = values["began"] if complete else None


def _opened(row: dict[str, Any], complete: bool) -> _Open:
    lines = [LineRef(**line) for line in row["lines"]]
    return _Open(**{**row, "lines": lines, "whole": row["whole"] and complete})


def _short(line: LineRef) -> LineRef:
    return line if len(line.message) <= _KEPT_MESSAGE else replace(line, message=line.message[:_KEPT_MESSAGE])
