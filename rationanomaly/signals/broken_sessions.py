"""Sessions with events that are missing, out of order, or too many, as the stream's own sessions say."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.alert import LineRef
from rationanomaly.signals.batch import Batch, LineValues
from rationanomaly.signals.bounded import drop_oldest
from rationanomaly.signals.budget import Budget
from rationanomaly.signals.candidate import Candidate, quote, show_time
from rationanomaly.signals.last_lines import read_line, shortened
from rationanomaly.signals.session_lines import SessionLines, session_lines
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


@dataclass(slots=True)
class _Open:
    """A session that is not over."""

    last: float
    whole: bool
    lines: list[LineValues]  # its first and its last
    events: dict[str, int] = field(default_factory=dict)  # of one that is whole
    pause: float = 0.0

    def count(self, events: dict[str, int]) -> None:
        """Count more lines by template."""
        mine = self.events = self.events or events
        if mine is not events:
            for event, count in events.items():
                mine[event] = mine.get(event, 0) + count
        if len(mine) > _MOST_EVENTS:
            self.whole, self.events = False, {}

    @property
    def pattern(self) -> Pattern:
        """Its events so far."""
        return tuple(self.events), tuple(self.events.values())


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
        #: What follows from the pauses, once it is asked for.
        self._quiet: float | None = None
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
        if self._quiet is None:
            usual = float(np.quantile(list(self._pauses), _NEARLY))
            self._quiet = min(max(_TIMES_LONGEST * usual, _LEAST_QUIET), self._longest_quiet)
        return self._quiet

    def observe(self, batch: Batch, now: float) -> list[Candidate]:  # noqa: ARG002 - as all signals
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        if batch.lines["sessions"].null_count() < batch.lines.height:
            self._texts.update(zip(batch.templates, batch.texts, strict=True))
            for one in session_lines(batch):
                if self._began is None:
                    self._began = float(batch.at.min())
                self._add(one)
        self._over.update((name, one.last) for name, one in drop_oldest(self._open, self._capacity).items())
        return self.tick()

    def _add(self, lines: SessionLines) -> None:
        session = self._open.pop(lines.name, None)
        if session is None:
            over = self._over.get(lines.name)
            if over is not None and lines.start - over <= self._longest_quiet:
                # It was taken to be over too early: from here on a pause like this one is no end.
                self._pauses.append(max(lines.start - over, 0.0))
                self._quiet = None
                self._over[lines.name] = max(over, lines.end)
                return
            whole = lines.start - (self._began or 0.0) > _FIRST_SECONDS
            session = _Open(lines.start, whole, [shortened(lines.first)])
        self._open[lines.name] = session
        if session.whole:
            session.count(lines.events)
        session.pause = max(session.pause, lines.begin - session.last, lines.pause)
        session.last = max(session.last, lines.end)
        last = shortened(lines.last)
        session.lines[1:] = [last] if last != session.lines[0] else []

    def tick(self) -> list[Candidate]:
        """End the sessions that are quiet, and test them against the rules."""
        quiet, clocks = self.quiet, dict[str, float]()
        over: list[str] = []
        waiting = 0
        for name, session in self._open.items():
            source = session.lines[0][0]
            now = clocks.get(source)
            if now is None:
                now = clocks[source] = self._clock.now(source)
            if now - session.last > quiet:
                over.append(name)
                waiting = 0
            elif (waiting := waiting + 1) > _LOOKED_AT:
                break
        return self._close(over) if over else []

    def _close(self, names: list[str]) -> list[Candidate]:
        closed = [(name, self._open.pop(name)) for name in names]
        self._over |= ((name, session.last) for name, session in closed)
        drop_oldest(self._over, self._capacity)
        whole = [(name, session, session.pattern) for name, session in closed if session.whole]
        self._pauses.extend(session.pause for _, session, _ in whole[:_PAUSES])
        self._quiet = None
        self._budget.count("session", len(whole))
        patterns = Counter(pattern for _, _, pattern in whole)
        broken = self.rules.broken(list(patterns))
        self.rules.learn(patterns)
        self._forget_texts()
        return [
            self._candidate(name, session, pattern, broken[pattern])
            for name, session, pattern in whole
            if pattern in broken and self._budget.admit("session", name, broken[pattern].surprise, session.last)
        ]

    def _candidate(self, name: str, session: _Open, pattern: Pattern, violation: Violation) -> Candidate:
        event, other = (quote(self._texts.get(key, key)) for key in (violation.event, violation.other))
        lines = sum(pattern[1])
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
            lines=tuple(LineRef(*line) for line in session.lines),
            template_id=violation.event,
            template=self._texts.get(violation.event),
            node=session.lines[0][3],
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
        self._pauses, self._quiet = deque(values["pauses"], maxlen=_PAUSES), None
        self._began = values["began"] if complete else None


def _opened(row: dict[str, Any], complete: bool) -> _Open:
    lines = [read_line(line) for line in row["lines"]]
    return _Open(**{**row, "lines": lines, "whole": row["whole"] and complete})
