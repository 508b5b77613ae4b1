"""Logs of any format as frames of records: the lines found, cleaned, read by their format and joined."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from rationanomaly import progress
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.container_format import detect_format as detect_format
from rationanomaly.parse.detection import SAMPLE, SAMPLE_BYTES
from rationanomaly.parse.file_order import pieces_in_time_order
from rationanomaly.parse.formats import NAME_IT, Format
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.record_reader import AUTO as AUTO
from rationanomaly.parse.record_reader import RecordReader, no_line_fits
from rationanomaly.parse.record_reader import Rejects as Rejects
from rationanomaly.parse.source import Piece, Source, no_line

logger = logging.getLogger(__name__)


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
        self._path, self._settings, self._shard, self._is_all = path, settings, shard, pieces is None
        self._source = Source(path, settings.max_expansion, pieces, settings.hold_seconds, settings.max_line_bytes)
        form = None if format_name == AUTO else formats.find(format_name, settings)
        live = self._source.live
        self._records = RecordReader(form, settings, self.counts, rejects, live=live, shard=shard)

    @property
    def format(self) -> Format:
        """The format; detected once the first batch has been asked for."""
        if self._records.form is None:
            raise InputError("its format is not known yet", file=self._path)
        return self._records.form

    def __iter__(self) -> Iterator[pl.DataFrame]:
        started, records, live = time.monotonic(), self._records, self._source.live
        for piece in self._ordered_pieces():
            records.begin()
            frames = split_lines(self._source.chunks(piece), self._settings.max_line_bytes, self.counts)
            # How live lines come in batches is left to chance, so there is no waiting for a full sample.
            is_sampled = records.form is None and not live
            for lines in first_together(frames, SAMPLE) if is_sampled else frames:
                if lines.height:
                    yield from records.feed(piece.file, lines, time.monotonic())
                if live:
                    yield from records.expire(time.monotonic() - self._settings.hold_seconds)
                rate = self.counts.lines / max(time.monotonic() - started, 1e-9)
                progress.report("reading", self._source.position, self._source.size, "bytes", {"lines/s": rate})
            yield from records.finish()
        self._report_files()
        name = None if records.form is None else records.form.name
        filled = self.counts.lines > self.counts.empty_lines
        if self._is_all and name is not None and filled and not records.fitted:
            no_line_fits(self._path, name, self._settings)
        # Without a line there is no telling the format of a shard either.
        if self._shard is None or name is None:
            check_counts(self._path, name, self.counts, self._settings)

    def _ordered_pieces(self) -> Sequence[Piece]:
        """The pieces as they are to be read: of whole files, the oldest first."""
        pieces = self._source.pieces
        return pieces_in_time_order(pieces, self._records.form, self._settings) if self._is_all else pieces

    def _report_files(self) -> None:
        self.counts.converted_files = self._source.converted
        self.counts.cut_lines += self._source.cut
        self.counts.truncated_files = self._source.truncated
        if self._source.truncated:
            logger.warning("%s: files that break off: %d; what they hold is used", self._path, self._source.truncated)
        if self.counts.cut_lines:
            logger.warning(
                "%s: lines cut to parse.max_line_bytes (%d): %d; what lies behind is not read",
                self._path, self._settings.max_line_bytes, self.counts.cut_lines,
            )  # fmt: skip


def first_together(frames: Iterable[pl.DataFrame], lines: int) -> Iterator[pl.DataFrame]:
    """The frames, the first of them as one of at least so many lines, or of `SAMPLE_BYTES`, where there are as many."""
    frames, first, found, size = iter(frames), list[pl.DataFrame](), 0, 0
    while found < lines and size < SAMPLE_BYTES and (frame := next(frames, None)) is not None:
        first.append(frame)
        found += frame.height
        size += int(frame["raw"].str.len_bytes().sum())
    if first:
        yield pl.concat(first)
    yield from frames


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
        raise no_line(log, counts.truncated_files)
    if not counts.records:
        no_line_fits(log, format_name, settings)
    share = counts.rejects / filled
    if share > settings.max_rejected_share:
        problem = f"{counts.rejects} of {filled} lines do not fit the format {format_name} "
        problem += f"({share:.0%}, allowed {settings.max_rejected_share:.0%})"
        raise InputError(problem, file=log, hint=f"{NAME_IT}, or raise parse.max_rejected_share")
