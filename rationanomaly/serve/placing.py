"""Which lines of a stream each request has sent, when many are taken together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rationanomaly.sources.chunk import Chunk, Position

_LINES = "lines"


@dataclass(frozen=True)
class Span:
    """Lines ``first`` to ``last`` of a stream, as the engine counts them."""

    stream: str
    first: int
    last: int

    def has(self, source: str, line: int) -> bool:
        """Whether a line is one of them."""
        return source == self.stream and self.first <= line <= self.last


class Placed:
    """The chunks of several requests in the order in which they are taken.

    Args:
        before: lines of each stream so far.

    Attributes:
        chunks: with their positions.
        spans: of each request; None where nobody asks for rows.
        lines: of each stream that has more of them now, when these chunks are taken.
    """

    def __init__(self, before: Mapping[str, int]) -> None:
        self._before = before
        self.chunks: list[Chunk] = []
        self.spans: list[Span | None] = []
        self.lines: dict[str, int] = {}
        self._places: dict[tuple[str, str, str | None], int] = {}

    def add(self, chunks: Sequence[Chunk], stream: str | None) -> None:
        """Add a request.

        Args:
            chunks: of it.
            stream: whose rows it wants back; None: none, then each of its lines is a record of its own.
        """
        span = None if stream is None else Span(stream, self._count(stream) + 1, self._count(stream))
        for chunk in chunks:
            if chunk.position is None:  # A client's; sources have positions of their own.
                self.lines[chunk.stream] = self._count(chunk.stream) + chunk.data.count(b"\n")
                chunk = replace(chunk, position={_LINES: self.lines[chunk.stream]})
            self._append(chunk, joins=stream is None)
        self.spans.append(None if span is None else replace(span, last=self._count(span.stream)))

    def _append(self, chunk: Chunk, *, joins: bool) -> None:
        # What a stream costs is counted in chunks more than in lines. Lines of text stay apart: the first of one
        # request could be read as going with the last of another.
        key = (chunk.stream, chunk.format, chunk.node)
        place = self._places.get(key) if joins else None
        if place is not None:
            self.chunks[place] = replace(chunk, data=self.chunks[place].data + chunk.data)
            return
        if joins:
            self._places[key] = len(self.chunks)
        self.chunks.append(chunk)

    def _count(self, stream: str) -> int:
        return self.lines.get(stream, self._before.get(stream, 0))


def lines_so_far(positions: Mapping[str, Position]) -> dict[str, int]:
    """Lines of each stream that clients have made, as `Placed` has counted them."""
    return {
        stream: position[_LINES]
        for stream, position in positions.items()
        if isinstance(position, Mapping) and isinstance(position.get(_LINES), int)
    }
