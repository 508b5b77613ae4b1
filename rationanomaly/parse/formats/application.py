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
_SHORT = r"^([A-Za-z_$][A-Za-z0-9_$]*) +- "
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
    fits = dated["tail"].is_not_null()
    if fits.all():
        front = _level_behind(dated)
    else:
        rows = pl.DataFrame({"row": pl.int_range(raw.len(), eager=True)})
        behind = rows.filter(fits).hstack(_level_behind(dated.filter(fits)))
        before = rows.filter(~fits).hstack(_level_before(raw.filter(~fits)))
        front = pl.concat([behind, before], how="diagonal").sort("row").drop("row")
    origin = split_origin(front["tail"])
    whole = front.drop("tail").rename({"logger": "front_logger", "thread": "front_thread"}).hstack(origin)
    whole = whole.with_columns(pl.coalesce("logger", "front_logger"), pl.coalesce("thread", "front_thread"))
    return _with_two_lines(raw, _with_short_names(raw, whole)).select(
        "time", "node", "level", "logger", "thread", "message", "continues"
    )


def marks(lines: pl.DataFrame) -> pl.Series:
    """A line with a level, or one of Go's own logger."""
    found = parse(lines)
    go = lines["raw"].str.contains(_GO)
    return found["message"].is_not_null() & (found["level"].is_not_null() | found["continues"].fill_null(False) | go)


def _level_behind(timed: pl.DataFrame) -> pl.DataFrame:
    """Of lines that begin with a time: ``time``, ``level``, ``logger``, ``thread``, ``tail``."""
    found = timed.select("time", "is_dated").hstack(find_level(timed["tail"]))
    if found["is_dated"].all():
        return found.drop("is_dated")
    fits = pl.col("is_dated") | pl.col("level").is_not_null()
    return found.with_columns(tail=pl.when(fits).then("tail")).drop("is_dated")


def _level_before(texts: pl.Series) -> pl.DataFrame:
    """The same of lines that begin with none: their level may be first, with a time behind it or without."""
    found = split_level(texts)
    between = first_match(found["tail"], (_BETWEEN,), ("thread", "stamp"))
    timed = split_time(between["stamp"]).rename({"tail": "behind"})
    has_time = pl.col("behind").is_not_null()
    return (
        found.hstack(timed)
        .hstack(between.select("thread"))
        .with_columns(
            tail=pl.when(has_time).then("behind").when(~pl.col("needs_time")).then("tail"),
            thread=pl.when(has_time).then("thread"),
            logger=pl.lit(None, pl.String),
        )
        .select("time", "level", "logger", "thread", "tail")
    )


def _with_short_names(raw: pl.Series, found: pl.DataFrame) -> pl.DataFrame:
    """With loggers that are one plain word: those of Spark, and of ``[thread] LEVEL name - text``."""
    behind_thread = found["front_thread"].is_not_null() & found["logger"].is_null()
    is_spark = raw.str.contains(_SPARK)
    if not (behind_thread | is_spark).any():
        return found
    spark, short = pl.lit(raw.str.extract(_SPARK)), pl.col("message").str.extract(_SHORT)
    name = pl.coalesce(spark, pl.when(pl.lit(behind_thread)).then(short))
    is_new = pl.col("logger").is_null() & name.is_not_null()
    message = pl.col("message").str.slice(name.str.len_chars()).str.replace("^(?::| +-) ", "")
    return found.with_columns(
        logger=pl.coalesce("logger", name), message=pl.when(is_new).then(message).otherwise("message")
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
