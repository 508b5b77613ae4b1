"""Logs of any format as frames of records: the lines found, cleaned, read by their format and joined."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, cast

import polars as pl

from rationanomaly import progress
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.detection import SAMPLE, SAMPLE_BYTES, detect
from rationanomaly.parse.file_order import pieces_in_time_order
from rationanomaly.parse.formats import FIELDS, NAME_IT, Format
from rationanomaly.parse.joining import Joined, Joiner
from rationanomaly.parse.lines import Counts, split_lines
from rationanomaly.parse.raw_records import RawJoiner
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
        self._source = Source(path, settings.max_expansion, pieces, settings.hold_seconds, settings.max_line_bytes)
        self._format = None if format_name == AUTO else formats.find(format_name, settings)
        self._redactor = Redactor(settings.redact, settings.redact_patterns)
        #: First lines of a container whose messages have shown no format yet.
        self._sample: pl.DataFrame | None = None
        self._fitted = False
        self._shard, self._is_all = shard, pieces is None
        self._clock: Clock | None = None

    @property
    def format(self) -> Format:
        """The format; detected once the first batch has been asked for."""
        if self._format is None:
            raise InputError("its format is not known yet", file=self._path)
        return self._format

    def __iter__(self) -> Iterator[pl.DataFrame]:
        started = time.monotonic()
        for piece in self._ordered_pieces():
            joiner, raw = self._new_joiners()
            frames = split_lines(self._source.chunks(piece), self._settings.max_line_bytes, self.counts)
            # How live lines come in batches is left to chance, so there is no waiting for a full sample.
            is_sampled = self._format is None and not self._source.live
            for lines in first_together(frames, SAMPLE) if is_sampled else frames:
                if lines.height:
                    yield from self._records(piece.file, lines, joiner, raw)
                if self._source.live:
                    yield from self._expire(joiner, raw, time.monotonic() - self._settings.hold_seconds)
                rate = self.counts.lines / max(time.monotonic() - started, 1e-9)
                progress.report("reading", self._source.position, self._source.size, "bytes", {"lines/s": rate})
            if (rows := raw.finish()) is not None:
                yield from self._read(rows, joiner, 0.0)
            if (last := joiner.finish()) is not None:
                yield from self._finish(last)
        self._report_files()
        filled = self.counts.lines > self.counts.empty_lines
        if self._is_all and self._format is not None and filled and not self._fitted:
            _no_line_fits(self._path, self._format.name, self._settings)
        # Without a line there is no telling the format of a shard either.
        if self._shard is None or self._format is None:
            name = None if self._format is None else self._format.name
            check_counts(self._path, name, self.counts, self._settings)

    def _ordered_pieces(self) -> Sequence[Piece]:
        """The pieces as they are to be read: of whole files, the oldest first."""
        pieces = self._source.pieces
        return pieces_in_time_order(pieces, self._format, self._settings) if self._is_all else pieces

    def _new_joiners(self) -> tuple[Joiner, RawJoiner]:
        live, limit = self._source.live, self._settings.max_line_bytes
        hold = not live or self._settings.hold_seconds > 0
        joiner = Joiner(hold=hold, limit=limit, form=self._format, ordered=not live)
        return joiner, RawJoiner(hold, limit, self.counts)

    def _report_files(self) -> None:
        self.counts.converted_files = self._source.converted
        self.counts.cut_lines += self._source.cut
        self.counts.truncated_files = self._source.truncated
        if self._source.truncated:
            logger.warning("%s: %d files break off; what they hold is used", self._path, self._source.truncated)

    def _records(self, file: Path, lines: pl.DataFrame, joiner: Joiner, raw: RawJoiner) -> Iterator[pl.DataFrame]:
        lines = self._redactor.redact(lines)
        form = joiner.form = self._choose_format(file, lines)
        found = lines.height
        lines = form.without_headers(lines)
        self.counts.empty_lines += found - lines.height
        if form.expand is not None:
            found = lines.height
            lines = form.expand(lines)
            self.counts.added_records += lines.height - found
        now = time.monotonic()
        lines = raw.join(lines, form, now) if self._settings.multiline and lines.height else lines
        if not lines.height:
            return
        yield from self._read(lines, joiner, now)
        if not self._fitted and self.counts.lines >= SAMPLE and not self._shard:
            _no_line_fits(file, form.name, self._settings)

    def _read(self, lines: pl.DataFrame, joiner: Joiner, now: float) -> Iterator[pl.DataFrame]:
        """Read lines that came at some time by the format of the joiner, and join them."""
        fields = cast(Format, joiner.form).read(lines)
        self._fitted = self._fitted or fields["message"].null_count() < fields.height
        read = lines.hstack(fields)
        yield from self._finish(joiner.join(read, now) if self._settings.multiline else joiner.split(read))

    def _expire(self, joiner: Joiner, raw: RawJoiner, since: float) -> Iterator[pl.DataFrame]:
        """Give out the records that have been kept back since some time."""
        if (rows := raw.expire(since)) is not None:
            # It has waited long enough: what keeps back records of whole lines gives it out as well.
            yield from self._read(rows, joiner, since)
        if (late := joiner.expire(since)) is not None:
            yield from self._finish(late)

    def _choose_format(self, file: Path, lines: pl.DataFrame) -> Format:
        """The format; that of a container's messages is looked for as long as the first live lines do not tell it."""
        if self._format is None:
            self._format = detect_format(lines["raw"], self._settings, file)
            self._sample = lines.clear() if self._source.live and is_container(self._format, lines) else None
        elif self._sample is None:
            return self._format
        if self._sample is not None:
            self._sample = pl.concat([self._sample, lines])
            self._format = with_inner(self._format, self._sample["raw"], self._settings, file)
            undecided = self._format.inner is None and self._sample.height < SAMPLE
            self._sample = self._sample if undecided else None
        return self._format

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
        self._clock = self._clock or Clock(self._settings.year)
        records = self._clock.set_right(records)
        self.counts.clock_jumps = self._clock.jumps
        return records


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


def detect_format(raw: pl.Series, settings: ParseParams, file: Path) -> Format:
    """The format of lines, and where it is that of a container, the one that most of its messages have.

    Args:
        raw: the first lines.
        settings: the params section ``parse``.
        file: where they come from, for the error.

    Raises:
        InputError: no format fits.
    """
    found = detect(raw, settings, file)
    logger.info("%s: format %s", file, found)
    return with_inner(found.format, raw, settings, file)


def with_inner(form: Format, raw: pl.Series, settings: ParseParams, file: Path) -> Format:
    """A container's format with the one that most of its messages have; any other format as it is.

    Args:
        form: the format of the lines.
        raw: the first lines.
        settings: the params section ``parse``.
        file: where they come from.
    """
    sample = raw.head(SAMPLE).to_frame("raw")
    if form.inner is not None or not is_container(form, sample):
        return form
    messages = form.read(sample)["message"]
    try:
        inside = detect(messages.filter(messages.str.strip_chars() != ""), settings, file)
    except InputError:
        return form
    if is_container(inside.format, messages.to_frame("raw")):
        return form
    logger.info("%s: format of the messages %s", file, inside)
    return formats.behind(form, inside.format)


def is_container(form: Format, lines: pl.DataFrame) -> bool:
    """Whether most of some lines (column ``raw``) name the stream of a container that they come from."""
    return form.inner is not None or form.read(lines)["stream"].null_count() * 2 < lines.height


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
