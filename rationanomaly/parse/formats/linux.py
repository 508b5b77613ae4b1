"""Logs of Linux itself: its audit, and the ring buffer of the kernel."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import c_time, epoch_time, groups
from rationanomaly.parse.formats.levels import SELECTORS, any_of, priority_level, syslog_word_level

_AUDIT = (
    r"^(?:node=(?<node>[^ ]+) )?type=(?<logger>[A-Z_]+|UNKNOWN\[[0-9]+\]) "
    r"msg=audit\((?<time>[0-9]{9,11}\.[0-9]{3}):[0-9]+\): ?(?<message>.*)$"
)
_DMESG = (
    r"^(?:<(?<priority>[0-9]{1,3})>|(?<facility>[a-z0-9]{3,8}) *:(?<level>[a-z]{3,6}) *: )?"
    r"\[(?: *(?<uptime>[0-9]+\.[0-9]{6})|(?<date>[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}))\]"
    r"(?:\[ *(?<thread>[TC][0-9]+)\])? (?<message>.*)$"
)
#: An error log of Apache has the same date.
_APACHE = rf"^\[[^\]]*\] \[(?:[A-Za-z0-9_.-]*:)?(?:{any_of(word.lower() for word in SELECTORS)}|trace[1-8])\]"


def formats(_settings: ParseParams | None) -> list[Format]:
    """A record a line."""
    return [
        Format("auditd", "Linux audit", parse_audit, is_dated=False),
        Format(
            "dmesg",
            "messages of the Linux kernel, as `dmesg` prints them",
            parse_dmesg,
            is_dated=False,
            marks=_are_the_kernels,
        ),
    ]


def parse_audit(lines: pl.DataFrame) -> pl.DataFrame:
    """``type=SYSCALL msg=audit(TIME:SERIAL): fields``; the logger is the type."""
    found = groups(lines, _AUDIT)
    return found.select("node", "logger", "message", time=epoch_time(pl.col("time")))


def parse_dmesg(lines: pl.DataFrame) -> pl.DataFrame:
    """``[  seconds since the start] message``, which is no time, or with a date (``-T``), which is taken for UTC."""
    found = groups(lines, _DMESG)
    return found.select(
        "message",
        "thread",
        time=c_time(pl.col("date")),
        level=pl.coalesce(priority_level(pl.col("priority")), syslog_word_level(pl.col("level"))),
        logger=pl.col("facility"),
    )


def _are_the_kernels(lines: pl.DataFrame) -> pl.Series:
    raw = lines["raw"].str
    return raw.contains(_DMESG) & ~raw.contains(_APACHE)
