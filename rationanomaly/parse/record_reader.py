"""From lines to records, as the lines come: whoever has lines feeds them, and takes the records that are complete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, cast

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.container_format import detect_format, is_container, with_inner
from rationanomaly.parse.detection import SAMPLE
from rationanomaly.parse.formats import FIELDS, NAME_IT, Format
from rationanomaly.parse.joining import Joined, Joiner
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.raw_records import RawJoiner
from rationanomaly.parse.redaction import Redactor

AUTO = "auto"
#: Receives the rejected lines of a batch: ``line`` and ``raw``.
Rejects = Callable[[pl.DataFrame], None]


class RecordReader:
    """Makes records of the lines that it is fed: ``line``, then the columns of `formats.FIELDS`.

    Args:
        form: the format; None: it is detected in the first lines.
        settings: the params section ``parse``.
        counts: of the log, is filled on the way.
        rejects: receives the lines that fit no record of the format.
        live: more lines may come at any time, so that what is there is given out, even if another stream has an older
            record open.
        shard: place among the shards of a log; clock and checks of the counts are then left to who sees the whole.

    Attributes:
        fitted: whether a line has fitted the format.
    """

    def __init__(
        self,
        form: Format | None,
        settings: ParseParams,
        counts: Counts,
        rejects: Rejects | None = None,
        *,
        live: bool = False,
        shard: int | None = None,
    ) -> None:
        self.form, self.fitted, self.counts = form, False, counts
        self._settings, self._rejects, self._live, self._shard = settings, rejects, live, shard
        self._redactor = Redactor(settings.redact, settings.redact_patterns)
        #: First lines of a container whose messages have shown no format yet.
        self._sample: pl.DataFrame | None = None
        self._clock: Clock | None = None
        self.begin()

    def begin(self) -> None:
        """Begin with another file: its lines continue no record of the last one."""
        limit = self._settings.max_line_bytes
        hold = not self._live or self._settings.hold_seconds > 0
        self._joiner = Joiner(hold=hold, limit=limit, form=self.form, ordered=not self._live)
        self._raw = RawJoiner(hold, limit, self.counts)

    def detect(self, file: Path, lines: pl.DataFrame) -> None:
        """Choose the format by some lines, before they are fed.

        Raises:
            InputError: none fits.
        """
        if self.form is None:
            self._choose_format(file, self._redactor.redact(lines))
            self._sample = None if self._sample is None else self._sample.clear()

    def feed(self, file: Path, lines: pl.DataFrame, now: float) -> Iterator[pl.DataFrame]:
        """The records that are complete with some more lines.

        Args:
            file: where they come from, for errors.
            lines: ``line`` and ``raw``, at least one.
            now: when they came, in seconds, for `expire`.

        Raises:
            InputError: no format fits.
        """
        lines = self._redactor.redact(lines)
        form = self._joiner.form = self._choose_format(file, lines)
        found = lines.height
        lines = form.without_headers(lines)
        self.counts.empty_lines += found - lines.height
        if form.expand is not None:
            found = lines.height
            lines = form.expand(lines)
            self.counts.added_records += lines.height - found
        lines = self._raw.join(lines, form, now) if self._settings.multiline and lines.height else lines
        if not lines.height:
            return
        yield from self._read(lines, now)
        if not self.fitted and self.counts.lines >= SAMPLE and not self._shard:
            no_line_fits(file, form.name, self._settings)

    @property
    def is_simple(self) -> bool:
        """Whether nothing of the lines so far has to do with how the next ones are read, and each may be a record."""
        form = self.form
        return (
            form is not None and form.begins is None and form.inner is None and self._sample is None and not self.held
        )

    def read_each(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Lines as the format reads them one by one, for a reader that `is_simple`; it does not notice that.

        Args:
            lines: ``line``, ``raw`` and others, which are kept.

        Returns:
            The lines without ``raw``, with the columns of `formats.FIELDS` and ``is_alone``: whether one is a record,
            whatever stands around it. If all are, `feed` would give the same, but for the clock.
        """
        form = cast(Format, self.form)
        lines = form.without_headers(self._redactor.redact(lines))
        lines = lines if form.expand is None else form.expand(lines)
        read = lines.drop("raw").hstack(form.read(lines))
        is_alone = pl.col("message").is_not_null() & pl.col("stream").is_null() & ~pl.col("continues").fill_null(False)
        return read.with_columns(is_alone=is_alone)

    def expire(self, since: float) -> Iterator[pl.DataFrame]:
        """Give out the records that have been kept back since some time."""
        if (rows := self._raw.expire(since)) is not None:
            # It has waited long enough: what keeps back records of whole lines gives it out as well.
            yield from self._read(rows, since)
        if (late := self._joiner.expire(since)) is not None:
            yield from self._finish(late)

    def finish(self) -> Iterator[pl.DataFrame]:
        """Give out what is kept back: no line follows in this file."""
        if (rows := self._raw.finish()) is not None:
            yield from self._read(rows, 0.0)
        if (last := self._joiner.finish()) is not None:
            yield from self._finish(last)

    @property
    def held(self) -> int:
        """Number of records and of pieces of records that are kept back."""
        return self._joiner.held + (self._raw.held is not None)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to continue behind the lines so far: JSON values, and frames as Arrow bytes."""
        return {
            "format": None if self.form is None else self.form.name,
            "fitted": self.fitted,
            "lines": self.counts.lines,
            "clock": None if self._clock is None else self._clock.state(),
            "joiner": self._joiner.state(),
            "raw": self._raw.held,
        }

    def restore(self, state: dict[str, Any], now: float) -> None:
        """Continue where `state` was taken; what was kept back then has come ``now``."""
        name = state["format"]
        self.form = self.form if name is None else formats.find(name, self._settings)
        self.fitted, self.counts.lines = state["fitted"], state["lines"]
        if state["clock"] is not None:
            self._clock = Clock(self._settings.year)
            self._clock.restore(state["clock"])
        self.begin()
        self._joiner.restore(state["joiner"], now)
        self._raw.restore(state["raw"], now)

    def _read(self, lines: pl.DataFrame, now: float) -> Iterator[pl.DataFrame]:
        """Read lines that came at some time by the format, and join them."""
        fields = cast(Format, self._joiner.form).read(lines)
        self.fitted = self.fitted or fields["message"].null_count() < fields.height
        read = lines.hstack(fields)
        yield from self._finish(self._joiner.join(read, now) if self._settings.multiline else self._joiner.split(read))

    def _choose_format(self, file: Path, lines: pl.DataFrame) -> Format:
        """The format; that of a container's messages is looked for as long as the first live lines do not tell it."""
        if self.form is None:
            self.form = detect_format(lines["raw"], self._settings, file)
            self._sample = lines.clear() if self._live and is_container(self.form, lines) else None
        elif self._sample is None:
            return self.form
        if self._sample is not None:
            self._sample = pl.concat([self._sample, lines])
            self.form = with_inner(self.form, self._sample["raw"], self._settings, file)
            undecided = self.form.inner is None and self._sample.height < SAMPLE
            self._sample = self._sample if undecided else None
        return self.form

    def _finish(self, found: Joined) -> Iterator[pl.DataFrame]:
        """Count, pass the rejected lines on, put the clock right, and give the columns their final order."""
        self.counts.records += found.records.height
        self.counts.joined_lines += found.joined
        self.counts.rejects += found.rejected.height
        if found.rejected.height and self._rejects is not None:
            self._rejects(found.rejected)
        if found.records.height:
            found_records = found.records.select("line", *FIELDS)
            yield self.set_clock(found_records) if self._shard is None else found_records

    def set_clock(self, records: pl.DataFrame) -> pl.DataFrame:
        """Records with the year that they were written in; see `Clock.set_right`."""
        self._clock = self._clock or Clock(self._settings.year)
        records = self._clock.set_right(records)
        self.counts.clock_jumps = self._clock.jumps
        return records


def no_line_fits(log: Path | str, format_name: str, settings: ParseParams) -> NoReturn:
    """Refuse a log of which no line fits the format."""
    known = ", ".join([*formats.formats(settings), AUTO])
    problem = f"no line fits the format {format_name}"
    raise InputError(problem, file=log, line=1, hint=f"{NAME_IT}, one of {known}")
