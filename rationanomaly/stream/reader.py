"""The lines of one stream as records, wherever the chunks of it end and the program is stopped."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.errors import InputError, one_line
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import FIELDS, Format
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.record_reader import AUTO, RecordReader
from rationanomaly.stream.session_names import SessionNames

logger = logging.getLogger(__name__)

#: Lines, and bytes, that come without showing a format until none is expected to fit.
_TELLING, _TELLING_BYTES = 100, 2**20
#: Where no format fits, each line is a message.
_PLAIN = "plain"
REJECTED = pl.Schema({"source": pl.String(), "line": pl.Int64(), "raw": pl.String()})
RECORDS = pl.Schema({"source": pl.String(), "line": pl.Int64(), **FIELDS, "sessions": pl.List(pl.String())})
#: Marks bytes in a state.
_BYTES = "base64"


class StreamReader:
    """Reads a stream that is fed in chunks of whole lines.

    Args:
        name: of the stream.
        format_name: name of a format, or ``auto``.
        settings: the params section ``parse`` of the model, with the stream's ``hold_seconds``.
        prefix: stands before the names of windows of lines and times, which other streams have, too.
    """

    def __init__(self, name: str, format_name: str, settings: ParseParams, prefix: str = "") -> None:
        self.name, self.format_name, self._settings, self._prefix = name, format_name, settings, prefix
        self._counts = Counts()
        self._rejected: list[pl.DataFrame] = []
        form = None if format_name == AUTO else formats.find(format_name, settings)
        self._reader = RecordReader(form, settings, self._counts, self._rejected.append, live=True)
        # A stream is not refused for what it holds.
        self._reader.fitted = True
        self._sessions: SessionNames | None = None
        #: Lines that come before the format is known, and since when they wait.
        self._unread, self._since = b"", 0.0
        #: Of lines that name none, as the last chunk said: some of its lines may still be kept back.
        self._node: str | None = None

    @property
    def waits(self) -> bool:
        """Whether anything is kept back that time alone will bring out."""
        return bool(self._unread) or self._reader.held > 0

    @property
    def simple_form(self) -> Format | None:
        """The format, if lines may be read with those of other streams; see `together`."""
        return self._reader.form if self._reader.is_simple and not self._unread else None

    @property
    def lines(self) -> int:
        """Number of lines so far."""
        return self._counts.lines

    @property
    def max_line_bytes(self) -> int:
        """Longer lines are cut."""
        return self._settings.max_line_bytes

    @property
    def session_names(self) -> SessionNames:
        """What names the sessions of the stream's records, whose format is known."""
        return self._names()

    @property
    def has_rejected(self) -> bool:
        """Whether `take_rejected` has anything to give."""
        return bool(self._rejected)

    def feed(self, data: bytes, now: float, node: str | None = None) -> pl.DataFrame:
        """The records that are complete with some more lines: columns of `RECORDS`.

        Args:
            data: whole lines, each with its line end.
            now: seconds since 1970.
            node: of lines that name none.
        """
        self._node = node
        if self._reader.form is None:
            self._since = self._since if self._unread else now
            self._unread += data
            is_enough = self._unread.count(b"\n") >= _TELLING or len(self._unread) >= _TELLING_BYTES
            if not is_enough and not self._tells_format(self._unread):
                return _nothing()
            data, self._unread = self._unread, b""
        return self._records(self._read(data, now))

    def expire(self, now: float) -> pl.DataFrame:
        """The records that have waited long enough."""
        since = now - self._settings.hold_seconds
        if self._unread and self._since <= since:
            data, self._unread = self._unread, b""
            return self._records(self._read(data, self._since))
        return self._records(self._reader.expire(since))

    def finish(self) -> pl.DataFrame:
        """The records that are left: no line follows, or those that do are of another file."""
        data, self._unread = self._unread, b""
        read = list(self._read(data, 0.0)) if data else []
        records = self._records([*read, *self._reader.finish()])
        self._reader.begin()
        return records

    def take_rejected(self) -> pl.DataFrame:
        """The lines since the last call that fit no record: ``source``, ``line``, ``raw``."""
        found = [REJECTED.to_frame(), *(one.select(source=pl.lit(self.name), line="line", raw="raw")
                                         for one in self._rejected)]  # fmt: skip
        self._rejected.clear()
        return pl.concat(found)

    def read_each(self, lines: pl.DataFrame) -> pl.DataFrame:
        """See `RecordReader.read_each`."""
        return self._reader.read_each(lines)

    def set_clock(self, records: pl.DataFrame) -> pl.DataFrame:
        """See `RecordReader.set_clock`."""
        return self._reader.set_clock(records)

    def pass_over(self, lines: int) -> None:
        """Count lines that were read elsewhere."""
        self._counts.lines += lines

    def state(self) -> str:
        """What `restore` needs to continue behind the lines so far, as JSON."""
        state = self._reader.state() | {"unread": self._unread, "sessions": None}
        state |= {"prefix": self._prefix, "node": self._node}
        if self._sessions is not None:
            state["sessions"] = self._sessions.state()
        return json.dumps(_as_text(state))

    def restore(self, text: str, now: float) -> None:
        """Continue where `state` was taken."""
        state = _from_text(json.loads(text))
        self._unread, self._since = state.pop("unread"), now
        self._node = state.pop("node", None)
        sessions, self._prefix = state.pop("sessions"), state.pop("prefix", self._prefix)
        self._reader.restore(state, now)
        if sessions is not None:
            self._names().restore(sessions)

    def _read(self, data: bytes, now: float) -> Iterable[pl.DataFrame]:
        for lines in split_lines([data], self._settings.max_line_bytes, self._counts):
            if not lines.height:
                continue
            if self._reader.form is None:
                self._choose_format(lines)
            yield from self._reader.feed(Path(self.name), lines, now)

    def _tells_format(self, data: bytes) -> bool:
        """Whether the first lines show the format; how many come at once is left to chance."""
        for lines in split_lines([data], self._settings.max_line_bytes, Counts()):
            try:
                if lines.height:
                    self._reader.detect(Path(self.name), lines)
            except InputError:
                return False
        return self._reader.form is not None

    def _choose_format(self, lines: pl.DataFrame) -> None:
        try:
            self._reader.detect(Path(self.name), lines)
        except InputError as error:
            logger.warning(
                "%s: each line is taken as a message: what came first %s", one_line(self.name), error.problem
            )
            self._reader.form = formats.find(_PLAIN, self._settings)
        self._reader.begin()

    def _names(self) -> SessionNames:
        if self._sessions is None:
            form = self._reader.form
            self._sessions = SessionNames(self._settings.sessions, None if form is None else form.keys, self._prefix)
        return self._sessions

    def _records(self, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
        found = list(frames)
        if not found:
            return _nothing()
        records = pl.concat(found).with_columns(source=pl.lit(self.name))
        if self._node is not None:
            records = records.with_columns(pl.col("node").fill_null(pl.lit(self._node)))
        return self._names().add(records).select(RECORDS.names())


def _nothing() -> pl.DataFrame:
    return RECORDS.to_frame()


def _as_text(value: Any) -> Any:
    """A state with its bytes as text, for JSON."""
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode()}
    return {key: _as_text(one) for key, one in value.items()} if isinstance(value, dict) else value


def _from_text(value: Any) -> Any:
    """The state of `_as_text`."""
    if not isinstance(value, dict):
        return value
    return base64.b64decode(value[_BYTES]) if _BYTES in value else {key: _from_text(one) for key, one in value.items()}
