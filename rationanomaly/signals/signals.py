"""All signals over one stream: each batch of lines is shown to every one, and one budget rations their alerts."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rationanomaly.params.watch.signals import SignalParams
from rationanomaly.signals import surprise
from rationanomaly.signals.abnormal_lines import abnormal_lines
from rationanomaly.signals.alert import Alert, AlertKind, LineRef
from rationanomaly.signals.batch import Batch, Ints, Names, encode, times
from rationanomaly.signals.broken_sessions import BrokenSessions
from rationanomaly.signals.budget import Budget
from rationanomaly.signals.candidate import Candidate
from rationanomaly.signals.heartbeats import Heartbeats
from rationanomaly.signals.last_lines import LastLines
from rationanomaly.signals.new_templates import NewTemplates
from rationanomaly.signals.parameters import Parameters
from rationanomaly.signals.peers import Peers
from rationanomaly.signals.rates import Rates
from rationanomaly.signals.silent_nodes import SilentNodes
from rationanomaly.signals.stored_state import pack, unpack
from rationanomaly.signals.stream_clock import ALL, StreamClock

__all__ = ["KINDS", "Signals", "abnormal_lines"]

logger = logging.getLogger(__name__)

#: The kinds of alerts that signals raise.
KINDS: tuple[AlertKind, ...] = (
    "new_template",
    "burst",
    "drop",
    "heartbeat",
    "silent_node",
    "unlike_peers",
    "parameter",
    "session",
)
#: Alerts of one kind and batch: what stops everywhere at once is said of the most surprising.
_MOST_AT_ONCE = 20
#: Storing all state takes at most this share of the time.
_STORING_SHARE = 0.02
_MOST_REPEATS = 20_000
_VERSION = 3
#: A batch is shown to the signals in pieces of at most so many lines and seconds, so that its size makes no difference.
_PIECE_LINES, _PIECE_SECONDS = 50_000, 6 * 3600.0
#: Fewer lines make no piece, unless they span as long as that: each piece has its cost.
_LEAST_LINES = 10_000


class _Part(Protocol):
    """A signal with a state of its own."""

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]: ...

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None: ...


class Signals:
    """All signals over one stream.

    Args:
        settings: `watch.signals`.
        known: template ids of training: they are never new.
        clock: how late it is, in seconds since 1970, for lines that name no time.
    """

    def __init__(self, settings: SignalParams, known: Collection[str], clock: Callable[[], float] = time.time) -> None:
        forget = settings.forget_hours * 3600
        self._settings = settings
        self._wall = clock
        self._clock = StreamClock()
        self._budget = budget = Budget(settings.alerts_per_day, KINDS)
        self._last = LastLines(settings.max_templates)
        self._names = names = Names()
        self._new = NewTemplates(known, settings.alerts_per_day, settings.max_seen, budget)
        self._rates = Rates(settings.max_templates, budget, self._last)
        self._heartbeats = Heartbeats(settings.max_pairs, forget, budget, self._clock, names)
        self._nodes = SilentNodes(settings.max_nodes, forget, budget, self._clock)
        self._peers = Peers(settings.max_pairs, settings.max_nodes, budget, self._last, names)
        self._parameters = Parameters(settings.max_parameters, budget)
        quiet = settings.session_quiet_minutes * 60
        self._sessions = BrokenSessions(settings.max_sessions, quiet, budget, self._clock)
        #: (kind, subject) → when it last alerted.
        self._repeats: dict[tuple[str, str], float] = {}
        self._began: float | None = None
        self._lines = 0
        self._stored_at, self._storing = -np.inf, 0.0
        self._changed = False
        self._ready: set[str] = set()

    def observe(self, lines: pl.DataFrame) -> list[Alert]:
        """The alerts that a batch of lines causes.

        Args:
            lines: `JUDGED_LINES`, in the order in which they came.

        Returns:
            those of lasting things again after `watch.signals.repeat_minutes`.
        """
        if lines.is_empty():
            return []
        alerts: list[Alert] = []
        at = times(lines, self._wall())
        for start, end in _pieces(at):
            alerts += self._observe(lines[start:end], at[start:end])
        return alerts

    def _observe(self, lines: pl.DataFrame, at: NDArray[np.float64]) -> list[Alert]:
        """The alerts of lines that are not too many, and close in time."""
        sources, places = encode(lines["source"])
        self._advance(sources, places, at)
        now = self._clock.now()
        batch = Batch(lines, np.minimum(at, now), self._names, (sources, places))
        # From the first line on, however long the first batch is.
        self._began = float(batch.at.min()) if self._began is None else min(self._began, now)
        self._budget.pass_time(now)
        self._lines += lines.height
        self._changed = True
        candidates, renamed = self._new.observe(batch, now)
        for old, new in renamed:
            self._rates.rename(old, new)
            self._sessions.rename(old, new)
        for signal in (self._rates, self._heartbeats, self._nodes, self._peers, self._parameters, self._sessions):
            candidates += signal.observe(batch, now)
        self._last.put(zip(batch.templates, batch.each_values(batch.last), strict=True))
        return self._admit(candidates, now, batch)

    def tick(self, now: float) -> list[Alert]:
        """The alerts that the passing of time causes. While old lines are read, only they make time pass.

        Args:
            now: by our clock, in seconds since 1970.
        """
        self._clock.tick(now)
        if self._began is None:
            return []
        at = self._clock.now()
        self._budget.pass_time(at)
        self._changed = True
        candidates = [*self._rates.tick(at), *self._heartbeats.tick(), *self._nodes.tick()]
        return self._admit([*candidates, *self._peers.tick(at), *self._sessions.tick()], at)

    def known_from(self) -> dict[AlertKind, float | None]:
        """From when on each signal knows enough to alert, in seconds since 1970 by the log's clock.

        None: that is open, as it depends on what comes. Before that time a signal stays quiet.
        """
        rates = self._rates.known_from
        windows = None if self._began is None else self._began + 5 * 900
        known: dict[AlertKind, float | None] = dict.fromkeys(KINDS)
        known |= {"new_template": self._new.known_from, "burst": rates, "drop": rates, "unlike_peers": windows}
        return known

    def _advance(self, sources: list[str | None], places: Ints, at: NDArray[np.float64]) -> None:
        """Take in the times of lines, by source."""
        for place, source in enumerate(sources):
            self._clock.advance(source or "", at[places == place] if len(sources) > 1 else at)
        if self._clock.advance(ALL, at):
            now = self._clock.now()
            logger.info("the log's clock was set back; rates, peers and sessions are learnt anew")
            self._began = now
            self._budget.restart(now)
            self._new.restart(now)
            self._rates.restart(now)
            self._peers.restart()
            self._sessions.restart()

    # ------------------------------------------------------------ alerts

    def _admit(self, candidates: Iterable[Candidate], now: float, batch: Batch | None = None) -> list[Alert]:
        """The candidates that the budget has room for, and that were not said just now."""
        self._say_ready(now)
        by_kind: dict[AlertKind, list[tuple[Candidate, float]]] = defaultdict(list)
        for one in candidates:
            if self._budget.admit(one.kind, one.subject, one.surprise, one.time) and not self._repeated(one, now):
                by_kind[one.kind].append((one, self._budget.threshold(one.kind)))
        said: list[tuple[Candidate, float, int]] = []
        for found in by_kind.values():
            found.sort(key=lambda one: -one[0].surprise)
            more = max(len(found) - _MOST_AT_ONCE, 0)
            said += [(one, threshold, more) for one, threshold in found[:_MOST_AT_ONCE]]
        lines = iter(()) if batch is None else iter(batch.each_ref(_rows_of(said)))
        alerts = [_alert(one, threshold, more, islice(lines, len(one.rows))) for one, threshold, more in said]
        return sorted(alerts, key=lambda alert: alert.time)

    def _repeated(self, one: Candidate, now: float) -> bool:
        key, pause = (one.kind, one.subject), self._settings.repeat_minutes * 60
        before = self._repeats.get(key)
        if before is not None and 0 <= now - before < pause:
            return True
        self._repeats[key] = now
        if len(self._repeats) > _MOST_REPEATS:
            self._repeats = {key: at for key, at in self._repeats.items() if 0 <= now - at < pause}
        return False

    def _say_ready(self, now: float) -> None:
        for kind, since in self.known_from().items():
            if since is not None and now >= since and kind not in self._ready:
                self._ready.add(kind)
                logger.info("signal %s knows enough from %s on", kind, pl.from_epoch(pl.Series([int(since)]), "s")[0])

    # ------------------------------------------------------------ state

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the tables, if they are missing."""
        connection.execute("CREATE TABLE IF NOT EXISTS signals_state (name TEXT PRIMARY KEY, lines INTEGER, data BLOB)")
        NewTemplates.prepare(connection)

    def store(self, connection: sqlite3.Connection, everything: bool = False) -> None:
        """Write what changed, inside the caller's transaction.

        New template ids and the number of lines are written each time; the large rest as often as it takes a small
        share of the time. What a crash loses of it are counts of seconds, and `restore` sees that.

        Args:
            connection: of the stream's database.
            everything: write the large rest too, such as before the process ends.
        """
        if not self._changed and not everything:
            return
        self._new.store(connection)
        self._put(connection, "lines", b"")
        start = time.monotonic()
        if everything or start - self._stored_at >= self._storing / _STORING_SHARE:
            values = {"version": _VERSION, "budget": self._budget.dump(), "clock": self._clock.dump()}
            values |= {"new": self._new.dump(), "last": self._last.dump(), "began": self._began}
            values["repeats"] = [[*key, at] for key, at in self._repeats.items()]
            values["ready"] = sorted(self._ready)
            self._put(connection, "rest", pack(values, {}))
            for name, part in self._parts().items():
                self._put(connection, name, pack(*part.dump()))
            self._stored_at = time.monotonic()
            self._storing = self._stored_at - start
        self._changed = False

    def restore(self, connection: sqlite3.Connection) -> None:
        """Continue from what `store` wrote; a part that can't be read is learnt anew."""
        self._new.restore(connection)
        rows = connection.execute("SELECT name, lines, data FROM signals_state").fetchall()
        stored = {name: (lines, data) for name, lines, data in rows}
        if "rest" not in stored:
            return
        self._lines = stored["lines"][0]
        complete = stored["rest"][0] == self._lines
        try:
            values, _ = unpack(stored["rest"][1])
            if values["version"] != _VERSION:
                return
            self._budget.load(values["budget"])
            self._clock.load(values["clock"])
            self._new.load(values["new"])
            self._last.load(values["last"])
            self._began, self._ready = values["began"], set(values["ready"])
            self._repeats = {(kind, subject): at for kind, subject, at in values["repeats"]}
            for name, part in self._parts().items():
                part.load(*unpack(stored[name][1]), complete)
        except (KeyError, TypeError, ValueError) as error:
            logger.warning("the state of signals can't be read, so they learn anew: %s", error)

    def _put(self, connection: sqlite3.Connection, name: str, data: bytes) -> None:
        connection.execute("INSERT OR REPLACE INTO signals_state VALUES (?, ?, ?)", (name, self._lines, data))

    def _parts(self) -> Mapping[str, _Part]:
        return {
            "rates": self._rates,
            "heartbeats": self._heartbeats,
            "nodes": self._nodes,
            "peers": self._peers,
            "parameters": self._parameters,
            "sessions": self._sessions,
        }


