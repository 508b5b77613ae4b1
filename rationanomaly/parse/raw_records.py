"""Records whose text has line breaks before a format can read it: quoted fields of CSV, elements of XML.

Their format tells how a record's first line begins (`formats.Format.begins`); what follows up to the next such line is
put behind it, line breaks and all, and is read as one text. `joining` joins what is left: lines that are read as such.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.parse.formats import Format
from rationanomaly.parse.lines import Counts

_LINE_BREAK = "\n"


class RawJoiner:
    """Puts the lines of such records together across batches; the lines of any other format pass as they are.

    Args:
        hold: keep the last record of a batch until the next one shows that it is complete.
        limit: characters of a record's text; what lies behind is left out.
        counts: of the log; its ``joined_lines`` grow by those that went into the record before them.
    """

    def __init__(self, hold: bool, limit: int, counts: Counts) -> None:
        self._hold, self._limit, self._counts = hold, limit, counts
        self._held: pl.DataFrame | None = None
        self._arrived = 0.0

    def join(self, lines: pl.DataFrame, form: Format, now: float = 0.0) -> pl.DataFrame:
        """The records that are complete: ``line``, that of the first of their lines, and ``raw``.

        Args:
            lines: ``line`` and ``raw``, at least one.
            form: their format.
            now: when they came, in seconds, for `expire`.
        """
        if form.begins is None:
            return lines
        lines = lines if self._held is None else pl.concat([self._held, lines])
        records = join_raw(lines, form, self._limit)
        self._counts.joined_lines += lines.height - records.height
        if not self._hold:
            return records
        self._held, self._arrived = records.tail(1), now
        return records.head(-1)

    def expire(self, since: float) -> pl.DataFrame | None:
        """The record that has been kept back since some time; None if there is none."""
        return self.finish() if self._arrived <= since else None

    def finish(self) -> pl.DataFrame | None:
        """The record that was kept back; None if there is none."""
        held, self._held = self._held, None
        return held


def join_raw(lines: pl.DataFrame, form: Format, limit: int) -> pl.DataFrame:
    """Lines (``line`` and ``raw``) with those of one record as one text of at most ``limit`` characters."""
    if form.begins is None:
        return lines
    record = record_numbers(lines["raw"], form.begins)
    if record.n_unique() == lines.height:
        return lines
    text = pl.col("raw").str.join(_LINE_BREAK).str.slice(0, limit)
    return lines.group_by(record.alias("record"), maintain_order=True).agg(pl.col("line").first(), text).drop("record")


def record_numbers(raw: pl.Series, begins: str) -> pl.Series:
    """A number for each line: one for all lines of a record, its own for a line before the first record.

    Args:
        raw: the lines.
        begins: see `formats.Format.begins`.
    """
    number = raw.str.contains(begins).cast(pl.Int64).cum_sum()
    return number.zip_with(number > 0, -pl.int_range(1, 1 + raw.len(), eager=True))
