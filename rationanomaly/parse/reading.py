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
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.detection import SAMPLE, detect
from rationanomaly.parse.formats import FIELDS, Format
from rationanomaly.parse.joining import Joined, Joiner
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.source import Source

logger = logging.getLogger(__name__)

AUTO = "auto"
#: Receives the rejected lines of a batch: ``line`` and ``raw``.
Rejects = Callable[[pl.DataFrame], None]


class LogReader:
    """Iterates once over the records of a log, in batches: ``line``, then the columns of `formats.FIELDS`.

    Args:
        path: a file, plain or compressed, a glob, or `source.STDIN`.
        format_name: name of a format, or ``auto``; an explicit one always wins.
        settings: the params section ``parse``.
        counts: is filled on the way; the line numbers go on from it.
        rejects: receives the lines that fit no record of the format.
        part: only a part of a log is read; clock and share of rejected lines are left to who sees the whole.

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
        part: bool = False,
    ) -> None:
        self.counts = counts or Counts()
        self._path, self._settings, self._rejects = path, settings, rejects
        self._source = Source(path, settings.max_expansion)
        self._format = None if format_name == AUTO else formats.find(format_name, settings)
        self._redactor = Redactor(settings.redact, settings.redact_patterns)
        self._fitted = False
        self._part = part
        self._clock: Clock | None = None

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
            if (last := joiner.finish()) is not None:
                yield from self._finish(last)
        self.counts.truncated_files = self._source.truncated
        if self._source.truncated:
            logger.warning("%s: %d files break off; what they hold is used", self._path, self._source.truncated)
        if self.counts.lines == self.counts.empty_lines:
            raise InputError("holds no line", file=self._path, mend="Correct data.logs")
        if not self._fitted:
            self._no_line_fits(self._path)
        if not self._part:
            check_rejects(self._path, self.format.name, self.counts, self._settings.max_rejected_share)

    def _records(self, file: Path, lines: pl.DataFrame, joiner: Joiner) -> Iterator[pl.DataFrame]:
        lines = self._redactor.redact(lines)
        if self._format is None:
            found = detect(lines["raw"], self._settings, file)
            logger.info(
                "%s: format %s, %.0f %% of the first lines fit", file, found.format.name, found.confidence * 100
            )
            self._format = found.format
        fields = self._format.read(lines)
        self._fitted = self._fitted or fields["message"].null_count() < fields.height
        if not self._fitted and self.counts.lines >= SAMPLE:
            self._no_line_fits(file)
        read = lines.hstack(fields)
        yield from self._finish(joiner.join(read) if self._settings.multiline else joiner.part(read))

    def _finish(self, found: Joined) -> Iterator[pl.DataFrame]:
        """Count, pass the rejected lines on, put the clock right, and give the columns their final order."""
        self.counts.records += found.records.height
        self.counts.joined_lines += found.joined
        self.counts.rejects += found.rejected.height
        if found.rejected.height and self._rejects is not None:
            self._rejects(found.rejected)
        if found.records.height:
            found_records = found.records.select("line", *FIELDS)
            yield found_records if self._part else self._set_clock(found_records)

    def _set_clock(self, records: pl.DataFrame) -> pl.DataFrame:
        self._clock = self._clock or Clock(self.format.names_year)
        records = self._clock.set_right(records)
        self.counts.clock_jumps = self._clock.jumps
        return records

    def _no_line_fits(self, file: Path) -> None:
        known = ", ".join([*formats.formats(self._settings), AUTO])
        problem = f"no line fits the format {self.format.name}"
        raise InputError(problem, file=file, line=1, mend=f"Set data.format to one of {known}")


def check_rejects(log: Path | str, format_name: str, counts: Counts, limit: float) -> None:
    """Refuse a log of which too little fits.

    Raises:
        InputError: a larger share than ``limit`` of the lines does not fit.
    """
    filled = counts.lines - counts.empty_lines
    share = counts.rejects / max(filled, 1)
    if share > limit:
        problem = f"{counts.rejects} of {filled} lines do not fit the format {format_name} "
        problem += f"({share:.0%}, allowed {limit:.0%})"
        raise InputError(problem, file=log, mend="Correct data.format, or raise parse.max_rejected_share")
