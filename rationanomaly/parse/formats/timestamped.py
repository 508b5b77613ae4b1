"""A time and a text: the least that a log has, such as of shell scripts and exports."""

from __future__ import annotations

from functools import partial

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse import formats as all_formats
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups, iso_time

_LINE = (
    r"^\[?(?<time>[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
    r"(?: ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?)\]?(?: ?[,:|-])?(?:[ \t]+(?<message>.*))?$"
)
_NAME = "timestamped"


def formats(settings: ParseParams | None) -> list[Format]:
    """Taken by ``auto`` only where no other format fits."""
    return [Format(_NAME, "a time and a text", parse, marks=partial(marks, settings=settings))]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """A time without a zone is taken for UTC."""
    return groups(lines, _LINE).select(
        time=iso_time(pl.col("time").str.replace_all("/", "-", literal=True)),
        message=pl.when(pl.col("time").is_not_null()).then(pl.col("message").fill_null("").str.strip_chars_end()),
    )


def marks(lines: pl.DataFrame, settings: ParseParams | None) -> pl.Series:
    """Lines that fit this format and no other that may be detected."""
    fits = parse(lines)["message"].is_not_null()
    if not fits.any():
        return fits
    for form in all_formats.formats(settings).values():
        if form.detectable and form.name != _NAME:
            fits &= ~(form.read(lines)["message"].is_not_null() if form.marks is None else form.marks(lines))
    return fits
