"""The log of one container, as the API of Kubernetes gives it, from a position on.

The API gives lines from a whole second on, each behind its time to the nanosecond, so a position is the time of the
last line with the number of lines of that very time; what was read before is passed over. When a container has been
started again meanwhile, the rest of its former log comes first, and the position goes over into the new one: the times
of a node only grow, and a list of pods may be older than the log that is read then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rationanomaly.errors import InputError
from rationanomaly.sources.chunk import Position

_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Where a log is to be continued.

    Attributes:
        container: id of the container that wrote the last line.
        time: of the last line, RFC 3339; empty: none was read.
        count: of lines of that time.
    """

    container: str
    time: str = ""
    count: int = 0

    @property
    def since(self) -> str | None:
        """The time to ask from, in whole seconds, which is all that the API takes."""
        return f"{self.time[:19]}{_zone(self.time)}" if self.time else None

    def as_position(self) -> Position:
        """JSON."""
        return {"container": self.container, "time": self.time, "count": self.count}

    @classmethod
    def from_position(cls, position: Any) -> Place:
        """What `as_position` gave.

        Raises:
            InputError: it did not.
        """
        try:
            place = cls(str(position["container"]), str(position["time"]), int(position["count"]))
        except (TypeError, KeyError, ValueError) as error:
            hint = "Name the state folder of this source, or a new one"
            raise InputError("is no position in the log of a container", hint=hint) from error
        if place.time and _TIME.fullmatch(place.time.encode()) is None:
            raise InputError(f"is no time in the log of a container: {place.time[:40]!r}")
        return place


class LineCutter:
    """Takes the log of one container in pieces, gives whole lines without their times.

    Args:
        place: where reading continues; lines up to it are passed over.
        max_line_bytes: longer lines are cut.
    """

    def __init__(self, place: Place, max_line_bytes: int) -> None:
        self.place = place
        self._skipped_time, self._to_skip = place.time, place.count
        self._rest, self._max_line_bytes = b"", max_line_bytes

    @property
    def is_within(self) -> bool:
        """Whether the last piece ended within a line."""
        return bool(self._rest)

    def feed(self, piece: bytes) -> bytes:
        """The new whole lines in what was read; `place` is behind them then."""
        whole, end, behind = piece.rpartition(b"\n")
        if not end:
            self._rest += piece[: max(0, self._max_line_bytes - len(self._rest))]
            return b""
        lines = (self._rest + whole).split(b"\n")
        # Lines that are given are bounded, and so is what is kept of one that has no end.
        self._rest = behind[: self._max_line_bytes]
        return b"".join(self._new(lines))

    def _new(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            found = _TIME.match(line)
            if found is None:  # A sentence of the node's own, such as that the log was rotated away.
                yield line[: self._max_line_bytes] + b"\n"
                continue
            time = found[0].rstrip().decode("ascii")
            if self._was_read(time):
                continue
            same = _sortable(time) == _sortable(self.place.time)
            count = self.place.count + 1 if same else 1
            self.place = Place(self.place.container, time, count)
            yield line[found.end() :][: self._max_line_bytes] + b"\n"

    def _was_read(self, time: str) -> bool:
        """Whether a line of that time was given before."""
        if not self._skipped_time:
            return False
        key, last = _sortable(time), _sortable(self._skipped_time)
        if key < last:
            return True
        if key == last and self._to_skip > 0:
            self._to_skip -= 1
            return True
        # Behind it once: a clock that goes back later hides nothing.
        self._skipped_time = ""
        return False


def _sortable(time: str) -> tuple[str, str]:
    """A key by which times of one zone are in order: fractions lose their zeros at the end."""
    found = _TIME.match(time.encode())
    seconds, fraction = (found[1], found[2] or b"") if found else (b"", b"")
    return seconds.decode(), fraction.decode().ljust(9, "0")


def _zone(time: str) -> str:
    return "Z" if time.endswith("Z") else time[-6:]
