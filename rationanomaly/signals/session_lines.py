"""The lines of a batch by session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from rationanomaly.signals.batch import Batch, Ints, LineValues, encode, order_of
from rationanomaly.signals.equal_runs import sizes_of, starts_of

#: Below, Python is faster than a query of polars.
_FEW = 600


class SessionLines(NamedTuple):
    """The lines of a session in a batch.

    Attributes:
        name: of the session.
        first, last: its first line and its last.
        events: template id → number of lines, in the order of their first lines.
        start, end: lowest and highest time, in seconds since 1970.
        begin: time of the first line.
        pause: longest step of time from a line to the next; -inf of a single line.
    """

    name: str
    first: LineValues
    last: LineValues
    events: dict[str, int]
    start: float
    end: float
    begin: float
    pause: float


def session_lines(batch: Batch) -> Iterator[SessionLines]:
    """The sessions of a batch, in the order in which they come; lines that belong to none are left out."""
    rows, named = _named(batch.lines["sessions"])
    if not len(rows):
        return
    names, codes = encode(named)
    order = order_of(codes)
    rows, codes = rows[order], codes[order]
    starts = starts_of(codes)
    ends = starts + sizes_of(starts, len(rows)) - 1
    at = batch.at[rows]
    steps = np.full(len(at), -np.inf)
    steps[1:] = at[1:] - at[:-1]
    steps[starts] = -np.inf
    bounds = [np.minimum.reduceat(at, starts), np.maximum.reduceat(at, starts), at[starts]]
    columns = [one.tolist() for one in (*bounds, np.maximum.reduceat(steps, starts))]
    lines = batch.each_values(np.concatenate([rows[starts], rows[ends]]))
    count = len(starts)
    events = _events(batch, rows, codes)
    for name, first, last, *values in zip(names, lines[:count], lines[count:], events, *columns, strict=True):
        yield SessionLines(name or "", first, last, *values)


def _named(lists: pl.Series) -> tuple[Ints, pl.Series]:
    """Rows and names of the sessions that lines belong to, one for each line and session."""
    if len(lists) < _FEW:
        pairs = [(row, name) for row, names in enumerate(lists.to_list()) for name in names or () if name is not None]
        return np.array([row for row, _ in pairs], np.int64), pl.Series([name for _, name in pairs], dtype=pl.String)
    sizes = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    # What becomes of an empty list depends on the version of polars.
    named = (lists if sizes.all() else lists.filter(pl.Series(sizes > 0))).explode() if len(rows) else pl.Series()
    if named.null_count():
        rows, named = rows[named.is_not_null().to_numpy()], named.drop_nulls()
    return rows, named


def _events(batch: Batch, rows: Ints, codes: Ints) -> Iterator[dict[str, int]]:
    """Numbers of lines by template, of each session.

    Args:
        batch: see there.
        rows: of lines by session, then in their order.
        codes: of their sessions, rising.
    """
    keys = codes * len(batch.templates) + batch.t[rows]
    order = np.argsort(keys, kind="stable")
    starts = starts_of(keys[order])
    firsts, counts = order[starts], sizes_of(starts, len(order))
    # Places rise with the session and then with the line, so that first lines are in order by them.
    by_line = np.argsort(firsts)
    firsts, counts = firsts[by_line], counts[by_line]
    ids = [batch.templates[t] for t in batch.t[rows[firsts]].tolist()]
    numbers = counts.tolist()
    begins = starts_of(codes[firsts]).tolist()
    for begin, end in zip(begins, [*begins[1:], len(ids)], strict=True):
        yield dict(zip(ids[begin:end], numbers[begin:end], strict=True))
