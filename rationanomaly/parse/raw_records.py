"""Records whose text has line breaks before a format can read it: quoted fields of CSV, elements of XML.

Their format tells how a record's first line begins (`formats.Format.begins`) and of what a record has an even number
(`formats.Format.pairs`). The lines that follow until it is even, or another record begins, are put behind the first,
line breaks and all, and read as one text. `joining` joins what is left: lines that are read as such.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.parse.formats import Format
from rationanomaly.parse.lines import Counts

_LINE_BREAK = "\n"
_HELD = pl.Schema({"line": pl.Int64(), "raw": pl.String()})


class RawJoiner:
    """Puts the lines of such records together across batches; the lines of any other format pass as they are.

    Args:
        hold: keep what a batch has of its last record until the remainder comes.
        limit: characters of a record's text; what lies behind is left out.
        counts: of the log; its ``joined_lines`` grow by those that went into the record before them.
    """

    def __init__(self, hold: bool, limit: int, counts: Counts) -> None:
        self._hold, self._limit, self._counts = hold, limit, counts
        self._held: pl.DataFrame | None = None
        self._arrived = 0.0

    @property
    def held(self) -> tuple[int, str] | None:
        """Number of the first line and text of what is kept back; None if there is nothing."""
        return None if self._held is None else self._held.row(0)

    def restore(self, held: tuple[int, str] | None, now: float) -> None:
        """Keep back what another joiner did (`held`), as if it had come ``now``."""
        self._held = None if held is None else pl.DataFrame([tuple(held)], schema=_HELD, orient="row")
        self._arrived = now

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
        self._held, self._arrived = None, now
        last = records.tail(1)
        if not self._hold or not _is_open(last["raw"].item(), form, self._limit):
            return records
        self._held = last
        return records.head(records.height - 1)

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
    record = record_numbers(lines["raw"], form, limit)
    if record.n_unique() == lines.height:
        return lines
    text = pl.col("raw").str.join(_LINE_BREAK).str.slice(0, limit)
    return lines.group_by(record.alias("record"), maintain_order=True).agg(pl.col("line").first(), text).drop("record")


def record_numbers(raw: pl.Series, form: Format, limit: int) -> pl.Series:
    """A number for each line: one for all lines of a record, its own for a line that is part of none.

    Args:
        raw: the lines.
        form: a format whose records have line breaks.
        limit: characters of a text from which on nothing tells its end but the next record.
    """
    begins, pairs = str(form.begins), str(form.pairs)
    number = pl.col("raw").str.contains(begins).cast(pl.Int64).cum_sum()
    is_whole = pl.col("raw").str.len_chars() < limit
    count = pl.when(is_whole).then(pl.col("raw").str.count_matches(pairs)).otherwise(None)
    lines = raw.to_frame("raw").select(number=number, count=count)
    is_even = (pl.col("count").cum_sum() % 2 == 0) & (pl.col("count").is_null().cum_sum() == 0)
    is_part = (pl.col("number") > 0) & ~is_even.cum_max().shift(1, fill_value=False).over("number")
    own = -pl.int_range(1, 1 + pl.len(), dtype=pl.Int64)
    return lines.select(pl.when(is_part).then("number").otherwise(own)).to_series()


def _is_open(text: str, form: Format, limit: int) -> bool:
    """Whether the lines that follow a text are part of the same record."""
    return record_numbers(pl.Series([text, ""]), form, limit).n_unique() == 1
