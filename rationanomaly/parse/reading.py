"""Logs of any format as frames of records: the lines found, cleaned, read by their format and joined."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from rationanomaly import progress
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.detection import detect
from rationanomaly.parse.formats import FIELDS, Format
from rationanomaly.parse.joining import Joiner
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.source import Source

logger = logging.getLogger(__name__)

AUTO = "auto"
#: Receives the rejected lines of a batch: ``line`` and ``raw``.
Rejects = Callable[[pl.DataFrame], None]
_DAY = 86_400_000_000


class LogReader:
    """Iterates once over the records of a log, in batches: ``line``, then the columns of `formats.FIELDS`.

    Args:
        path: a file, plain or compressed, a glob, or `source.STDIN`.
        format_name: name of a format, or ``auto``; an explicit one always wins.
        settings: the params section ``parse``.
        counts: is filled on the way; the line numbers go on from it.
        rejects: receives the lines that fit no record of the format.

    Raises:
        InputError: missing or empty file, no format fits, or a larger share of lines than ``max_rejected_share``
            does not fit the format.
        ParamsError: no such format.
    """

    def __init__(
        self,
        path: Path,
        format_name: str,
        settings: ParseParams,
        counts: Counts | None = None,
        rejects: Rejects | None = None,
    ) -> None:
        self.counts = counts or Counts()
        self._path, self._settings, self._rejects = path, settings, rejects
        self._source = Source(path, settings.max_expansion)
        self._format = None if format_name == AUTO else formats.find(format_name, settings)
        self._redactor = Redactor(settings.redact, settings.redact_patterns)
        self._last_time: int | None = None
        self._years = 0

    @property
    def format(self) -> Format:
        """The format; detected once the first batch has been asked for."""
        if self._format is None:
            raise InputError("its format is not known yet", file=self._path)
        return self._format

    def __iter__(self) -> Iterator[pl.DataFrame]:
        started = time.monotonic()
        for file in self._source.files:
            joiner = Joiner(hold=not self._source.live, limit=self._settings.max_line_bytes)
            chunks = self._source.chunks(file)
            for lines in split_lines(chunks, self._settings.max_line_bytes, self.counts):
                if lines.height:
                    yield from self._records(file, lines, joiner)
                rate = self.counts.lines / max(time.monotonic() - started, 1e-9)
                progress.report("reading", self._source.position, self._source.size, "bytes", {"lines/s": rate})
            last = joiner.finish()
            if last.height:
                yield self._finish(last)
        self.counts.truncated_files = self._source.truncated
        if self._source.truncated:
            logger.warning("%s: %d files break off; what they hold is used", self._path, self._source.truncated)
        self._check()

    def _records(self, file: Path, lines: pl.DataFrame, joiner: Joiner) -> Iterator[pl.DataFrame]:
        lines = self._redactor.redact(lines)
        if self._format is None:
            found = detect(lines["raw"], self._settings, file)
            logger.info(
                "%s: format %s, %.0f %% of the first lines fit", file, found.format.name, found.confidence * 100
            )
            self._format = found.format
        fields = self._format.read(lines)
        if self.counts.records == 0 and not fields["message"].is_not_null().any():
            _no_line_fits(file, self._format.name, int(lines["line"][0]), self._settings)
        read = lines.hstack(fields)
        records, rejected, joined = joiner.join(read) if self._settings.multiline else joiner.part(read)
        self.counts.joined_lines += joined
        if rejected.height:
            self.counts.rejects += rejected.height
            if self._rejects is not None:
                self._rejects(rejected)
        if records.height:
            yield self._finish(records)

    def _finish(self, records: pl.DataFrame) -> pl.DataFrame:
        """Count, put years right, and give the columns their final order."""
        self.counts.records += records.height
        records = records.select("line", *(pl.col(name).cast(kind) for name, kind in FIELDS.items()))
        return self._watch_clock(records)

    def _watch_clock(self, records: pl.DataFrame) -> pl.DataFrame:
        """Count jumps back; where lines name no year, a jump back of more than half a year begins the next one."""
        micros = records["time"].dt.epoch("us").forward_fill()
        if micros.null_count() == micros.len():
            return records
        before = micros.shift(1).fill_null(self._last_time if self._last_time is not None else micros.drop_nulls()[0])
        back = (micros - before).fill_null(0)
        self._last_time = int(micros[-1])
        self.counts.clock_jumps += int((back < 0).sum())
        if self.format.names_year:
            return records
        years = (back < -183 * _DAY).cum_sum() + self._years
        self._years = int(years[-1])
        self.counts.clock_jumps -= int((back < -183 * _DAY).sum())
        moved = pl.col("time").dt.offset_by(pl.format("{}y", years))
        return records.with_columns(moved) if self._years else records

    def _check(self) -> None:
        """At the end: was there anything, and did enough of it fit?"""
        counts, limit = self.counts, self._settings.max_rejected_share
        filled = counts.lines - counts.empty_lines
        if filled == 0:
            raise InputError("holds no line", file=self._path, mend="Correct data.logs")
        share = counts.rejects / filled
        if share > limit:
            problem = f"{counts.rejects} of {filled} lines do not fit the format {self.format.name} "
            problem += f"({share:.0%}, allowed {limit:.0%})"
            raise InputError(problem, file=self._path, mend="Correct data.format, or raise parse.max_rejected_share")


def _no_line_fits(file: Path, name: str, line: int, settings: ParseParams) -> None:
    known = ", ".join([*formats.formats(settings), AUTO])
    raise InputError(f"no line fits the format {name}", file=file, line=line, mend=f"Set data.format to one of {known}")
