"""Records of several lines: stack traces, and the pieces into which a container runtime cuts a long line."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

#: How a line begins that goes on with the record before: indented, or a line of a stack trace.
CONTINUES = (
    r"^(?:[ \t]|at |\.\.\. [0-9]+ more|Caused by: |Suppressed: |Traceback \(|During handling of |The above exception |"
    r"[A-Za-z_][A-Za-z0-9_.$]*(?:Error|Exception|Warning|Interrupt|Exit)(?::|$)|goroutine [0-9]|[)\]}]+[,;]?$)"
)
#: A record that is still open is kept back for the next batch, if it has no more lines than this.
_HOLD_LINES = 10_000


class Joined(NamedTuple):
    """What became of a batch of lines.

    Attributes:
        records: the lines that begin a record, with the text of those that go on with it.
        rejected: ``line`` and ``raw`` of lines that neither fit the format nor go on with a record.
        joined: number of lines that went into the record before them.
    """

    records: pl.DataFrame
    rejected: pl.DataFrame
    joined: int


class Joiner:
    """Joins the lines of a record across batches.

    Args:
        hold: keep the last record of a batch until the next one shows that it is complete.
        limit: bytes of a joined message, about; what lies behind is left out.
    """

    def __init__(self, hold: bool, limit: int) -> None:
        self._hold, self._limit = hold, limit
        self._open: pl.DataFrame | None = None

    def part(self, lines: pl.DataFrame) -> Joined:
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
        fits, goes_on = lines["message"].is_not_null(), lines["goes_on"].fill_null(False)
        if not fits.all() or goes_on.any():
            lines, rejected = self._sort_out(lines, fits, goes_on)
        else:
            rejected = lines.clear().select("line", "raw")
            lines = lines.with_columns(begins=True, space=True)
        if self._hold:
            last = int(lines["begins"].arg_true()[-1]) if lines["begins"].any() else 0
            if lines.height - last <= _HOLD_LINES:
                self._open = lines.slice(last).drop("begins", "space")
                lines = lines.slice(0, last)
        records, joined = self._merge(lines)
        return Joined(records, rejected, joined)

    def finish(self) -> Joined | None:
        """The record that was kept back, if there is one."""
        if self._open is None:
            return None
        lines, self._open = self._open, None
        fits, goes_on = lines["message"].is_not_null(), lines["goes_on"].fill_null(False)
        lines, rejected = self._sort_out(lines, fits, goes_on)
        records, joined = self._merge(lines)
        return Joined(records, rejected, joined)

    def _sort_out(self, lines: pl.DataFrame, fits: pl.Series, goes_on: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The lines of records with ``begins`` and ``space`` (from what is before), and the rejected ones."""
        piece = goes_on.shift(1, fill_value=False)
        begins = fits & ~piece
        continues = ~begins & (piece | lines["raw"].str.contains(CONTINUES)) & (begins.cum_sum() > 0)
        lines = lines.with_columns(begins=begins, space=~piece)
        rejected = lines.filter(~(begins | continues)).select("line", "raw")
        return lines.filter(begins | continues), rejected

    def _merge(self, lines: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """One row per record, and the number of lines that went into another."""
        if lines["begins"].all():
            return lines, 0
        text = pl.coalesce("message", pl.col("raw").str.strip_chars())
        added = pl.when(pl.col("space")).then(pl.lit(" ") + text).otherwise(text)
        records = (
            lines.with_columns(text=pl.when(pl.col("begins")).then(text).otherwise(added))
            .group_by(pl.col("begins").cum_sum().alias("record"), maintain_order=True)
            .agg(pl.exclude("text").first(), pl.col("text").str.join("").str.slice(0, self._limit))
        )
        return records.with_columns(message="text").drop("record", "text"), lines.height - records.height
