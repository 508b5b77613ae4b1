"""What every source of lines gives, and what it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: Where a stream is to be continued: JSON that only its source understands.
Position = Any


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of one stream, with where to continue behind them.

    Attributes:
        stream: name of the stream, as users know it: a file, ``namespace/pod/container``.
        data: whole lines, each with its line end.
        position: where to continue behind ``data``.
        format: name of a log format, or ``auto``.
        node: where the lines come from, if they don't say so themselves.
        whole: no line behind ``data`` belongs to its last record, so that nobody has to wait for one.
    """

    stream: str
    data: bytes
    position: Position
    format: str = "auto"
    node: str | None = None
    whole: bool = False


class LineSource(Protocol):
    """Gives the lines of one or more streams as they come.

    A source that can't be reached for a while waits, longer each time, and logs one line of it; what it gives is
    neither lost nor given twice, as far as positions allow.
    """

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """The chunks from some positions on; None now and then while nothing comes, so that time can pass.

        Args:
            positions: stream → where to continue; a stream without one starts where the source's settings say.
        """
        ...

    def close(self) -> None:
        """End `chunks` soon; may be called from another thread."""
        ...
