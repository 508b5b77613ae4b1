"""What logging libraries write: a time, a level, perhaps thread and logger, the message, in many layouts.

Log4j, Logback, Spring Boot, Python, .NET, Go and Ruby, and servers such as Hadoop, Elasticsearch, PostgreSQL or Vault.
A line is read from left to right: its time (`application_time`), its level and what stands before it
(`application_level`), thread and logger behind it (`application_origin`).
"""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.application_level import find_level, split_level
from rationanomaly.parse.formats.application_origin import split_origin
from rationanomaly.parse.formats.application_time import split_time
from rationanomaly.parse.formats.first_match import first_match

#: java.util.logging writes the level in the next line.
_TWO_LINES = (
    r"^[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4} [0-9:]{7,8} [AP]M "
    r"([A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z0-9_$]+)+) [A-Za-z_$<][A-Za-z0-9_$<>]*$"
)
#: Go's own logger writes no level; its date and the place in the source are its marks.
_GO = r"^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})? (?:[A-Za-z\[\"(]|[a-z_/-]+\.go:[0-9]+: )"
#: Spark's own layout names a logger, with or without its package.
_SPARK = r"^[0-9]{2}/[0-9]{2}/[0-9]{2} [0-9:]{8} [A-Z]+ +([A-Z][A-Za-z0-9_$]*): "
#: Between a level and the time behind it.
_BETWEEN = (r"^[\])>]?[ \t:|,-]*(?:\[ *(?<thread>[A-Za-z][^\[\]]*?) *\][ \t]+)?(?<stamp>\[?[0-9A-Z].*)$",)


def formats(_settings: ParseParams | None) -> list[Format]:
    """The common layouts of application logs."""
    return [Format("application", "Log4j, Spring Boot, Python, .NET, Go, PostgreSQL and the like", parse, marks=marks)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """A time without an offset is taken for UTC; a time of day without a date is null.

    A line with a date fits without a level too; one without must have a level.
    """
    raw = lines["raw"]
    dated = split_time(raw)
    fits = dated["rest"].is_not_null()
    if fits.all():
        front = _level_behind(dated)
    else:
        rows = pl.DataFrame({"row": pl.int_range(raw.len(), eager=True)})
        behind = rows.filter(fits).hstack(_level_behind(dated.filter(fits)))
        before = rows.filter(~fits).hstack(_level_before(raw.filter(~fits)))
        front = pl.concat([behind, before], how="diagonal").sort("row").drop("row")
    origin = split_origin(front["rest"])
    whole = front.drop("rest").rename({"logger": "front_logger", "thread": "front_thread"}).hstack(origin)
    whole = whole.with_columns(pl.coalesce("logger", "front_logger"), pl.coalesce("thread", "front_thread"))
    return _with_two_lines(raw, _with_spark(raw, whole)).select(
        "time", "node", "level", "logger", "thread", "message", "continues"
    )


def marks(lines: pl.DataFrame) -> pl.Series:
    """A line with a level, or one of Go's own logger."""
    found = parse(lines)
    go = lines["raw"].str.contains(_GO)
    return found["message"].is_not_null() & (found["level"].is_not_null() | found["continues"].fill_null(False) | go)


def _level_behind(timed: pl.DataFrame) -> pl.DataFrame:
    """Of lines that begin with a time: ``time``, ``level``, ``logger``, ``thread``, ``rest``."""
    found = timed.select("time", "is_dated").hstack(find_level(timed["rest"]))
    if found["is_dated"].all():
        return found.drop("is_dated")
    fits = pl.col("is_dated") | pl.col("level").is_not_null()
    return found.with_columns(rest=pl.when(fits).then("rest")).drop("is_dated")


def _level_before(texts: pl.Series) -> pl.DataFrame:
    """The same of lines that begin with none: their level may be first, with a time behind it or without."""
    found = split_level(texts)
    between = first_match(found["rest"], (_BETWEEN,), ("thread", "stamp"))
    timed = split_time(between["stamp"]).rename({"rest": "behind"})
    has_time = pl.col("behind").is_not_null()
    return (
        found.hstack(timed)
        .hstack(between.select("thread"))
        .with_columns(
            rest=pl.when(has_time).then("behind").when(~pl.col("needs_time")).then("rest"),
            thread=pl.when(has_time).then("thread"),
            logger=pl.lit(None, pl.String),
        )
        .select("time", "level", "logger", "thread", "rest")
    )


def _with_spark(raw: pl.Series, found: pl.DataFrame) -> pl.DataFrame:
    if not raw.str.contains(_SPARK).any():
        return found
    name = pl.lit(raw.str.extract(_SPARK))
    return found.with_columns(
        logger=pl.coalesce("logger", name),
        message=pl.when(pl.col("logger").is_null() & name.is_not_null())
        .then(pl.col("message").str.strip_prefix(name + ": "))
        .otherwise("message"),
    )


def _with_two_lines(raw: pl.Series, found: pl.DataFrame) -> pl.DataFrame:
    """With ``continues``, true of the first of the two lines of java.util.logging, which names the logger."""
    nothing = pl.lit(None, pl.Boolean)
    if not (first := raw.str.contains(_TWO_LINES)).any():
        return found.with_columns(continues=nothing)
    return found.with_columns(
        logger=pl.when(first).then(pl.lit(raw.str.extract(_TWO_LINES))).otherwise("logger"),
        message=pl.when(first).then(pl.lit("")).otherwise("message"),
        continues=pl.when(first).then(True),
    )
