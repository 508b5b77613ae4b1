"""The clock of a log: jumps back are counted, and times that name no year get theirs."""

from __future__ import annotations

import logging
from calendar import isleap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl

from rationanomaly.parse.formats.fields import NO_YEAR

logger = logging.getLogger(__name__)

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND
_WEEK, _HALF_A_YEAR = 7 * _DAY, 183 * _DAY


def _new_year(year: int) -> int:
    """The beginning of a year in microseconds since 1970."""
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


#: Of `NO_YEAR`: its beginning, its end, and from where on the days of a common year come one earlier.
_START, _END = _new_year(NO_YEAR), _new_year(NO_YEAR + 1)
_LEAP_DAY, _MARCH = _START + 59 * _DAY, _START + 60 * _DAY
#: Years outside are no log's; a hostile one could reach them line by line, and the end of what a date can say.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000
#: What a clock knows of the records so far.
_STATE = ("jumps", "_year", "_place", "_turned_at", "_last", "_last_names_year", "_warned")


class Clock:
    """Follows the times of records in the order of their lines, and dates those that name no year.

    The first of these gets ``year``. One that is earlier in the year than the last by more than half a year begins the
    next year: December, then January. It was none if the times go from the first week of January back to where they
    stood: a late line of the old year, or a device that had started without knowing the date. A line that names a
    later year, at the same time of year as the one behind it, says its year. In a year without 29 February this day
    becomes 1 March, with a warning that ``parse.year`` can't be right.

    Args:
        year: of the first record whose time names none.

    Attributes:
        jumps: number of records that are earlier than the one before; the turn of a year is none.
    """

    def __init__(self, year: int) -> None:
        self.jumps = 0
        self._year = year
        #: The last time in the year of a record without a year, and that before the year turned.
        self._place: int | None = None
        self._turned_at = _END
        self._last: int | None = None
        self._last_names_year = False
        self._warned = False

    def state(self) -> dict[str, int | bool | None]:
        """What `restore` needs to continue behind the records so far, as JSON values."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: Mapping[str, int | bool | None]) -> None:
        """Continue where `state` was taken."""
        for name in _STATE:
            setattr(self, name, state[name])

    def set_right(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records (column ``time``) with the year that they were written in."""
        micros = records["time"].dt.epoch("us")
        known = micros.drop_nulls()
        if known.is_empty():
            return records
        # A zone may have moved a time out of its year.
        yearless = known.is_between(_START - _DAY, _END + _DAY)
        if yearless.any():
            known = self._date(known, yearless)
            dated = known if known.len() == micros.len() else micros.scatter(micros.is_not_null().arg_true(), known)
            records = records.with_columns(time=dated.cast(records.schema["time"]))
        self.jumps += int((known.diff() < 0).sum()) + (self._last is not None and known[0] < self._last)
        self._last, self._last_names_year = known[-1], not yearless[-1]
        return records

    def _date(self, micros: pl.Series, yearless: pl.Series) -> pl.Series:
        """Times with their years, from such of which some stand in `NO_YEAR`."""
        before = micros.set(yearless, None).shift(1, fill_value=self._last if self._last_names_year else None)
        rows = pl.DataFrame({"place": micros, "named": before}).filter(yearless)
        rows = rows.select("place", before=pl.col("place").shift(1, fill_value=self._place), year=_same_time_of_year())
        rise = rows["place"] - rows["before"]
        # Each great rise may take a year back, so that a line names a later one than the year is then.
        least = self._year - int((rise > _HALF_A_YEAR).sum())
        turns = ((rows["year"] > least) | (rise.abs() > _HALF_A_YEAR)).fill_null(False)
        years = [self._year]
        for place, last, year in rows.filter(turns).iter_rows():
            self._turn(place, last, year)
            years.append(self._year)
        self._place = rows["place"][-1]
        stretch = turns.cum_sum()
        starts = pl.Series([_new_year(year) for year in years]).gather(stretch)
        common = pl.Series([not isleap(year) for year in years]).gather(stretch)
        self._warn(rows["place"], common)
        dated = rows["place"] - _START + starts - _DAY * (common & (rows["place"] >= _MARCH)).cast(pl.Int64)
        return dated if dated.len() == micros.len() else micros.scatter(yearless.arg_true(), dated)

    def _turn(self, place: int, before: int | None, year: int | None) -> None:
        """Set the year of a time at ``place`` in it, behind one at ``before`` or a line that says ``year``."""
        if year is not None and year > self._year:
            self._year, self._turned_at = year, _END
        elif before is None:
            return
        elif place < before - _HALF_A_YEAR:
            self._year, self._turned_at = min(self._year + 1, _LAST_YEAR), before
        elif place > before + _HALF_A_YEAR and before < _START + _WEEK and place >= self._turned_at - _WEEK:
            self._year, self._turned_at = max(self._year - 1, _FIRST_YEAR), _END

    def _warn(self, places: pl.Series, common: pl.Series) -> None:
        if not self._warned and (common & places.is_between(_LEAP_DAY, _MARCH, closed="left")).any():
            self._warned = True
            logger.warning("29 February in a year that has none is taken for 1 March: is parse.year right?")


def _same_time_of_year() -> pl.Expr:
    """The year of a time at ``place`` in it that lies within a week of ``named``; null: there is none, or no year's."""
    time = pl.col("named").cast(pl.Datetime("us", "UTC"))
    year, apart = time.dt.year(), pl.col("place") - time.dt.replace(year=NO_YEAR).dt.epoch("us")
    length = _END - _START
    near = [pl.when((apart + years * length).abs() <= _WEEK).then(year + years) for years in (0, 1, -1)]
    return pl.when(year.is_between(_FIRST_YEAR, _LAST_YEAR - 1)).then(pl.coalesce(near))
