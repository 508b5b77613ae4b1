"""Syslog: RFC 3164 (``Jun  9 06:06:20 host tag[pid]: message``), the same with ISO 8601 times, and RFC 5424."""

from __future__ import annotations

from functools import partial

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_PRIORITY = r"^(?:<[0-9]{1,3}>)?"
_BSD = _PRIORITY + r"(?<time>[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}) (?<node>[^ ]+) (?<rest>.*)$"
_ISO = _PRIORITY + r"(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9:]{4,6})) (?<node>[^ ]+) (?<rest>.*)$"
_MODERN = (
    r"^<[0-9]{1,3}>[1-9][0-9]? (?<time>[^ ]+) (?<node>[^ ]+) [^ ]+ [^ ]+ [^ ]+ "
    r'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: (?<message>.*))?$'
)
_TAG = r"^[^ :\[]+(?:\[[^\]]*\])?: *"


def formats(settings: ParseParams | None) -> list[Format]:
    """The three kinds; RFC 3164 names no year, so the first one comes from ``parse.year``."""
    year = 2000 if settings is None else settings.year
    return [
        Format("syslog-5424", "syslog, RFC 5424", parse_modern),
        Format("syslog", "syslog, RFC 3164", partial(parse_bsd, year=year), names_year=False),
        Format("rsyslog", "syslog with ISO 8601 times", parse_iso),
    ]


def without_tag(messages: pl.Expr) -> pl.Expr:
    """Messages without the ``tag[pid]:`` in front."""
    return messages.str.replace(_TAG, "")


def parse_bsd(lines: pl.DataFrame, year: int) -> pl.DataFrame:
    """The time is taken for UTC of ``year``; tag and process number are left out."""
    written = pl.format("{} {}", pl.lit(year), pl.col("time").str.replace("  ", " ", literal=True))
    time = written.str.to_datetime("%Y %b %e %H:%M:%S", time_unit="us", time_zone="UTC", strict=False)
    return groups(lines, _BSD).select(time=time, node="node", message=without_tag(pl.col("rest")))


def parse_iso(lines: pl.DataFrame) -> pl.DataFrame:
    """Tag and process number are left out."""
    return groups(lines, _ISO).select(time=iso_time(pl.col("time")), node="node", message=without_tag(pl.col("rest")))


def parse_modern(lines: pl.DataFrame) -> pl.DataFrame:
    """Application, process, message id and structured data are left out."""
    found = groups(lines, _MODERN)
    nothing = pl.col("node") == "-"
    return found.select(
        time=iso_time(pl.col("time")),
        node=pl.when(~nothing).then("node"),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("").str.strip_prefix("\ufeff")),
    )
