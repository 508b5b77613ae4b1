"""One row for each session, made of lines that come with their session's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import polars as pl
import pyarrow as pa

from rationanomaly.params import SessionParams
from rationanomaly.records import SESSIONS_SCHEMA

_COLUMNS = ("session", "line", "alert", "template_id")
_AGGREGATES = (
    pl.col("line").first().alias("first_line"),
    pl.col("line").last().alias("last_line"),
    pl.len().cast(pl.Int64).alias("lines"),
    # Null, not False, where no line carries a tag.
    pl.when(pl.col("alert").is_not_null().any()).then(pl.col("alert").any()).alias("alert"),
    pl.col("template_id").alias("template_ids"),
)
#: Buckets on disk; memory holds the lines of one.
_BUCKETS = 128


class SessionTable(Protocol):
    """Makes rows of `records.SESSIONS_SCHEMA`."""

    def add(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take in lines; gives the sessions that are complete."""
        ...

    def finish(self) -> Iterator[pl.DataFrame]:
        """The sessions that were still open."""
        ...


def session_table(settings: SessionParams, contiguous: bool, folder: Path) -> SessionTable:
    """The table that fits ``parse.sessions``.

    Args:
        settings: the params section ``parse.sessions``.
        contiguous: as the assigner says.
        folder: is made if it is needed, for what does not fit into memory.
    """
    if not contiguous:
        return Scattered(folder)
    return Windows(settings.lines if settings.kind == "lines" and settings.remainder == "drop" else 0)


class Windows:
    """Sessions whose lines follow each other, given out as soon as they are complete.

    Args:
        whole: a last session of fewer lines than this is dropped; 0 keeps all.
    """

    def __init__(self, whole: int = 0) -> None:
        self._whole = whole
        self._open: list[pl.DataFrame] = []

    def add(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take in lines; gives the sessions that are complete."""
        if lines.is_empty():
            return SESSIONS_SCHEMA.to_frame()
        lines = pl.concat([*self._open, lines.select(_COLUMNS)])
        last = lines["session"] == lines["session"].last()
        self._open = [lines.filter(last)]
        return _rows(lines.filter(~last))

    def finish(self) -> Iterator[pl.DataFrame]:
        """The session that was still open."""
        if self._open:
            yield _rows(pl.concat(self._open)).filter(pl.col("lines") >= self._whole)


class Scattered:
    """Sessions whose lines may lie anywhere, in the order of their first lines; complete at the end of the log only.

    Many lines are sorted into buckets on disk by their session. Memory holds one bucket, the longest session, and a few
    bytes for each session.

    Args:
        folder: for the buckets; it is made when it is needed, and left to who named it.
        max_lines: in memory.
    """

    def __init__(self, folder: Path, max_lines: int = 2**20) -> None:
        self._folder, self._max_lines = folder, max_lines
        self._waiting: list[pl.DataFrame] = []
        self._held = self._seen = 0
        self._buckets: dict[int, pa.RecordBatchStreamWriter] = {}

    def add(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Take in lines; no session is complete."""
        # A line with several keys has a row for each, so the line's number alone would not tell the sessions' order.
        place = pl.int_range(self._seen, self._seen + lines.height).alias("place")
        self._waiting.append(lines.select(*_COLUMNS, place))
        self._seen += lines.height
        self._held += lines.height
        if self._held >= self._max_lines:
            self._spill()
        return SESSIONS_SCHEMA.to_frame()

    def finish(self) -> Iterator[pl.DataFrame]:
        """All sessions."""
        if not self._buckets:
            if self._waiting:
                yield _rows(pl.concat(self._waiting))
            return
        self._spill()
        buckets = [self._sessions(number) for number in list(self._buckets)]
        order = pl.concat([_frame(bucket.select(["place", "lines"])) for bucket in buckets]).sort("place")
        together = order.group_by(pl.col("lines").cum_sum() // self._max_lines, maintain_order=True)
        begin = 0
        for end in together.agg(pl.col("place").last() + 1)["place"]:
            rows = pl.concat([_frame(_between(bucket, begin, end)) for bucket in buckets]).sort("place")
            yield rows.select(SESSIONS_SCHEMA.names())
            begin = end

    def _spill(self) -> None:
        """Append the waiting lines to their buckets."""
        if not self._waiting:
            return
        self._folder.mkdir(exist_ok=True)
        lines = pl.concat(self._waiting).with_columns(bucket=pl.col("session").hash() % _BUCKETS)
        self._waiting, self._held = [], 0
        for (number,), found in lines.partition_by("bucket", as_dict=True, include_key=False).items():
            table = found.to_arrow(compat_level=pl.CompatLevel.oldest())
            if number not in self._buckets:
                compressed = pa.ipc.IpcWriteOptions(compression="lz4")
                self._buckets[number] = pa.ipc.new_stream(self._lines(number), table.schema, options=compressed)
            self._buckets[number].write_table(table)

    def _sessions(self, number: int) -> pa.Table:
        """The sessions of a bucket, on disk, in the order of the ``place`` of their first lines."""
        self._buckets.pop(number).close()
        with pa.ipc.open_stream(self._lines(number)) as stream:
            lines = _frame(stream.read_all())
        table = _rows(lines, pl.col("place").first()).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._lines(number).unlink()
        path = self._folder / f"{number}.sessions"
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
        # Mapped, not read: the system takes the pages that are asked for.
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    def _lines(self, number: int) -> Path:
        return self._folder / f"{number}.lines"


def _rows(lines: pl.DataFrame, *more: pl.Expr) -> pl.DataFrame:
    """The columns of `records.SESSIONS_SCHEMA`, then those of ``more``."""
    sessions = lines.group_by("session", maintain_order=True).agg(*_AGGREGATES, *more)
    sessions = sessions.with_columns(split=pl.lit(None, pl.String))
    return sessions.select(*SESSIONS_SCHEMA, pl.exclude(*SESSIONS_SCHEMA)).cast(SESSIONS_SCHEMA)


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))


def _between(bucket: pa.Table, begin: int, end: int) -> pa.Table:
    """The sessions whose place is in [begin, end)."""
    places = _frame(bucket.select(["place"]))["place"]
    first, last = places.search_sorted(pl.Series([begin, end]))
    return bucket.slice(first, last - first)
