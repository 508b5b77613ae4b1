"""What several formats do: take a line apart by a regular expression, read times."""

from __future__ import annotations

import re

import polars as pl

from rationanomaly.parse.formats.levels import JAVA, POSTGRESQL, SYSLOG, any_of

#: A column of alert tags holds ``-`` or names in capitals, but none of those that other columns hold.
_ALERT_TAG = r"^(?:-|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*) "
_METHODS = ("GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS")
_NO_ALERT_TAG = rf"^(?:{any_of((*SYSLOG, *JAVA, *POSTGRESQL, *_METHODS))}|[A-Z]) "

#: The year of times that name none, until `clock.Clock` sets theirs: a leap year that no log's times are in.
NO_YEAR = 4

_TIME = pl.Datetime("us", "UTC")
#: ISO 8601 as logs write it: basic or extended, comma or dot, without seconds, the zone behind a space or twice.
_ISO = (
    r"^ *(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})(?:[Tt_]| +)(?<hour>[0-9]{2}):?(?<minute>[0-9]{2})"
    r"(?::?(?<second>[0-9]{2})(?:[.,](?<fraction>[0-9]{1,9})[0-9]*)?)?"
    r" *(?:(?<sign>[+-])(?<hours>[0-9]{2}):?(?<minutes>[0-9]{2})?(?: [A-Z+-][A-Z0-9]{1,4})?|(?<zone>[A-Za-z]{1,5}))?"
    r"(?:\[[A-Za-z/_+0-9-]+\])? *$"
)
#: Zones that mean one thing only, and those of RFC 2822.
ZONES = {
    **dict.fromkeys(("Z", "UT", "UTC", "GMT", "WET"), "+00:00"),
    **{"EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00"},
    **{"PST": "-08:00", "PDT": "-07:00", "BST": "+01:00", "WEST": "+01:00", "CET": "+01:00", "CEST": "+02:00"},
    **{"EET": "+02:00", "EEST": "+03:00", "MSK": "+03:00", "JST": "+09:00", "KST": "+09:00", "AEST": "+10:00"},
}
#: Directives of strptime that read a year: also whole dates, and seconds since 1970.
_YEAR = re.compile(r"%[-_0^#:.]*[0-9]*[YyCGgsDFxcv+]")
#: Those that read a date, with or without its year.
_DATE = re.compile(r"%[-_0^#:.]*[0-9]*[dejDFxcvUWV+s]")
_WEEKDAY = r"(?i)\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[, ]*"


def has_alert_tag(lines: pl.DataFrame) -> pl.Series:
    """Whether lines (column ``raw``) begin with what looks like an alert tag: no level, method or single letter."""
    raw = lines["raw"].str
    return raw.contains(_ALERT_TAG) & ~raw.contains(_NO_ALERT_TAG)


