"""The clock of a log: jumps back are counted, and years put right where lines name none."""

from __future__ import annotations

import polars as pl

_HALF_A_YEAR = 183 * 86_400_000_000


class Clock:
    """Follows the times of records in the order of their lines.

    Args:
        names_year: as the format says. If not, a jump back of more than half a year begins the next year.

    Attributes:
        jumps: number of lines that are earlier than the line before; the turn of a year is none.
    """

    def __init__(self, names_year: bool) -> None:
        self.jumps = 0
        self._names_year, self._years = names_year, 0
        self._last: int | None = None

    def set_right(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records (column ``time``) with the year that they were written in."""
        micros = records["time"].dt.epoch("us").forward_fill()
        if micros.null_count() == micros.len():
            return records
        before = micros.shift(1).fill_null(self._last if self._last is not None else micros.drop_nulls()[0])
        back = (micros - before).fill_null(0)
        self._last = int(micros[-1])
        new_year = (back < -_HALF_A_YEAR) & (not self._names_year)
        self.jumps += int(((back < 0) & ~new_year).sum())
        years = new_year.cum_sum() + self._years
        self._years = int(years[-1])
        if not self._years:
            return records
        return records.with_columns(pl.col("time").dt.offset_by(pl.format("{}y", years)))
