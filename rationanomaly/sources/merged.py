"""Several sources as one: each in a thread of its own, so that none waits for another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace

from rationanomaly.sources.chunk import Chunk, LineSource, Position

_WAIT_SECONDS = 0.5
_SEPARATOR = ":"


class MergedSource:
    """The chunks of several sources as they come; the names of streams begin with that of their source.

    Args:
        sources: by name.
        waiting: chunks that may wait to be taken; sources wait when there are more.
    """

    def __init__(self, sources: Mapping[str, LineSource], waiting: int) -> None:
        self._sources, self._waiting = dict(sources), waiting
        self._closed = threading.Event()

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `chunk.LineSource`; may be called again where what it gave could not be stored.

        Raises:
            RationAnomalyError: a source can't be read from any more; the others end, too.
        """
        reading = _Reading(self._waiting)
        for name, source in self._sources.items():
            reading.start(name, source, _own(name, positions))
        try:
            while not self._closed.is_set():
                found = reading.next()
                if isinstance(found, Exception):
                    raise found
                if found is None and reading.is_over:
                    return
                yield found
        finally:
            reading.stopped.set()

    def close(self) -> None:
        """See `chunk.LineSource`."""
        self._closed.set()
        for source in self._sources.values():
            source.close()


class _Reading:
    """The threads of one call of `MergedSource.chunks`, and what they have read."""

    def __init__(self, waiting: int) -> None:
        self.stopped = threading.Event()
        self._queue: queue.Queue[Chunk | Exception] = queue.Queue(waiting)
        self._threads: list[threading.Thread] = []

    def start(self, name: str, source: LineSource, positions: Mapping[str, Position]) -> None:
        thread = threading.Thread(target=self._run, args=(name, source, positions), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def next(self) -> Chunk | Exception | None:
        """What was read, as soon as there is something; None after a while."""
        try:
            return self._queue.get(timeout=_WAIT_SECONDS)
        except queue.Empty:
            return None

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come."""
        return not any(thread.is_alive() for thread in self._threads) and self._queue.empty()

    def _run(self, name: str, source: LineSource, positions: Mapping[str, Position]) -> None:
        try:
            for chunk in source.chunks(positions):
                if chunk is not None:
                    self._put(replace(chunk, stream=f"{name}{_SEPARATOR}{chunk.stream}"))
                if self.stopped.is_set():
                    return
        except Exception as error:
            # Raised where somebody listens: in the thread that takes the chunks.
            self._put(error)

    def _put(self, found: Chunk | Exception) -> None:
        while not self.stopped.is_set():
            try:
                return self._queue.put(found, timeout=_WAIT_SECONDS)
            except queue.Full:
                continue


def _own(name: str, positions: Mapping[str, Position]) -> dict[str, Position]:
    """The positions of one source's streams, under its own names of them."""
    start = f"{name}{_SEPARATOR}"
    return {stream.removeprefix(start): one for stream, one in positions.items() if stream.startswith(start)}