def groups(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """The named groups of ``pattern`` as columns; null in a line that it does not match."""
    return lines.select(pl.col("raw").str.extract_groups(pattern)).unnest("raw")


def iso_time(texts: pl.Expr) -> pl.Expr:
    """ISO 8601 times as UTC; one without a zone is taken for UTC. Null for what is no such time.

    Taken as well: a comma before the fraction, a space for the ``T``, no seconds, and zones such as ``+02``, ``UTC`` or
    ``CET``, also behind a space.
    """
    return texts.map_batches(_read_iso, return_dtype=_TIME, is_elementwise=True)


def yearless_time(texts: pl.Expr, time_format: str) -> pl.Expr:
    """Times that name no year, as UTC of the year `NO_YEAR`; null for what is no such time.

    `clock.Clock`, through which all records go in their order, puts the year in that they were written in. A format
    that gives such times has ``names_year=False``. 29 February is read whatever ``parse.year`` is.

    Args:
        texts: such as ``Feb 29 10:00:00``.
        time_format: of the texts, as of strptime and without a year, such as ``%b %e %H:%M:%S``. A weekday in it is
            passed over.
    """
    if "%a" in time_format.lower():
        # The weekday is that of a year that is not known yet.
        texts, time_format = texts.str.replace(_WEEKDAY, ""), re.sub(r"%[aA][, ]*", "", time_format)
    written = pl.format(f"{NO_YEAR:04} {{}}", texts)
    return written.str.to_datetime(f"%Y {time_format}", time_unit="us", strict=False).dt.replace_time_zone("UTC")


def names_year(time_format: str) -> bool:
    """Whether a format of strptime reads a year."""
    return _YEAR.search(time_format.replace("%%", "")) is not None


def names_date(time_format: str) -> bool:
    """Whether a format of strptime reads a day."""
    return _DATE.search(time_format.replace("%%", "")) is not None


def c_time(texts: pl.Expr) -> pl.Expr:
    """Times as C's ``asctime`` writes them, ``Sun Mar  1 10:00:00 2026``, perhaps with a fraction, as UTC."""
    written = texts.str.replace_all(" +", " ")
    return written.str.to_datetime("%a %b %e %H:%M:%S%.f %Y", time_unit="us", time_zone="UTC", strict=False)


def epoch_micros(texts: pl.Expr, unit: int = 1) -> pl.Expr:
    """So many microseconds, or parts of them by ``unit``, since 1970 as UTC. Null for what is no whole number."""
    return (texts.cast(pl.Int64, strict=False) // unit).cast(_TIME)


def epoch_time(texts: pl.Expr) -> pl.Expr:
    """Seconds, milli-, micro- or nanoseconds since 1970 as UTC, told apart by their size. Null for what is none."""
    number = texts.cast(pl.Float64, strict=False)
    micros = (
        pl.when(number < 1e11)
        .then(number * 1e6)
        .when(number < 1e14)
        .then(number * 1e3)
        .when(number < 1e17)
        .then(number)
        .otherwise(number / 1e3)
    )
    return micros.round().cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC"))


def _read_iso(texts: pl.Series) -> pl.Series:
    """`iso_time`: each way of writing it is tried on what the one before left, the common ones first."""
    times = pl.Series(texts.name, [None], _TIME).new_from_index(0, texts.len())
    for read in (_read_utc, _read_offset, _read_any_iso):
        left = (times.is_null() & texts.is_not_null()).arg_true()
        if left.len():
            times = read(texts) if left.len() == texts.len() else times.scatter(left, read(texts.gather(left)))
    return times


def _read_utc(texts: pl.Series) -> pl.Series:
    plain = _plain(texts).str.replace("(?:Z|[+-]00:?00)$", "")
    return plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")


def _read_offset(texts: pl.Series) -> pl.Series:
    zoned = _plain(texts).str.replace("([+-][0-9]{2})([0-9]{2})$", "$1:$2")
    return zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)


def _plain(texts: pl.Series) -> pl.Series:
    return texts.str.replace(",", ".", literal=True).str.replace(" ", "T", literal=True)


def _read_any_iso(texts: pl.Series) -> pl.Series:
    zone = pl.col("zone").str.to_uppercase().replace_strict(ZONES, default=None, return_dtype=pl.String)
    offset = pl.format("{}{}:{}", "sign", "hours", pl.col("minutes").fill_null("00"))
    named = pl.coalesce(offset, pl.when(pl.col("zone").is_null()).then(pl.lit("+00:00")).otherwise(zone))
    second, fraction = pl.col("second").fill_null("00"), pl.col("fraction").fill_null("0")
    date = pl.col("date").str.replace_all("-", "", literal=True)
    written = pl.format("{}T{}{}{}.{}{}", date, "hour", "minute", second, fraction, named)
    parts = texts.alias("text").to_frame().select(pl.col("text").str.extract_groups(_ISO)).unnest("text")
    return parts.select(written.str.to_datetime("%Y%m%dT%H%M%S%.f%:z", time_unit="us", strict=False)).to_series()
