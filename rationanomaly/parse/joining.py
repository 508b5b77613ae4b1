"""Records of several lines: stack traces, and the pieces into which a container runtime cuts a long line."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

#: How a line begins that continues the record before: indented, or a line of a stack trace.
CONTINUES = (
    r"^(?:[ \t]|at |\.\.\. [0-9]+ more|Caused by: |Suppressed: |Traceback \(|During handling of |The above exception |"
    r"[A-Za-z_][A-Za-z0-9_.$]*(?:Error|Exception|Warning|Interrupt|Exit)(?::|$)|goroutine [0-9]|[)\]}]+[,;]?$)"
)
#: Lines of a record whose text is kept; further ones are joined to it, and say nothing.
_MAX_LINES = 10_000
_TEXT, _NOTHING = pl.coalesce("message", pl.col("raw").str.strip_chars()), pl.lit("")


class Joined(NamedTuple):
    """What became of a batch of lines.

    Attributes:
        records: the lines that begin a record, with the text of those that continue it.
        rejected: ``line`` and ``raw`` of lines that neither fit the format nor continue a record.
        joined: number of lines that went into the record before them.
    """

    records: pl.DataFrame
    rejected: pl.DataFrame
    joined: int


class Joiner:
    """Joins the lines of a record across batches.

    Args:
        hold: keep the last record of a batch until the next one shows that it is complete.
        limit: characters of a joined message; what lies behind is left out.
    """

    def __init__(self, hold: bool, limit: int) -> None:
        self._hold, self._limit = hold, limit
        self._open: pl.DataFrame | None = None

    @property
    def held(self) -> int:
        """Number of lines that are kept back."""
        return 0 if self._open is None else self._open.height

    def split(self, lines: pl.DataFrame) -> Joined:
        """Without joining: every line is a record or rejected."""
        fits = lines["message"].is_not_null()
        return Joined(lines.filter(fits), lines.filter(~fits).select("line", "raw"), 0)

    def join(self, lines: pl.DataFrame) -> Joined:
        """Lines with what their format made of them, joined to records.

        Args:
            lines: ``line``, ``raw`` and the columns of `formats.FIELDS`.
        """
        if self._open is not None:
            lines, self._open = pl.concat([self._open, lines]), None
        lines, rejected = _sort_out(lines)
        passed = 0
        if self._hold:
            last = int(lines["begins"].arg_true()[-1]) if lines["begins"].any() else 0
            self._open, passed = self._shortened(lines.slice(last).drop("begins", "space"))
            lines = lines.slice(0, last)
        records, joined = self._merge(lines)
        return Joined(records, rejected, joined + passed)

    def finish(self) -> Joined | None:
        """The record that was kept back, if there is one."""
        if self._open is None:
            return None
        lines, rejected = _sort_out(self._open)
        self._open = None
        records, joined = self._merge(lines)
        return Joined(records, rejected, joined)

    def _shortened(self, record: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """The lines of one record without those of which nothing is kept, but for the last, and the number of these."""
        if record.height <= 2:
            return record, 0
        text = _TEXT.str.len_chars()
        behind = (text.cum_sum() - text >= self._limit) | (pl.int_range(pl.len()) >= _MAX_LINES)
        kept = record.filter(~behind | (pl.int_range(pl.len()) == record.height - 1))
        return kept, record.height - kept.height

    def _merge(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """One row per record, and the number of lines that went into another."""
        if lines["begins"].all():
            return lines, 0
        added = pl.when(pl.col("space")).then(pl.lit(" ") + _TEXT).otherwise(_TEXT)
        place = pl.int_range(pl.len()).over("record")
        records = (
            lines.with_columns(record=pl.col("begins").cum_sum())
            .with_columns(
                text=pl.when(place == 0).then(_TEXT).when(place < _MAX_LINES).then(added).otherwise(pl.lit(""))
            )
            .group_by("record", maintain_order=True)
            .agg(pl.exclude("text").first(), pl.col("text").str.join("").str.slice(0, self._limit))
        )
        return records.with_columns(message="text").drop("record", "text"), lines.height - records.height


def begins(lines: pl.DataFrame) -> pl.Series:
    """Which of some lines begin a record: they fit the format, and are no piece of the line before."""
    return lines["message"].is_not_null() & ~_pieces(lines)


def _pieces(lines: pl.DataFrame) -> pl.Series:
    """Which lines are the rest of the one before."""
    continues = lines["continues"].fill_null(False) & lines["message"].is_not_null()
    return continues.shift(1, fill_value=False)


def _sort_out(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lines of records with ``begins`` and ``space`` (from what is before), and the rejected ones."""
    first = begins(lines)
    if first.all():
        return lines.with_columns(begins=True, space=True), lines.clear().select("line", "raw")
    piece = _pieces(lines)
    continues = ~first & (piece | lines["raw"].str.contains(CONTINUES)) & (first.cum_sum() > 0)
    lines = lines.with_columns(begins=first, space=~piece)
    rejected = lines.filter(~(first | continues)).select("line", "raw")
    return lines.filter(first | continues), rejected
