"""One JSON object a line, such as structured logs of applications and OpenTelemetry log records."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from rationanomaly.params import JsonParams, ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, iso_time


def formats(settings: ParseParams | None) -> list[Format]:
    """JSON lines, with the field names that the user gives."""
    if settings is None:
        return []
    return [Format("json", "JSON lines, OpenTelemetry log records", partial(parse, fields=settings.json_fields))]


def parse(lines: pl.DataFrame, fields: JsonParams) -> pl.DataFrame:
    """The first of the named fields that a line has counts; a line without a message does not fit."""
    columns = {name: _first(getattr(fields, name)) for name in ("message", "time", "node", "alert")}
    found = lines.select(**columns)
    alert = pl.col("alert").str.to_lowercase().is_in(["", "-", "0", "false", "no", "none", "normal"])
    return found.select(
        "message", "node", time=pl.coalesce(iso_time(pl.col("time")), epoch_time(pl.col("time"))), alert=~alert
    )


def _first(names: Sequence[str]) -> pl.Expr:
    if not names:
        return pl.lit(None, pl.String)
    return pl.coalesce(pl.col("raw").str.json_path_match(_path(name)) for name in names)


def _path(name: str) -> str:
    """``body.stringValue`` as a JSON path; a name with a dot in itself is written as a path (``$['a.b']``)."""
    if name.startswith("$"):
        return name
    return "$" + "".join(f"['{part}']" for part in name.split("."))
