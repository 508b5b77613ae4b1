"""Levels: one name for each word, letter and number, whatever format it stands in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rationanomaly.params import Params
from rationanomaly.parse import formats
from rationanomaly.parse.formats import levels

FORMATS = Path(levels.__file__).parent
SEVERITIES = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"]


def one(read: Callable[[pl.Expr], pl.Expr], text: str) -> str | None:
    found: str | None = pl.select(read(pl.lit(text, pl.String))).item()
    return found


@pytest.mark.parametrize(
    ("written", "level"),
    [
        *(("warn", "WARN"), ("Warning", "WARNING"), ("W", "WARN"), ("WRN", "WARN"), ("40", "WARN")),
        *(("crit", "CRITICAL"), ("C", "CRITICAL"), ("emerg", "EMERGENCY"), ("ERR", "ERROR"), ("fail", "ERROR")),
        *(("trce", "TRACE"), ("dbug", "DEBUG"), ("VRB", "VERBOSE"), ("pnc", "PANIC"), ("panic", "PANIC")),
        *((" INFO+2 ", "INFO"), ("DEBUG3", "DEBUG"), ("Information", "INFORMATION"), ("odd", "ODD")),
        *(("7", None), ("/var/log", None), ("", None), ("two words", None), ("*", None)),
    ],
)
def test_a_level_is_written_out(written: str, level: str | None) -> None:
    assert one(levels.full_level, written) == level


@pytest.mark.parametrize(
    ("read", "levels_of"),
    [
        (levels.syslog_level, {**{str(n): name for n, name in enumerate(SEVERITIES)}, "8": None, "x": None}),
        (levels.priority_level, {"0": "EMERGENCY", "034": "CRITICAL", "191": "DEBUG", "192": None, "x": None}),
        (levels.windows_level, {"0": "INFO", "1": "CRITICAL", "2": "ERROR", "5": "VERBOSE", "6": None}),
        (levels.telemetry_level, {"0": None, "1": "TRACE", "4": "TRACE", "5": "DEBUG", "24": "FATAL", "25": None}),
        (levels.syslog_word_level, {"panic": "EMERGENCY", "Warn": "WARNING", "crit": "CRITICAL", "kern": None}),
        (levels.servicing_level, {"Fatal Error": "FATAL", "Perf": "PERF", "Fatal": None}),
        (levels.android_level, {"V": "VERBOSE", "W": "WARNING", "A": "FATAL", "S": "SILENT"}),
        (levels.letter_level, {"W": "WARNING", "A": "ALERT", "S": "SEVERE", "SLOW": "SLOW"}),
        (levels.sign_level, {".": "DEBUG", "*": "NOTICE", "#": "WARNING", "-": None}),
    ],
)
def test_each_way_of_writing_levels(read: Callable[[pl.Expr], pl.Expr], levels_of: dict[str, str | None]) -> None:
    assert {text: one(read, text) for text in levels_of} == levels_of


@pytest.mark.parametrize("words", [levels.WORDS, levels.SMALL, levels.POSTGRESQL, levels.SERVICING, levels.OSLO])
def test_a_pattern_of_words_matches_them_whole_and_nothing_else(words: tuple[str, ...]) -> None:
    pattern = re.compile(levels.any_of(words))
    assert all(pattern.fullmatch(word) for word in words)
    others = {word[:-1] for word in words} | {f"{word}X" for word in words} | {word.swapcase() for word in words}
    assert not [word for word in others - set(words) if pattern.fullmatch(word)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("syslog", "<34>Mar  3 22:14:15 gate su[12]: x"),
        ("syslog-5424", "<34>1 2031-03-03T00:00:02Z gate su 12 - - x"),
        ("syslog", "Mar  3 22:14:15 gate auth.crit su[12]: x"),
        ("syslog", "Mar  3 22:14:15 CRITICAL: x"),
        ("syslog", "Mar  3 22:14:15 gate 7: %SYS-2-FAN: x"),
        ("journald", '{"MESSAGE":"x","PRIORITY":"2","__REALTIME_TIMESTAMP":"1930262400000000"}'),
        ("json", '{"level":"crit","msg":"x"}'),
        ("json", '{"short_message":"x","level":2}'),
        ("logfmt", "time=2031-03-03T00:00:02Z level=crit msg=x"),
        ("nginx-error", "2031/03/03 00:00:02 [crit] 7#7: x"),
        ("apache-error", "[Mon Mar 03 00:00:02 2031] [crit] x"),
        ("application", "2031-03-03 00:00:02 [crit] x"),
        ("application", "crit: Shop.Host[0] x"),
    ],
)
def test_a_level_has_the_same_name_in_every_format(params: Params, name: str, line: str) -> None:
    read = formats.find(name, params.parse).read(pl.DataFrame({"raw": [line]}))
    assert read["level"].to_list() == ["CRITICAL"]


def test_modules_that_read_levels_have_no_table_of_their_own() -> None:
    names = "EMERG|EMERGENCY|CRIT|CRITICAL|FATAL|NOTICE|SEVERE|VERBOSE"
    owners = [path.stem for path in FORMATS.glob("*.py") if re.search(rf'"(?:{names})"', path.read_text("utf-8"))]
    assert set(owners) - {"custom"} == {"levels"}
