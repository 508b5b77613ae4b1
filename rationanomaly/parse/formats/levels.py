"""Levels as formats give them: in capitals, and in full."""

from __future__ import annotations

import polars as pl

#: What is written for short, in full; the numbers are those of bunyan and pino.
_LEVELS = {
    **dict.fromkeys(("T", "TRC", "TRCE", "10"), "TRACE"),
    **dict.fromkeys(("D", "DBG", "DBUG", "20"), "DEBUG"),
    **dict.fromkeys(("I", "INF", "30"), "INFO"),
    **dict.fromkeys(("W", "WRN", "40"), "WARN"),
    **dict.fromkeys(("E", "ERR", "EROR", "50"), "ERROR"),
    **dict.fromkeys(("F", "FTL", "60"), "FATAL"),
    **{"N": "NOTICE", "C": "CRITICAL", "CRIT": "CRITICAL", "EMERG": "EMERGENCY"},
}
_LEVEL = r"^\s*([A-Za-z]{1,14}|[1-6]0)(?:[+-]?[0-9]{1,2})?\s*$"
_SYSLOG = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
#: From number 1 of OpenTelemetry on, four of each.
_TELEMETRY = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def full_level(texts: pl.Expr) -> pl.Expr:
    """Levels in capitals and in full: ``warn``, ``W``, ``INFO+2``, ``30``; null for what is no level."""
    level = texts.str.extract(_LEVEL).str.to_uppercase()
    return level.replace(_LEVELS)


def syslog_level(numbers: pl.Expr) -> pl.Expr:
    """Severities of syslog, 0 to 7, as levels; null for what is none."""
    return numbers.replace_strict(
        {str(n): name for n, name in enumerate(_SYSLOG)}, default=None, return_dtype=pl.String
    )


def telemetry_level(numbers: pl.Expr) -> pl.Expr:
    """Severity numbers of OpenTelemetry, 1 to 24, as levels; null for what is none."""
    levels = {str(n): _TELEMETRY[(n - 1) // 4] for n in range(1, 25)}
    return numbers.replace_strict(levels, default=None, return_dtype=pl.String)
