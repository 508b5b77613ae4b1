"""The level of a line of an application log, and what stands between the time and it."""

from __future__ import annotations

import polars as pl

from rationanomaly.parse.formats.first_match import first_match
from rationanomaly.parse.formats.levels import (
    BRACKETED,
    DOTNET,
    JAVA,
    LETTERS,
    POSTGRESQL,
    SIGNS,
    SMALL,
    USUAL,
    WORDS,
    any_of,
    full_level,
    sign_level,
)

_WORDS = any_of(WORDS)
#: Words that may begin a line without a time; the others do so in prose.
_UNDATED = any_of(USUAL)
_SMALL = any_of(SMALL)

_GAP = r"[ \t]*(?:(?:--?|[|:,])[ \t]*)?"
_BARE = rf"(?<level>{_WORDS})(?<tail>(?:[ \t|:;,/\]].*)?)$"
_BRACKETED = rf"[\[(<] *(?<level>(?i:{any_of(BRACKETED)})|{LETTERS}) *(?<tail>[\])>].*)$"
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
    rf"^ (?<level>{LETTERS})!(?<tail>.*)$",
    # 1:M 01 May 2024 10:00:00.000 * text (Redis)
    rf"^ (?<level>{SIGNS})(?<tail> .*)$",
    # [2024-05-01T10:00:00.000000+00:00] request.INFO: text (Monolog)
    rf"^ (?<logger>{_WORD})\.(?<level>{_WORDS})(?<tail>: .*)$",
    # 2024-05-01T10:00:00.000Z pid=1 tid=abc class=Job INFO: text (Sidekiq)
    rf"^ (?:[a-z_]+=[^ ]+ +){{1,6}}(?<level>{_WORDS})(?<tail>: .*)$",
    # [2024-05-01T10:00:00.000+0000][1.123s][info][gc,heap] text (JVM)
    r"^\[[0-9.]+m?s\]\[(?<level>trace|debug|info|warning|error) *\]\[(?<logger>[a-z]+(?:,[a-z]+)*) *\](?<tail> .*)$",
    # 2024-05-01T10:00:00.000+0000 I NETWORK  [conn42] text (MongoDB up to 4.2)
    r"^ (?<level>[DIWEF])[1-5]? +(?:(?<logger>[A-Z][A-Z_]+)|-) +\[(?<thread>[^\[\]]*)\](?<tail>.*)$",
    # 2024-05-01 10:00:00 UTC [7801]: [3-1] user=app,db=shop LOG:  text (PostgreSQL)
    rf"^(?:[ :].{{0,200}}?)?[ :](?<level>{any_of(POSTGRESQL)}):(?<tail>  .*)$",
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
    rf"^(?<level>{any_of(JAVA)})(?<tail>: .*)$",
    # I, [2024-05-01T10:00:00.000000 #7]  INFO -- : text (Ruby); [I 2024-05-01 10:00:00.000 Name] text (Jupyter)
    r"^(?<level>[DIWEFA]), (?<tail>\[[0-9].*)$",
    rf"^(?<open>\[)(?<level>{_UNDATED}|{LETTERS})[ \t]+(?<tail>[0-9].*)$",
    # info: Some.Category[14] (Microsoft)
    rf"^(?<level>{any_of(word.lower() for word in DOTNET)})(?<tail>: [A-Za-z_][A-Za-z0-9_.+`]*\[[0-9]+\](?: .*)?)$",
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
    word = pl.col("word")
    full = pl.DataFrame({"word": words}).select(pl.coalesce(full_level(word), sign_level(word), word)).to_series()
    return levels.replace_strict(words, full, default=None, return_dtype=pl.String)


def _before_level() -> list[pl.Expr]:
    before = pl.col("before")
    thread, dotted = before.str.extract(_THREAD), before.str.extract(_DOTTED)
    # A dotted name in brackets is no thread: [scrapy.core.engine] INFO.
    is_logger = thread.str.contains(r"^[A-Za-z_$][A-Za-z0-9_$]*(?:\.[A-Za-z0-9_$]+)+ *(?::[0-9]+ *)?$")
    logger = pl.coalesce(dotted, before.str.extract(_NAME))
    return [logger.alias("own_logger"), pl.when(~is_logger).then(thread).alias("own_thread")]
