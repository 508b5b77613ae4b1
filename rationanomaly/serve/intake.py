"""Lines of many requests at once, in one transaction each batch; a request is answered when its lines are stored."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread

import polars as pl

from rationanomaly.detection.answered import ModelVersion
from rationanomaly.errors import InfrastructureError, RationAnomalyError
from rationanomaly.serve.metrics import Meter
from rationanomaly.serve.placing import Placed, Span, lines_so_far
from rationanomaly.signals.alert import Alert
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.engine import Engine, Taken

_log = logging.getLogger(__name__)
#: Errors that no request is at fault for, such as a full disk.
_OURS = (InfrastructureError, sqlite3.Error, OSError)


@dataclass(frozen=True)
class Share:
    """What became of the lines of one request.

    Attributes:
        lines: one row per record; see `signals.judged_lines.JUDGED_LINES`.
        alerts: that cite one of its lines.
        version: of the model that answered.
    """

    lines: pl.DataFrame
    alerts: list[Alert]
    version: ModelVersion


@dataclass(frozen=True)
class _Ticket:
    """A request that waits.

    Attributes:
        stream: whose rows it wants back; None: none.
    """

    chunks: Sequence[Chunk]
    stream: str | None
    future: Future[Share] = field(default_factory=Future)

    @property
    def size(self) -> int:
        return sum(len(chunk.data) for chunk in self.chunks)


class Intake:
    """The one thread that feeds the engine, and lets time pass for it.

    Args:
        engine: whose lines they are.
        meter: counts batches.
        tick_seconds: between two looks at what time has changed, such as verdicts that have come.
        batch_bytes: of one transaction at most, unless one request alone has more.
    """

    def __init__(self, engine: Engine, meter: Meter, tick_seconds: float, batch_bytes: int) -> None:
        self._engine, self._meter = engine, meter
        self._tick_seconds, self._batch_bytes = tick_seconds, batch_bytes
        self._waiting: deque[_Ticket] = deque()
        #: Lines of each stream so far: they are part of its position, so that a restart knows them.
        self._lines = lines_so_far(engine.positions())
        self._news = Condition()
        self._closing = False
        self.problem: str | None = None
        self._thread = Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def submit(self, chunks: Sequence[Chunk], stream: str | None = None) -> Future[Share]:
        """Let lines be taken; returns at once. A future that can be cancelled has not been begun.

        Args:
            chunks: of one request; they are taken together or not at all.
            stream: whose rows are wanted back.
        """
        ticket = _Ticket(chunks, stream)
        with self._news:
            if self._closing:
                ticket.future.set_exception(InfrastructureError("the service is being stopped"))
            else:
                self._waiting.append(ticket)
                self._news.notify()
        return ticket.future

    def close(self) -> None:
        """Take what waits, and end."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            batch, closing = self._next_batch(due)
            if batch:
                self._take(batch)
            if time.monotonic() >= due or closing:
                self._let_time_pass()
                due = time.monotonic() + self._tick_seconds
            if closing and not batch:
                return

    def _next_batch(self, due: float) -> tuple[list[_Ticket], bool]:
        with self._news:
            if not self._waiting and not self._closing:
                self._news.wait(max(0.0, due - time.monotonic()))
            batch: list[_Ticket] = []
            size = 0
            while self._waiting and (not batch or size + self._waiting[0].size <= self._batch_bytes):
                ticket = self._waiting.popleft()
                if ticket.future.set_running_or_notify_cancel():
                    batch.append(ticket)
                    size += ticket.size
            return batch, self._closing

    def _take(self, batch: Sequence[_Ticket]) -> None:
        started = time.perf_counter()
        placed = Placed(self._lines)
        for ticket in batch:
            placed.add(ticket.chunks, ticket.stream)
        try:
            taken = self._engine.take(placed.chunks)
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, _OURS):
                # Nothing of it is stored. The request that is at fault must not take the others with it.
                half = len(batch) // 2
                self._take(batch[:half])
                self._take(batch[half:])
                return
            self._meter.count_failure()
            fault = self._fault(error)
            for ticket in batch:
                ticket.future.set_exception(fault)
            return
        self._lines |= placed.lines
        self._note(None)
        self._meter.count_batch(time.perf_counter() - started)
        for ticket, span in zip(batch, placed.spans, strict=True):
            ticket.future.set_result(_share(taken, span))

    def _let_time_pass(self) -> None:
        try:
            self._engine.settle()
            self._engine.tick()
        except Exception as error:
            self._fault(error)
        else:
            self._note(None)

    def _fault(self, error: Exception) -> RationAnomalyError:
        """What a request is told, and everybody who asks how we are."""
        if isinstance(error, sqlite3.Error | OSError):
            hint = "Check the room and the rights of the state folder"
            error = InfrastructureError(f"lines can't be stored: {error}", hint=hint)
        if isinstance(error, RationAnomalyError):
            if isinstance(error, InfrastructureError):
                self._note(str(error))
            return error
        fault = InfrastructureError(f"lines can't be taken, by a fault of ours ({type(error).__name__})")
        self._note(str(fault), error)
        return fault

    def _note(self, problem: str | None, error: Exception | None = None) -> None:
        """Say a problem once, with the frames of an error of ours, and when it is over."""
        if problem != self.problem:
            _log.warning("%s", problem or "lines are stored again", exc_info=error)
        self.problem = problem


def _share(taken: Taken, span: Span | None) -> Share:
    if span is None:
        return Share(taken.lines.clear(), [], taken.version)
    alerts = [alert for alert in taken.alerts if any(span.has(line.source, line.line) for line in alert.lines)]
    lines = taken.lines.filter(source=span.stream)
    return Share(lines.filter(lines["line"].is_between(span.first, span.last)), alerts, taken.version)
