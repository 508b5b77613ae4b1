"""systemd's journal export format as JSON lines: ``journalctl -o export``, which can't be split at line ends.

An entry is some fields and an empty line. A field is a line ``NAME=text``, or where its value is anything but printable
text of one line: the line ``NAME``, the value's length as 8 bytes, little-endian, the value, and a line end. Source:
https://systemd.io/JOURNAL_EXPORT_FORMATS
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Final, TypeVar

from rationanomaly.parse.encoding import HEAD
from rationanomaly.parse.formats.journald import NAMES

_Value = TypeVar("_Value")

_LONGEST_NAME: Final = 64
_NAME: Final = re.compile(rf"[A-Z_][A-Z0-9_]{{0,{_LONGEST_NAME - 1}}}")
_NAME_BYTES: Final = re.compile(_NAME.pattern.encode())
_EMPTY_LINES: Final = re.compile(rb"\n+")
_LENGTH_BYTES: Final = 8
#: Bytes of a value; systemd takes no longer ones. What lies behind such a length is no value.
_LONGEST: Final = 768 * 2**20
#: Metadata that each entry has once, and before its fields, as far as systemd writes it.
_FIRST: Final = (b"__CURSOR", b"__REALTIME_TIMESTAMP")
#: Where an entry begins again behind what is none.
_STARTS: Final = tuple(b"\n%s=" % name for name in _FIRST)
_START: Final = re.compile(b"|".join(_STARTS))
_TIMES: Final = (b"__REALTIME_TIMESTAMP", b"_SOURCE_REALTIME_TIMESTAMP")
#: Names that are remembered as valid; journals have some hundred.
_MOST_NAMES: Final = 10_000


def is_export(head: bytes) -> bool:
    """Whether a log is such an export: it begins with fields, and one of them is the time of an entry.

    Args:
        head: the first `encoding.HEAD` bytes of the log, or all where it has less.
    """
    return _shows_export(head[:HEAD]) is True


def is_undecided(head: bytes) -> bool:
    """Whether more bytes of a log can make an export of it.

    Args:
        head: the first bytes of the log.
    """
    # Live lines must not wait long: systemd writes its metadata first, whose names begin with an underscore.
    return len(head) < HEAD and head.lstrip(b"\n")[:1] in (b"", b"_") and _shows_export(head) is None


def as_json_lines(
    chunks: Iterable[bytes], max_bytes: int, cutting: Callable[[], None] = lambda: None
) -> Iterator[bytes]:
    """The entries of an export in the order in which they come, each as a JSON object on a line of its own.

    An object has the fields `formats.journald.NAMES`; one that occurs several times is an array, as in the journal's
    own JSON. Bytes that are not UTF-8 become U+FFFD. What is no entry comes as it is, up to where the next one begins.

    Args:
        chunks: from the beginning of the export on; empty ones may lie between, and are passed on.
        max_bytes: of a line that is an entry. A longer one has only the first value of each field, and these are cut
            so that it is no longer than that. Of each field so many bytes at most lie in memory.
        cutting: is called for each entry that is cut.
    """
    reader = _Reader(max_bytes, cutting)
    for chunk in chunks:
        lines = reader.read(chunk) if chunk else b""
        if lines or not chunk:
            yield lines
    if lines := reader.finish():
        yield lines


class _Reader:
    """Reads entries from chunks that may end anywhere."""

    def __init__(self, max_bytes: int, cutting: Callable[[], None]) -> None:
        self._max_bytes, self._cutting = max_bytes, cutting
        self._data, self._place = b"", 0
        #: Reads something at the place and says whether it could.
        self._step = self._read_entries
        #: Up to there no entry is of plain text.
        self._plain_from = 0
        #: Bytes of a value that are still to be passed over.
        self._left = 0
        self._lines: list[bytes] = []
        self._known: set[str] = set()
        self._begin_entry()

    def read(self, chunk: bytes) -> bytes:
        """The lines that the chunk completes."""
        self._data, self._place, self._plain_from = self._data[self._place :] + chunk, 0, 0
        while self._place < len(self._data) and self._step():
            pass
        return self._take_lines()

    def finish(self) -> bytes:
        """The lines of what the log ends in: an entry that is cut off is given with what there is."""
        if self._step == self._read_entries:
            self._read_cut_field()
        self._end_entry()
        self._lines.append(self._data[self._place :])
        return self._take_lines()

    def _take_lines(self) -> bytes:
        lines, self._lines = b"".join(self._lines), []
        return lines

    def _read_entries(self) -> bool:
        if not self._has_fields and self._place >= self._plain_from:
            self._read_plain()
        return self._read_field()

    def _read_plain(self) -> None:
        """Whole entries as long as they are of plain text: an empty line inside of a value would end none."""
        data = self._data
        while (end := data.find(b"\n\n", self._place)) >= 0 and end - self._place <= self._max_bytes:
            line = self._plain_line(data[self._place : end])
            if line is None:
                break
            self._lines += line, b"\n"
            self._place = end + 2
        self._plain_from = end if end >= 0 else len(data)

    def _plain_line(self, block: bytes) -> bytes | None:
        """The line of an entry whose fields are all ``NAME=text`` and occur once; None if it is not that simple."""
        lines = block.decode(errors="replace").split("\n")
        try:
            # A value of bytes comes behind a line without an equals sign: whatever is in it, it is not taken for text.
            fields = dict([line.split("=", 1) for line in lines])
        except ValueError:
            return None
        if len(fields) < len(lines):
            return None
        if not self._known.issuperset(fields):
            if not all(map(_NAME.fullmatch, fields)):
                return None
            if len(self._known) < _MOST_NAMES:
                self._known.update(fields)
        line = _as_json(fields, encode_basestring)
        return line if len(line) <= self._max_bytes else None

    def _read_field(self) -> bool:
        end = self._data.find(b"\n", self._place)
        if end < 0:
            return self._read_long_line()
        if empty := _EMPTY_LINES.match(self._data, self._place):
            self._end_entry()
            self._place = empty.end()
            return True
        name, equals, value = self._data[self._place : end].partition(b"=")
        if not _NAME_BYTES.fullmatch(name):
            return self._lose()
        if not equals:
            return self._read_bytes(name, end + 1)
        self._add(name, value)
        self._place = end + 1
        return True

    def _read_long_line(self) -> bool:
        """A line whose end has not come yet: once it is too long, its end is not waited for."""
        line = self._data[self._place :]
        if len(line) <= _LONGEST_NAME + 1 + self._max_bytes:
            return False
        name, equals, value = line.partition(b"=")
        if not equals or not _NAME_BYTES.fullmatch(name):
            return self._lose()
        self._add(name, value)
        self._place, self._step = len(self._data), self._pass_line
        return True

    def _read_bytes(self, name: bytes, place: int) -> bool:
        """A value with its length before it, which is at the place."""
        data, start = self._data, place + _LENGTH_BYTES
        if len(data) < start:
            return False
        length = int.from_bytes(data[place:start], "little")
        if length > _LONGEST:
            return self._lose()
        # By one byte more than is kept a value is seen to be too long.
        read = min(length, self._max_bytes + 1)
        end = start + read
        if len(data) <= end:
            return False
        if read == length and data[end : end + 1] != b"\n":
            return self._lose()
        self._add(name, data[start:end])
        self._place, self._left, self._step = end, length - read, self._pass_value
        return True

    def _pass_line(self) -> bool:
        end = self._data.find(b"\n", self._place)
        if end < 0:
            self._place = len(self._data)
            return False
        self._place, self._step = end + 1, self._read_entries
        return True

    def _pass_value(self) -> bool:
        passed = min(self._left, len(self._data) - self._place)
        self._left -= passed
        self._place += passed
        if self._place == len(self._data):
            return False
        if self._data[self._place : self._place + 1] != b"\n":
            return self._lose()
        self._place, self._step = self._place + 1, self._read_entries
        return True

    def _lose(self) -> bool:
        """What is at the place is no field."""
        self._end_entry()
        self._step = self._pass_garbage
        return True

    def _pass_garbage(self) -> bool:
        """Pass on what lies before the next beginning of an entry."""
        data, start = self._data, self._place
        if found := _START.search(data, start):
            self._place, self._step = found.start() + 1, self._read_entries
        else:
            # The beginning of an entry may be cut in two.
            last = data.rfind(b"\n", max(start, len(data) - max(map(len, _STARTS))))
            is_start = last >= 0 and any(first.startswith(data[last:]) for first in _STARTS)
            self._place = last if is_start else len(data)
        self._lines.append(data[start : self._place])
        return found is not None

    def _read_cut_field(self) -> None:
        """The field in which the log ends."""
        line, _, value = self._data[self._place :].partition(b"\n")
        name, equals, text = line.partition(b"=")
        if not _NAME_BYTES.fullmatch(name) or (not equals and len(value) < _LENGTH_BYTES):
            return
        self._add(name, text if equals else value[_LENGTH_BYTES:])
        self._place = len(self._data)

    def _begin_entry(self) -> None:
        self._entry: dict[str, list[str]] = {}
        self._first: set[bytes] = set()
        self._size, self._has_fields, self._is_cut = 0, False, False

    def _add(self, name: bytes, value: bytes) -> None:
        """A field of the entry, of which no more than the first ``max_bytes`` are kept."""
        if name in _FIRST:
            if name in self._first:
                # The empty line between two entries is missing.
                self._end_entry()
            self._first.add(name)
        self._has_fields = True
        key = name.decode()
        if key not in NAMES:
            return
        values = self._entry.setdefault(key, [])
        self._is_cut = self._is_cut or len(value) > self._max_bytes
        if values and self._size > self._max_bytes:
            self._is_cut = True
            return
        values.append(value[: self._max_bytes].decode(errors="replace"))
        # An empty one takes memory, too.
        self._size += len(value) + 1

    def _end_entry(self) -> None:
        if self._has_fields:
            line = _as_json(self._entry, _quoted)
            if len(line) > self._max_bytes:
                line, self._is_cut = _as_short_json(self._entry, self._max_bytes), True
            self._lines += line, b"\n"
            if self._is_cut:
                self._cutting()
        self._begin_entry()


def _shows_export(head: bytes) -> bool | None:
    """Whether the head of a log is that of an export; None if it ends before it tells."""
    place = 0
    while (end := head.find(b"\n", place)) >= 0:
        line, place = head[place:end], end + 1
        name, equals, value = line.partition(b"=")
        if name in _TIMES and value.isdigit():
            return True
        if line and not _NAME_BYTES.fullmatch(name):
            return False
        if line and not equals:
            start = place + _LENGTH_BYTES
            length = int.from_bytes(head[place:start], "little")
            place = start + length
            if len(head) < start or (length <= _LONGEST and len(head) <= place):
                return None
            if head[place : place + 1] != b"\n":
                return False
            place += 1
    name = head[place:].partition(b"=")[0]
    return None if place == len(head) or _NAME_BYTES.fullmatch(name) else False


def _as_json(entry: Mapping[str, _Value], quoted: Callable[[_Value], str]) -> bytes:
    members = [f'"{name}":{quoted(entry[name])}' for name in NAMES if name in entry]
    return f"{{{','.join(members)}}}".encode()


def _quoted(values: Sequence[str]) -> str:
    """The one value, or an array of several."""
    texts = map(encode_basestring, values)
    return next(texts) if len(values) == 1 else f"[{','.join(texts)}]"


def _as_short_json(entry: Mapping[str, Sequence[str]], max_bytes: int) -> bytes:
    """The entry with the first value of each field, and as many characters of each as are not too many for a line."""

    def cut(characters: int) -> bytes:
        return _as_json({name: values[0][:characters] for name, values in entry.items()}, encode_basestring)

    fitting = bisect_right(range(max_bytes + 1), max_bytes, key=lambda characters: len(cut(characters)))
    return cut(max(fitting - 1, 0))
