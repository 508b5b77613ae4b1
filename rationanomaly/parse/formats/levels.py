"""Levels as formats give them, in capitals and in full. No other module knows their words, letters and numbers.

A level stays what the log calls it: ``WARN`` and ``WARNING``, ``PANIC`` and ``EMERGENCY`` are different levels of
different programs. Only what is written for short is written out, and syslog, which has eight, calls each by one name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

#: What is written for short, in full; the numbers are those of bunyan and pino, ``FAIL`` is .NET's.
_FULL: Final = {
    **dict.fromkeys(("T", "TRC", "TRCE", "10"), "TRACE"),
    **dict.fromkeys(("D", "DBG", "DBUG", "20"), "DEBUG"),
    **dict.fromkeys(("V", "VRB"), "VERBOSE"),
    **dict.fromkeys(("I", "INF", "30"), "INFO"),
    **dict.fromkeys(("W", "WRN", "40"), "WARN"),
    **dict.fromkeys(("E", "ERR", "EROR", "FAIL", "50"), "ERROR"),
    **dict.fromkeys(("F", "FTL", "60"), "FATAL"),
    **{"N": "NOTICE", "C": "CRITICAL", "CRIT": "CRITICAL", "PNC": "PANIC", "EMERG": "EMERGENCY"},
}
_LEVEL: Final = r"^\s*([A-Za-z]{1,14}|[1-6]0)(?:[+-]?[0-9]{1,2})?\s*$"
#: What glog, Android and users' own formats mean by a letter, and where Android differs.
_LETTERS: Final = {
    **{"V": "VERBOSE", "T": "TRACE", "D": "DEBUG", "I": "INFO", "N": "NOTICE", "W": "WARNING"},
    **{"E": "ERROR", "S": "SEVERE", "C": "CRITICAL", "F": "FATAL", "A": "ALERT"},
}
_ANDROID: Final = {"A": "FATAL", "S": "SILENT"}
#: The signs of Redis.
_SIGNS: Final = {".": "DEBUG", "*": "NOTICE", "#": "WARNING"}

#: By number, from 0 on.
_SYSLOG: Final = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
_WINDOWS: Final = ("INFO", "CRITICAL", "ERROR", "WARNING", "INFO", "VERBOSE")
#: From number 1 of OpenTelemetry on, four of each.
_TELEMETRY: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
#: Priorities of syslog, facility and severity in one number, are less than this.
_PRIORITIES: Final = 192

#: The levels that most logging libraries have; those of Log4j, of java.util.logging alone, of .NET's console and of
#: OpenStack's oslo.log.
USUAL: Final = ("TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "SEVERE", "CRITICAL", "FATAL")
LOG4J: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
JAVA: Final = ("CONFIG", "FINE", "FINER", "FINEST")
DOTNET: Final = ("TRCE", "DBUG", "INFO", "WARN", "FAIL", "CRIT")
OSLO: Final = ("TRACE", "DEBUG", "INFO", "AUDIT", "WARN", "WARNING", "ERROR", "CRITICAL")
_DEBUG: Final = ("DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5")
#: Those of PostgreSQL, and what it writes in their place in the lines behind.
POSTGRESQL: Final = (
    *("DEBUG", *_DEBUG, "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC"),
    *("STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION", "BACKTRACE"),
)
#: As ``syslog.conf`` names the severities, and with all names by which programs put them into the text.
SELECTORS: Final = ("EMERG", "PANIC", "ALERT", "CRIT", "ERR", "ERROR", "WARN", "WARNING", "NOTICE", "INFO", "DEBUG")
_OF_SYSLOG: Final = {
    **{name: name for name in (*_SYSLOG, "TRACE", "FATAL", "VERBOSE", "SEVERE")},
    **{name: _FULL[name] for name in ("EMERG", "CRIT", "ERR")},
    **{"PANIC": "EMERGENCY", "WARN": "WARNING", "INFORMATION": "INFO", "INFORMATIONAL": "INFO"},
}
SYSLOG: Final = tuple(_OF_SYSLOG)
#: Any that an application may write in capitals; and between brackets, where MySQL has two more.
WORDS: Final = (
    *(*USUAL, *JAVA, *_DEBUG, "VERBOSE", "INFORMATION", "PANIC", "ALERT", "EMERG", "EMERGENCY", "SUCCESS", "AUDIT"),
    *("FAIL", "TRC", "DBG", "VRB", "INF", "WRN", "ERR", "CRIT", "FTL", "PNC"),
)
BRACKETED: Final = (*WORDS, *DOTNET, "NOTE", "SYSTEM")
#: In small letters, where less may be a level: any such word may stand in prose.
SMALL: Final = tuple(word.lower() for word in (*USUAL, *SELECTORS, *DOTNET, "VERBOSE"))
#: Letters and signs, as classes of a regular expression.
LETTERS: Final = "[TDIWEFCV]"
ANDROID: Final = "[VDIWEFAS]"
SIGNS: Final = f"[{''.join(_SIGNS)}]"
#: The column of Windows' servicing logs, and what it means.
_SERVICING: Final = {"Info": "INFO", "Warning": "WARNING", "Error": "ERROR", "Fatal Error": "FATAL", "Perf": "PERF"}
SERVICING: Final = tuple(_SERVICING)
#: What Serilog leaves out, for most lines have it.
UNWRITTEN: Final = "INFORMATION"


def any_of(words: Iterable[str]) -> str:
    """A pattern of some words in which each character can be only one thing, which is what makes it quick."""
    words = list(words)
    heads = sorted({word[0] for word in words if word})
    parts = [head + any_of(word[1:] for word in words if word[:1] == head) for head in heads]
    whole = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
    return f"(?:{whole})?" if "" in words and parts else whole if parts else ""


def full_level(texts: pl.Expr) -> pl.Expr:
    """Levels in capitals and in full: ``warn``, ``W``, ``INFO+2``, ``30``; null for what is no level."""
    level = texts.str.extract(_LEVEL).str.to_uppercase()
    return level.replace(_FULL)


def sign_level(signs: pl.Expr) -> pl.Expr:
    """The signs that Redis writes for levels as such; null for others."""
    return signs.replace_strict(_SIGNS, default=None, return_dtype=pl.String)


def letter_level(letters: pl.Expr) -> pl.Expr:
    """Capital letters of glog and of users' own formats as levels; any other text stays as it is."""
    return letters.replace(_LETTERS)


