"""The numbers among the parameters of lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.signals.batch import Batch, Floats, Ints, order_of
from rationanomaly.signals.equal_runs import nth_of

#: Places of a template that are read.
_MOST_PLACES = 16
#: What may stand around a number.
_AROUND = "()[]{}<>,;:'\"="
_WITH_UNIT = r"^([+-]?\d{1,15}(?:\.\d{1,15})?)(ns|us|µs|ms|s|B|KB|kB|KiB|MB|MiB|GB|GiB|%)$"
_NUMBER = r"^[()\[\]{}<>,;:'\"=]*[+-]?\d[\d.]*(?:[eE][+-]?\d+)?(?:[nuµm]?s|[kKMG]?i?B|%)?[()\[\]{}<>,;:'\"=]*$"
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
_FEW = 600
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
    order = order_of(batch.t[row] * _MOST_PLACES + place)
    return Numbers(row[order], batch.t[row][order], place[order], value[order])


def _query(lines: pl.DataFrame) -> tuple[Ints, Ints, Floats]:
    """Row, place and value of all numbers."""
    lists = lines["parameters"]
    sizes = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    rows, place = np.repeat(np.arange(len(sizes)), sizes), nth_of(sizes)
    # What becomes of an empty list depends on the version of polars.
    words = (lists if sizes.all() else lists.filter(pl.Series(sizes > 0))).explode()
    value = words.cast(pl.Float64, strict=False).to_numpy().copy()
    # Few numbers have a unit or something around them.
    unread = np.isnan(value) & (place < _MOST_PLACES)
    if unread.any():
        unread &= words.str.contains(_NUMBER).fill_null(False).to_numpy()
    if unread.any():
        inner = words.filter(pl.Series(unread)).str.strip_chars(_AROUND)
        parts = inner.str.extract_groups(_WITH_UNIT).struct.unnest()
        factor = parts["2"].replace_strict(_UNITS, default=None, return_dtype=pl.Float64)
        plain = inner.cast(pl.Float64, strict=False).to_numpy()
        with_unit = (parts["1"].cast(pl.Float64, strict=False) * factor).to_numpy()
        value[unread] = np.where(np.isnan(plain), with_unit, plain)
    kept = (place < _MOST_PLACES) & (np.abs(value) < _LARGEST)
    return rows[kept], place[kept], value[kept]


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
    if not word or not (word[0].isdigit() or word[0] in "+-."):
        return None
    number = word.rstrip("".join(_LETTERS))
    factor = _UNITS.get(word[len(number) :]) if number != word else 1.0
    try:
        odd = "_" in number or not number.isascii() or (number != word and "e" in number.lower())
        return None if factor is None or odd else float(number) * factor
    except ValueError:
        return None
