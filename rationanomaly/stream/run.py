"""The loop of a stream: lines from a source through the engine to an output, in transactions of about a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from rationanomaly import progress
from rationanomaly.errors import InfrastructureError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sources.batches import batched
from rationanomaly.sources.chunk import Chunk, LineSource
from rationanomaly.stream.engine import Engine, Settled, Taken

logger = logging.getLogger(__name__)

#: Seconds between two ticks.
_TICK = 1.0
#: Seconds before what can't be read or stored is tried again: at first, and at most.
_FIRST_PAUSE, _MAX_PAUSE = 1.0, 30.0
#: Seconds between two looks at verdicts while lines come; each that finds some is a transaction.
_SETTLE = 0.1
#: Longest wait for verdicts at a time, where no line comes any more.
_WAIT = 1.0


@dataclass(frozen=True)
class Writers:
    """What is called with all that the engine gives out, inside its transactions."""

    taken: Callable[[Taken], None]
    settled: Callable[[Settled], None]


class StreamRun:
    """Runs a stream until its source ends or `stop` is called.

    Args:
        engine: judges.
        source: of the lines.
        writers: of what comes out.
        commit_seconds: longest time that lines wait to be stored and given out.
        patient: whether to wait and try again where the disk is full; else the error comes out.
    """

    def __init__(
        self, engine: Engine, source: LineSource, writers: Writers, commit_seconds: float, *, patient: bool
    ) -> None:
        self._engine, self._source, self._writers = engine, source, writers
        self._seconds, self._patient = commit_seconds, patient
        self._pauses = Pauses(_FIRST_PAUSE, _MAX_PAUSE)
        self._stopping = Event()
        self._ticked = self._settled = time.monotonic()
        self._lines = 0

    def run(self) -> None:
        """Read to the end of the source, then wait for the verdicts; where the source was stopped, they come later.

        Raises:
            InfrastructureError: nothing can be stored, and we are not to wait.
        """
        while not self._stopping.is_set():
            try:
                self._read()
                break
            except InfrastructureError as error:
                if not self._patient:
                    raise
                pause = self._pauses.next()
                logger.warning("%s It is tried again in %.1f s, from where it stood", error, pause)
                self._stopping.wait(pause)
        if not self._stopping.is_set():
            self._finish()

    def stop(self) -> None:
        """End `run` soon; may be called from another thread or a signal handler."""
        self._stopping.set()
        self._source.close()

    def _read(self) -> None:
        for batch, is_idle in batched(self._source.chunks(self._engine.positions()), self._seconds):
            if batch:
                self._take(batch)
            self._settle_and_tick(is_idle=is_idle)

    def _take(self, chunks: list[Chunk]) -> None:
        taken = self._engine.take(chunks, self._writers.taken)
        self._pauses.reset()
        self._lines += taken.lines.height
        progress.report("lines", self._lines, None, "lines")

    def _settle_and_tick(self, *, is_idle: bool) -> None:
        now = time.monotonic()
        if is_idle or now - self._settled >= _SETTLE:
            self._settled = now
            self._engine.settle(self._writers.settled)
        if now - self._ticked >= _TICK:
            self._ticked = now
            self._engine.tick(self._writers.taken)

    def _finish(self) -> None:
        """Let everything come to its end: no line follows."""
        self._engine.flush(self._writers.taken)
        while not self._stopping.is_set() and (pending := self._engine.unsettled()):
            self._engine.service.wait(pending, _WAIT)
            self._engine.settle(self._writers.settled)
            progress.report("verdicts", 0, None, f"pending {len(pending)}")
        self._engine.settle(self._writers.settled)
        self._engine.finish(self._writers.taken)
