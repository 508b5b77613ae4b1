"""Logs of any format as frames of records: the lines found, cleaned, read by their format and joined."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import polars as pl

from rationanomaly import progress
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.detection import SAMPLE, detect
from rationanomaly.parse.formats import FIELDS, NAME_IT, Format
from rationanomaly.parse.joining import Joined, Joiner
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.source import Piece, Source

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
        counts: is filled on the way; the line numbers continue from it.
        rejects: receives the lines that fit no record of the format.
        shard: place of what is read among the shards of a log; clock and checks of the counts are then left to who sees
            the whole. None: all is read here.
        pieces: what is to be read of the log; None: all.

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
        shard: int | None = None,
        pieces: Sequence[Piece] | None = None,
    ) -> None:
        self.counts = counts or Counts()
        self._path, self._settings, self._rejects = path, settings, rejects
        self._source = Source(path, settings.max_expansion, pieces)
        self._format = None if format_name == AUTO else formats.find(format_name, settings)
        self._redactor = Redactor(settings.redact, settings.redact_patterns)
        self._fitted = False
        self._shard = shard
        self._clock: Clock | None = None

    @property
    def format(self) -> Format:
        """The format; detected once the first batch has been asked for."""
        if self._format is None:
            raise InputError("its format is not known yet", file=self._path)
        return self._format

    def __iter__(self) -> Iterator[pl.DataFrame]:
        started = time.monotonic()
        for piece in self._source.pieces:
            joiner = Joiner(hold=not self._source.live, limit=self._settings.max_line_bytes)
            chunks = self._source.chunks(piece)
            for lines in split_lines(chunks, self._settings.max_line_bytes, self.counts):
                if lines.height:
                    yield from self._records(piece.file, lines, joiner)
                rate = self.counts.lines / max(time.monotonic() - started, 1e-9)
                progress.report("reading", self._source.position, self._source.size, "bytes", {"lines/s": rate})
            if (last := joiner.finish()) is not None:
                yield from self._finish(last)
        self.counts.truncated_files = self._source.truncated
        if self._source.truncated:
            logger.warning("%s: %d files break off; what they hold is used", self._path, self._source.truncated)
        # Without a line there is no telling the format of a shard either.
        if self._shard is None or self._format is None:
            name = None if self._format is None else self._format.name
            check_counts(self._path, name, self.counts, self._settings)

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
        if not self._fitted and self.counts.lines >= SAMPLE and not self._shard:
            _no_line_fits(file, self._format.name, self._settings)
        read = lines.hstack(fields)
        yield from self._finish(joiner.join(read) if self._settings.multiline else joiner.split(read))

    def _finish(self, found: Joined) -> Iterator[pl.DataFrame]:
        """Count, pass the rejected lines on, put the clock right, and give the columns their final order."""
        self.counts.records += found.records.height
        self.counts.joined_lines += found.joined
        self.counts.rejects += found.rejected.height
        if found.rejected.height and self._rejects is not None:
            self._rejects(found.rejected)
        if found.records.height:
            found_records = found.records.select("line", *FIELDS)
            yield self._set_clock(found_records) if self._shard is None else found_records

    def _set_clock(self, records: pl.DataFrame) -> pl.DataFrame:
        self._clock = self._clock or Clock(self.format.names_year)
        records = self._clock.set_right(records)
        self.counts.clock_jumps = self._clock.jumps
        return records


def check_counts(log: Path | str, format_name: str | None, counts: Counts, settings: ParseParams) -> None:
    """Refuse a log that holds nothing, or of which too little fits.

    Args:
        log: names it in the error.
        format_name: None if no line has shown the format.
        counts: of the whole log.
        settings: the params section ``parse``.

    Raises:
        InputError: no line, none that fits, or a larger share than ``max_rejected_share`` that does not.
    """
    filled = counts.lines - counts.empty_lines
    if not filled or format_name is None:
        raise InputError("holds no line", file=log, hint="Name a log that holds lines")
    if not counts.records:
        _no_line_fits(log, format_name, settings)
    share = counts.rejects / filled
    if share > settings.max_rejected_share:
        problem = f"{counts.rejects} of {filled} lines do not fit the format {format_name} "
        problem += f"({share:.0%}, allowed {settings.max_rejected_share:.0%})"
        raise InputError(problem, file=log, hint=f"{NAME_IT}, or raise parse.max_rejected_share")


def _no_line_fits(log: Path | str, format_name: str, settings: ParseParams) -> NoReturn:
    known = ", ".join([*formats.formats(settings), AUTO])
    problem = f"no line fits the format {format_name}"
    raise InputError(problem, file=log, line=1, hint=f"{NAME_IT}, one of {known}")
