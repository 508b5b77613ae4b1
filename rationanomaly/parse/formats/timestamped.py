"""A time and a text: the least that a log has, such as of shell scripts and exports."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.application_time import split_time
from rationanomaly.parse.formats.fields import c_time, groups, iso_time

_LINE = (
    r"^\[?(?<time>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)\]?(?: ?[,:|-])?(?:[ \t]+(?<message>.*))?$"
)
#: A zone by its name in the database of zones.
_ZONED = (
    r"^\[(?<time>[0-9]{1,2}-[A-Z][a-z]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}) "
    r"(?<zone>[A-Z][A-Za-z]+(?:/[A-Za-z0-9_+-]+)+)\] (?<message>.*)$"
)
_ASCTIME = (
    r"^\[?(?<time>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)? "
    r"[0-9]{4})\]?:?(?:[ \t]+(?<message>.*))?$"
)
#: Without them what looks like a date may be a value.
_IN_BRACKETS = r"^\[[0-9A-Z][0-9A-Za-z/.,: +-]{13,40}\][ \t]"


def formats(_settings: ParseParams | None) -> list[Format]:
    """Taken by ``auto`` only where no other format fits."""
    return [Format("timestamped", "a time and a text", parse)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """A time without a zone is taken for UTC. In brackets it may have any notation of an application's."""
    found = groups(lines, _LINE).select(
        time=iso_time(pl.col("time").str.replace_all("/", "-", literal=True)),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("").str.strip_chars_end()),
    )
    for pattern, read in ((_ZONED, _zoned), (_ASCTIME, _asctime), (_IN_BRACKETS, _in_brackets)):
        left = (found["message"].is_null() & lines["raw"].str.contains(pattern)).fill_null(False).arg_true()
        if left.len():
            some = read(lines["raw"].gather(left))
            found = found.select(found[name].scatter(left, some[name]) for name in ("time", "message"))
    return found


def _in_brackets(raw: pl.Series) -> pl.DataFrame:
    message = pl.when(pl.col("time").is_not_null()).then(pl.col("tail").str.strip_chars(" \t"))
    return split_time(raw).select("time", message=message)


def _asctime(raw: pl.Series) -> pl.DataFrame:
    """Times as C's ``asctime`` writes them."""
    found = groups(raw.to_frame("raw"), _ASCTIME)
    return found.select(
        time=c_time(pl.col("time")),
        message=pl.col("message").fill_null("").str.strip_chars(" \t"),
    )


def _zoned(raw: pl.Series) -> pl.DataFrame:
    """Lines of PHP, whose zone is a name of the database of zones; the time in one that is not there is null."""
    found = groups(raw.to_frame("raw"), _ZONED)
    local = found["time"].str.to_datetime("%d-%b-%Y %H:%M:%S", time_unit="us", strict=False)
    time = pl.Series([None], dtype=pl.Datetime("us", "UTC")).new_from_index(0, raw.len())
    for zone in found["zone"].unique().drop_nulls():
        places = (found["zone"] == zone).arg_true()
        try:
            there = local.gather(places).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        except pl.exceptions.ComputeError:
            continue
        time = time.scatter(places, there.dt.convert_time_zone("UTC"))
    return found.select("message", time=time)
