"""logfmt, as Go programs (Prometheus, Loki, Grafana, logrus) and Heroku write it: ``level=info msg="done" n=3``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.json_lines import written_time
from rationanomaly.parse.formats.json_objects import one_line
from rationanomaly.parse.formats.levels import full_level

_STARTS = r'^\s*[A-Za-z_@][^\s="]*='
#: A pair whose value is quoted or has no blank, or a word without a value.
_PART = r'[^\s="]+="(?:[^"\\]|\\.)*",?|[^\s]+'
_KEY, _VALUE = r'^([^\s="]+)=', r"(?s)^[^=]+=(.*?),?$"
_ESCAPED_BREAK = r"\\[nrt]"
#: Field → its keys; the first of them that a line has counts.
_KEYS: dict[str, Sequence[str]] = {
    "time": ("ts", "time", "t", "timestamp", "@timestamp", "datetime"),
    "level": ("level", "lvl", "severity", "loglevel", "log.level", "at"),
    "message": ("msg", "message", "@message"),
    "logger": ("logger", "component", "module", "caller", "source"),
    "node": ("host", "hostname", "node", "instance"),
    "thread": ("thread", "goroutine"),
}
_FIELDS = {key: field for field, keys in _KEYS.items() for key in keys}
_PLACES = {key: place for keys in _KEYS.values() for place, key in enumerate(keys)}
#: Fields of which a second one says nothing new either.
_NO_TEXT = ("time", "level", "logger")
#: A source, unlike a caller, may be anything.
_POSITION = r"^[^\s]+\.[A-Za-z]{1,5}:[0-9]+$"
#: A time of day or a duration is no time.
_EARLIEST = datetime(1973, 1, 1, tzinfo=UTC)


def formats(_settings: ParseParams | None) -> list[Format]:
    """logfmt."""
    return [Format("logfmt", "key=value pairs of Go programs and Heroku", parse, is_dated=False, marks=_are_logfmt)]


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The message is the text of the pair ``msg`` and, in their order, the pairs that belong to no other field."""
    return _read(lines).with_columns(pl.col("message").map_batches(one_line, pl.String))


def _are_logfmt(lines: pl.DataFrame) -> pl.Series:
    """Other logs have pairs as well; two of the three that make a log line are a mark."""
    found = _read(lines)
    named = pl.sum_horizontal(pl.col("time", "level", "text").is_not_null().cast(pl.UInt8))
    return found.select(named >= 2).to_series()


def _read(lines: pl.DataFrame) -> pl.DataFrame:
    """The columns of `formats.FIELDS` that there are, and ``text``, that of the pair for it."""
    parts = _parts(lines["raw"])
    known = _known(parts)
    read = lines.select(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    spent = known.filter(pl.col("field").is_in(_NO_TEXT))["part"]
    for field in _KEYS:
        chosen = known.filter(pl.col("field") == field).sort("row", "place", "part").unique("row", maintain_order=True)
        spent = spent.append(chosen["part"])
        value = chosen.select("row", pl.col("time" if field == "time" else "value").alias(field))
        read = read.join(value, on="row", how="left", maintain_order="left")
    is_left = pl.Series([True]).new_from_index(0, parts.height).scatter(spent, False)
    remainder = parts.filter(is_left)
    texts = remainder.group_by("row", maintain_order=True).agg(pl.col("written").str.join(" ").alias("remainder"))
    read = read.join(texts, on="row", how="left", maintain_order="left")
    whole = pl.concat_str("message", "remainder", separator=" ", ignore_nulls=True).str.strip_chars(" ")
    fits = lines["raw"].str.contains(_STARTS)
    return read.select(
        "time",
        "node",
        "thread",
        level=full_level(pl.col("level")),
        logger=pl.col("logger").str.replace(r":[0-9]+$", ""),
        text="message",
        message=pl.when(fits).then(whole),
    )


def _parts(raw: pl.Series) -> pl.DataFrame:
    """The parts of the lines that begin with a pair: ``row``, ``part`` (its number), ``written`` and ``key``."""
    rows = pl.DataFrame({"row": pl.int_range(raw.len(), dtype=pl.UInt32, eager=True), "raw": raw})
    rows = rows.filter(pl.col("raw").str.contains(_STARTS))
    parts = rows.select("row", pl.col("raw").str.extract_all(_PART).alias("written")).explode("written")
    return parts.with_columns(part=pl.int_range(pl.len(), dtype=pl.UInt32), key=pl.col("written").str.extract(_KEY))


def _known(parts: pl.DataFrame) -> pl.DataFrame:
    """The parts with a key of a field and a value that suits it: ``field``, ``place`` among its keys, ``value``."""
    known = parts.filter(pl.col("key").is_in(list(_FIELDS)))
    value = pl.col("written").str.extract(_VALUE)
    known = known.with_columns(
        field=pl.col("key").replace_strict(_FIELDS, return_dtype=pl.String),
        place=pl.col("key").replace_strict(_PLACES, return_dtype=pl.UInt8),
        value=value.map_batches(_unquoted, pl.String),
    )
    is_time = pl.col("field") == "time"
    known = known.with_columns(time=written_time(pl.when(is_time).then("value")))
    suits = (
        pl.when(is_time)
        .then(pl.col("time") >= _EARLIEST)
        .when(pl.col("field") == "level")
        .then(full_level(pl.col("value")).is_not_null())
        .when(pl.col("key") == "source")
        .then(pl.col("value").str.contains(_POSITION))
        .otherwise((pl.col("field") == "message") | (pl.col("value") != ""))
    )
    return known.filter(suits)


def _unquoted(values: pl.Series) -> pl.Series:
    """Values without quotes; what is escaped in them stands for itself, and line breaks and tabs are blanks."""
    values = values.str.replace('(?s)^"(.*?)"?$', "$1")
    places = values.str.contains("\\", literal=True).fill_null(False).arg_true()
    if not places.len():
        return values
    # NUL keeps the place of a backslash: lines of a log have none left.
    some = values.gather(places).str.replace_all(r"\\", "\0", literal=True).str.replace_all(r"\\u001[bB]", "\x1b")
    some = some.str.replace_all(_ESCAPED_BREAK, " ").str.replace_all(r"\\(.)", "$1")
    return values.clone().scatter(places, some.str.replace_all("\0", "\\", literal=True))