def _rows_of(said: Sequence[tuple[Candidate, float, int]]) -> Ints:
    """Rows of the evidence of all, so that it is read at once."""
    return np.array([row for one, _, _ in said for row in one.rows], np.int64)


def _alert(one: Candidate, threshold: float, more: int, lines: Iterable[LineRef]) -> Alert:
    others = f" So did {more} others at the same time." if more else ""
    return Alert(
        kind=one.kind,
        subject=one.subject,
        time=one.time,
        score=surprise.score(one.surprise, threshold),
        text=one.text + others,
        lines=(*one.lines, *lines),
        template_id=one.template_id,
        template=one.template,
        node=one.node,
        session=one.session,
        measures={**one.measures, "surprise": round(one.surprise, 2)} | ({"others": more} if more else {}),
    )


def _pieces(at: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Where pieces of a batch begin and end: about an hour of many lines, more of few."""
    highest = np.maximum.accumulate(at)
    start = 0
    while start < len(at):
        end = int(np.searchsorted(highest, highest[start] + _PIECE_SECONDS, side="right"))
        hour = int(np.searchsorted(highest, highest[start] + 3600, side="right"))
        end = min(max(min(end, max(hour, start + _LEAST_LINES)), start + 1), start + _PIECE_LINES)
        yield start, end
        start = end
