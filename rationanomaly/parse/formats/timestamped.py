"""A time and a text: the least that a log has, such as of shell scripts and exports."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_LINE = (
    r"^\[?(?<time>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)\]?(?: ?[,:|-])?(?:[ \t]+(?<message>.*))?$"
)


def formats(_settings: ParseParams | None) -> list[Format]:
    """Taken by ``auto`` only where no other format fits."""
    return [Format("timestamped", "a time and a text", parse)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """A time without a zone is taken for UTC."""
    return groups(lines, _LINE).select(
        time=iso_time(pl.col("time").str.replace_all("/", "-", literal=True)),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("").str.strip_chars_end()),
    )