def android_level(letters: pl.Expr) -> pl.Expr:
    """The letters of Android's logcat as levels."""
    return letters.replace(_LETTERS | _ANDROID)


def servicing_level(words: pl.Expr) -> pl.Expr:
    """The words `SERVICING` as levels; null for others."""
    return words.replace_strict(_SERVICING, default=None, return_dtype=pl.String)


def syslog_level(numbers: pl.Expr) -> pl.Expr:
    """Severities of syslog, 0 to 7, as levels; null for what is none."""
    return _of_numbers(numbers, _SYSLOG)


def priority_level(texts: pl.Expr) -> pl.Expr:
    """Priorities of syslog, 0 to 191, or severities alone as levels; null for what is none."""
    number = texts.cast(pl.Int64, strict=False)
    levels = (number % len(_SYSLOG)).replace_strict(dict(enumerate(_SYSLOG)), return_dtype=pl.String)
    return pl.when(number < _PRIORITIES).then(levels)


def syslog_word_level(words: pl.Expr) -> pl.Expr:
    """The words `SYSLOG`, in letters of any case, as the severities that they name; null for others."""
    return words.str.to_uppercase().replace_strict(_OF_SYSLOG, default=None, return_dtype=pl.String)


def windows_level(numbers: pl.Expr) -> pl.Expr:
    """Levels of Windows' event log, 0 to 5; null for what is none."""
    return _of_numbers(numbers, _WINDOWS)


def telemetry_level(numbers: pl.Expr) -> pl.Expr:
    """Severity numbers of OpenTelemetry, 1 to 24, as levels; null for what is none."""
    return _of_numbers(numbers, [level for level in _TELEMETRY for _ in range(4)], first=1)


def _of_numbers(texts: pl.Expr, names: Iterable[str], first: int = 0) -> pl.Expr:
    """Numbers, as texts, by their place among names."""
    levels = {str(number): name for number, name in enumerate(names, start=first)}
    return texts.replace_strict(levels, default=None, return_dtype=pl.String)
