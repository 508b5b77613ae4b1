"""The sources that the params name, read into the service's stream beside what clients send."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Event, Thread

from rationanomaly.errors import RationAnomalyError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.serve.intake import Intake
from rationanomaly.sources.batches import batched
from rationanomaly.sources.chunk import Chunk, LineSource, Position

_log = logging.getLogger(__name__)
#: Seconds of the first and of the longest pause before a source that can't be read is tried again.
_PAUSE, _MAX_PAUSE = 1.0, 30.0
#: So long the thread may take to end; it ends with the process in any case.
_JOIN_SECONDS = 10.0


class SourceFeed:
    """The one thread that reads a source; what it has read is stored before it reads more, so memory is bounded.

    Args:
        source: of the lines.
        intake: takes them.
        positions: gives where each stream is to be continued, as it is stored.
        commit_seconds: longest time that lines wait for others before they are taken.
    """

    def __init__(
        self,
        source: LineSource,
        intake: Intake,
        positions: Callable[[], Mapping[str, Position]],
        commit_seconds: float,
    ) -> None:
        self._source, self._intake, self._positions, self._seconds = source, intake, positions, commit_seconds
        self._closing = Event()
        self._pauses = Pauses(_PAUSE, _MAX_PAUSE)
        self.problem: str | None = None
        self._thread = Thread(target=self._run, name="sources", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def reads(self) -> bool:
        """Whether the source is read: nothing has gone wrong since lines were stored last."""
        return self._thread.is_alive() and self.problem is None

    def close(self) -> None:
        """End reading; what was read is still stored, as long as the intake runs."""
        self._closing.set()
        self._source.close()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._read()
            except RationAnomalyError as error:
                self._note(f"{error} The sources are read again from where they stood")
            except Exception as error:
                _log.exception("a fault of ours; the sources are read again from where they stood")
                self.problem = type(error).__name__
            self._closing.wait(self._pauses.next())

    def _read(self) -> None:
        """Read until the source is closed, or something goes wrong.

        Raises:
            RationAnomalyError: it can't be read, or its lines can't be stored.
        """
        for batch, _ in batched(self._source.chunks(self._positions()), self._seconds):
            if batch:
                self._store(batch)

    def _store(self, chunks: list[Chunk]) -> None:
        self._intake.submit(chunks).result()
        self._note(None)
        self._pauses.reset()

    def _note(self, problem: str | None) -> None:
        """Say a problem once, and when it is over."""
        if problem != self.problem:
            _log.warning("%s", problem or "the sources are read again")
        self.problem = problem
