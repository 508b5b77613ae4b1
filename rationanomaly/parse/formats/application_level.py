"""The level of a line of an application log, and what stands between the time and it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.parse.formats.first_match import first_match
from rationanomaly.parse.formats.levels import full_level


def _any_of(words: Sequence[str]) -> str:
    """A pattern of some words in which each character can be only one thing, which is what makes it quick."""
    heads = sorted({word[0] for word in words if word})
    parts = [head + _any_of([word[1:] for word in words if word[:1] == head]) for head in heads]
    whole = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
    return f"(?:{whole})?" if "" in words and parts else whole if parts else ""


_ALL = (
    "TRACE DEBUG DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5 VERBOSE INFO INFORMATION NOTICE WARN WARNING ERROR SEVERE CRITICAL "
    "FATAL PANIC ALERT EMERG EMERGENCY CONFIG FINE FINER FINEST SUCCESS AUDIT FAIL TRC DBG INF WRN ERR CRIT FTL VRB PNC"
)
_WORDS = _any_of(_ALL.split())
#: Words that may begin a line without a time; the others do so in prose.
_UNDATED = "TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL"
_SMALL = (
    "trace|debug|verbose|info|notice|warn|warning|error|err|severe|critical|crit|fatal|panic|alert|emerg|fail|dbug|trce"
)
_LETTERS = "[TDIWEFCV]"
#: Of PostgreSQL, which writes two blanks behind the colon.
_POSTGRES = (
    "DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION|BACKTRACE"
)
#: What is written for short, in full; `full_level` knows the usual ones. The signs are those of Redis.
_FULL: Mapping[str, str] = {
    "FAIL": "ERROR",
    "V": "VERBOSE",
    "VRB": "VERBOSE",
    "PNC": "PANIC",
    ".": "DEBUG",
    "*": "NOTICE",
    "#": "WARNING",
}

_GAP = r"[ \t]*(?:(?:--?|[|:,])[ \t]*)?"
_BARE = rf"(?<level>{_WORDS})(?<tail>(?:[ \t|:;,/\]].*)?)$"
_BRACKETED = rf"[\[(<] *(?<level>(?i:{_WORDS}|note|system|dbug|trce)|{_LETTERS}) *(?<tail>[\])>].*)$"
_SMALL_BARE = rf"(?<level>{_SMALL})(?<tail>(?::[ \t]|:$|\t| *\||  | - ).*)$"
_BRACKETS = r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]|\([^()]*\)|\{[^{}]*\}"
#: A word with a digit or a mark in it: a process, a thread, a dotted name. Prose has few of them before a level.
_MARKED = r"[A-Za-z0-9_.$:/@#-]*[0-9.$:/@#][A-Za-z0-9_.$:/@#-]*"
_WORD = r"[A-Za-z_][A-Za-z0-9_-]*"
_NUMBER_OR_NAME = r"[0-9]+|[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_$]+)+"
_BEFORE = (
    rf"^[ \t|:,-]*(?<before>(?:(?:{_BRACKETS}|{_MARKED}){_GAP}){{0,3}}?(?:{_WORD}{_GAP})??"
    rf"(?:(?:{_BRACKETS}|{_NUMBER_OR_NAME}){_GAP}){{0,2}}?)"
)
#: Behind a time, in the order in which they are tried. Quick forms come first: each character can be only one thing.
_QUICK = (
    # … INFO text; … [INFO ] text; … [main] INFO text; … - name - INFO - text
    rf"^[ \t]+(?<level>{_WORDS})(?<tail>[ \t:|].*)$",
    rf"^ \[(?<level>{_WORDS}) *(?<tail>\].*)$",
    rf"^ \[(?<thread>[A-Za-z][A-Za-z0-9_ #-]*)\] +(?<level>{_WORDS})(?<tail> .*)$",
    rf"^ - (?<logger>[A-Za-z_][A-Za-z0-9_.]*) - (?<level>{_WORDS})(?<tail> .*)$",
)
_DATED = (
    # 2024-05-01 10:00:00 INFO text; …|INFO|text; … - INFO - text
    rf"^{_GAP}{_BARE}",
    # 2024-05-01 10:00:00 [info     ] text; [2024-05-01 10:00:00][INFO ][name] text
    rf"^{_GAP}{_BRACKETED}",
    # 2024-05-01T10:00:00Z<tab>info<tab>name<tab>text
    rf"^{_GAP}{_SMALL_BARE}",
    # [2024-05-01 10:00:00,000: INFO/MainProcess] text (Celery)
    rf"^\[[ \t:|,]*(?<level>{_WORDS})/(?<thread>[^\[\]]+)\](?<tail>.*)$",
    # [2024-05-01T10:00:00Z INFO  name::part] text (Rust's env_logger)
    rf"^\[[ \t:|,]*(?<level>{_WORDS})[ \t]+(?<logger>[A-Za-z0-9_.:$-]+)\](?<tail>.*)$",
    # 2024-05-01T10:00:00Z I! text (Telegraf)
    rf"^ (?<level>{_LETTERS})!(?<tail>.*)$",
    # 1:M 01 May 2024 10:00:00.000 * text (Redis)
    r"^ (?<level>[*#.])(?<tail> .*)$",
    # 2024-05-01T10:00:00.000+0000 I NETWORK  [conn42] text (MongoDB up to 4.2)
    r"^ (?<level>[DIWEF])[1-5]? +(?:(?<logger>[A-Z][A-Z_]+)|-) +\[(?<thread>[^\[\]]*)\](?<tail>.*)$",
    # 2024-05-01 10:00:00 UTC [7801]: [3-1] user=app,db=shop LOG:  text (PostgreSQL)
    rf"^(?:[ :].{{0,200}}?)?[ :](?<level>{_POSTGRES}):(?<tail>  .*)$",
    # 2024-05-01 10:00:00.008 25746 INFO name text; … [main] INFO name - text; … - name - INFO - text
    rf"{_BEFORE}{_BARE}",
    rf"{_BEFORE}{_BRACKETED}",
    # 2024-05-01T10:00:00Z [name] info: text; 01-May-2024 10:00:00.000 general: info: text (BIND)
    rf"{_BEFORE}(?<level>{_SMALL})(?<tail>: .*)$",
)
#: Before a time, or where a line has none.
_LEADING = (
    # INFO 2024-05-01 10:00:00 text; INFO:name:text; INFO  [main] 2024-05-01 10:00:00 Name.java:12 - text (Cassandra)
    rf"^(?<level>{_UNDATED})(?<tail>[ \t:|,].*)$",
    rf"^\[ *(?<level>(?i:{_UNDATED})) *(?<tail>\].*)$",
    # FINE: text (the second line of java.util.logging)
    r"^(?<level>CONFIG|FINE(?:R|ST)?)(?<tail>: .*)$",
    # I, [2024-05-01T10:00:00.000000 #7]  INFO -- : text (Ruby); [I 2024-05-01 10:00:00.000 Name] text (Jupyter)
    r"^(?<level>[DIWEFA]), (?<tail>\[[0-9].*)$",
    rf"^(?<open>\[)(?<level>{_UNDATED}|{_LETTERS})[ \t]+(?<tail>[0-9].*)$",
    # info: Some.Category[14] (Microsoft)
    r"^(?<level>trce|dbug|info|warn|fail|crit)(?<tail>: [A-Za-z_][A-Za-z0-9_.+`]*\[[0-9]+\](?: .*)?)$",
)
_LETTERED = (3, 4)
_THREAD = r"[\[(] *((?:[^\[\]()]|\[[^\[\]]*\])*?[A-Za-z](?:[^\[\]()]|\[[^\[\]]*\])*?) *[\])]"
_DOTTED = r"(?:^|[ \t|\[({])([A-Za-z_$][A-Za-z0-9_$-]*(?:(?:\.|::)[A-Za-z0-9_$-]+)+)(?:[ \t|\])}:,]|$)"
_NAME = rf"(?:^|[ \t|,]|[\])}}][ \t-]*)({_WORD})[ \t]*(?:[-|:,][ \t]*)?$"


def find_level(tails: pl.Series) -> pl.DataFrame:
    """What a line says of itself behind its time.

    Args:
        tails: the lines without their time.

    Returns:
        One row per line: ``level`` (null where there is none), ``logger`` and ``thread`` if they stand before the
        level, and ``tail``, what stands behind the level; without one the whole.
    """
    found = first_match(tails, (_QUICK, _DATED), ("level", "logger", "thread", "before", "tail"))
    found = found.with_columns(level=_in_full(found["level"]), tail=pl.coalesce("tail", tails))
    if found["before"].null_count() == found.height:
        return found.drop("pattern", "before")
    # Few lines differ in what stands there.
    before = found.select(pl.col("before").unique()).with_columns(_before_level())
    return (
        found.join(before, on="before", how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.coalesce("logger", "own_logger"), pl.coalesce("thread", "own_thread"))
        .drop("pattern", "before", "own_logger", "own_thread")
    )


def split_level(texts: pl.Series) -> pl.DataFrame:
    """The level with which each text begins.

    Returns:
        One row per text: ``level``, ``tail``, and ``needs_time``, whether that is a level only before a time; all null
        in a text that begins with none.
    """
    found = first_match(texts, (_LEADING,), ("level", "open", "tail"))
    tail = pl.concat_str(pl.col("open").fill_null(""), "tail")
    return found.select(level=_in_full(found["level"]), tail=tail, needs_time=pl.col("pattern").is_in(_LETTERED))


def _in_full(levels: pl.Series) -> pl.Series:
    words = levels.drop_nulls().unique()
    known = pl.DataFrame({"word": words}).select(pl.coalesce(full_level(pl.col("word")), "word")).to_series()
    full = [_FULL.get(level, level) for level in known]
    return levels.replace_strict(words, full, default=None, return_dtype=pl.String)


def _before_level() -> list[pl.Expr]:
    before = pl.col("before")
    thread, dotted = before.str.extract(_THREAD), before.str.extract(_DOTTED)
    # A dotted name in brackets is no thread: [scrapy.core.engine] INFO.
    is_logger = thread.str.contains(r"^[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z0-9_$]+)+ *(?::[0-9]+ *)?$")
    logger = pl.coalesce(dotted, before.str.extract(_NAME))
    return [logger.alias("own_logger"), pl.when(~is_logger).then(thread).alias("own_thread")]
