"""The numbers among the parameters of lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.signals.batch import Batch, Floats, Ints

#: Places of a template that are read.
_MOST_PLACES = 16
#: What may stand around a number.
_AROUND = "()[]{}<>,;:'\"="
_WITH_UNIT = r"^([+-]?\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|s|B|KB|kB|KiB|MB|MiB|GB|GiB|%)$"
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "B": 1.0,
    "KB": 1e3,
    "kB": 1e3,
    "KiB": 2.0**10,
    "MB": 1e6,
    "MiB": 2.0**20,
    "GB": 1e9,
    "GiB": 2.0**30,
    "%": 1.0,
}
_LETTERS = sorted(set("".join(_UNITS)))
#: Below, Python is faster than a query of polars.
_FEW = 2000
#: Larger numbers are no quantities, but names.
_LARGEST = 1e15


@dataclass(frozen=True)
class Numbers:
    """Numbers in lines, by template and place, and then in the order of lines.

    Attributes:
        row: of the line.
        t: place of its template in the batch.
        place: among the template's parameters, from 0.
        value: in seconds, bytes, or as it is.
    """

    row: Ints
    t: Ints
    place: Ints
    value: Floats


def numbers(batch: Batch) -> Numbers:
    """The numbers of a batch.

    Units of time become seconds, units of size bytes.
    """
    row, place, value = _read(batch) if batch.lines.height < _FEW else _query(batch.lines)
    order = np.lexsort((row, place, batch.t[row]))
    return Numbers(row[order], batch.t[row][order], place[order], value[order])


def _query(lines: pl.DataFrame) -> tuple[Ints, Ints, Floats]:
    """Row, place and value of all numbers."""
    lists = lines.lazy().select("parameters").with_row_index("row")
    word = pl.col("word").str.strip_chars(_AROUND)
    number = word.str.extract(_WITH_UNIT, 1).cast(pl.Float64, strict=False)
    factor = word.str.extract(_WITH_UNIT, 2).replace_strict(_UNITS, default=None, return_dtype=pl.Float64)
    found = (
        lists.filter(pl.col("parameters").list.len() > 0)
        .with_columns(pl.int_ranges(pl.col("parameters").list.len()).alias("place"))
        .rename({"parameters": "word"})
        .explode("word", "place")
        .filter(pl.col("place") < _MOST_PLACES, pl.col("word").str.contains(r"[0-9]"))
        .select(
            pl.col("row").cast(pl.Int64),
            pl.col("place").cast(pl.Int64),
            value=pl.coalesce(word.cast(pl.Float64, strict=False), number * factor),
        )
        .filter(pl.col("value").is_finite(), pl.col("value").abs() < _LARGEST)
        .collect()
    )
    return found["row"].to_numpy(), found["place"].to_numpy(), found["value"].to_numpy()


def _read(batch: Batch) -> tuple[Ints, Ints, Floats]:
    """As `_query`, without the cost of a query."""
    found = [
        (row, place, value)
        for row, words in enumerate(batch.lines["parameters"].to_list())
        for place, word in enumerate((words or ())[:_MOST_PLACES])
        if word is not None and (value := _value(word.strip(_AROUND))) is not None and abs(value) < _LARGEST
    ]
    rows, places, values = zip(*found, strict=True) if found else ((), (), ())
    return np.array(rows, np.int64), np.array(places, np.int64), np.array(values, np.float64)


def _value(word: str) -> float | None:
    """The number that a word is, with its unit."""
    if not word or not word.isascii() or not (word[0].isdigit() or word[0] in "+-."):
        return None
    number = word.rstrip("".join(_LETTERS))
    factor = _UNITS.get(word[len(number) :]) if number != word else 1.0
    try:
        return None if factor is None or "_" in number else float(number) * factor
    except ValueError:
        return None
