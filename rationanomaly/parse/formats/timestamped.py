"""A time and a text: the least that a log has, such as of shell scripts and exports."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.application_time import split_time
from rationanomaly.parse.formats.fields import groups, iso_time

_LINE = (
    r"^\[?(?<time>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)\]?(?: ?[,:|-])?(?:[ \t]+(?<message>.*))?$"
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
    others = (found["time"].is_null() & lines["raw"].str.contains(_IN_BRACKETS)).fill_null(False).arg_true()
    if not others.len():
        return found
    dated = split_time(lines["raw"].gather(others))
    read = dated.select(
        "time", message=pl.when(pl.col("time").is_not_null()).then(pl.col("tail").str.strip_chars(" \t"))
    )
    return found.select(found[name].scatter(others, read[name]) for name in ("time", "message"))
