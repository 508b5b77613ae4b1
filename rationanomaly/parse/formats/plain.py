"""Lines without a form: each is a message."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format


def formats(_settings: ParseParams | None) -> list[Format]:
    """Plain lines; never detected, for everything would fit."""
    return [Format("plain", "each line is a message", parse, detectable=False, is_dated=False)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The line itself."""
    return lines.select(message="raw")
