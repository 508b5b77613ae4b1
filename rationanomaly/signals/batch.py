"""A batch of lines as signals see it: templates and nodes as numbers, times as seconds, lines sorted by all three."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rationanomaly.signals.alert import MAX_MESSAGE, LineRef

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: What stands between a template id and a node in the key of a pair; not in a template id.
_JOINT = "\x1f"
#: Bits of a time within a batch, in milliseconds: half a year.
_TIME_BITS = 34
#: Below, Python's dictionaries are faster than a query of polars.
_FEW = 5000


@dataclass(frozen=True)
class Cells:
    """Lines of one template, node and minute; one entry of each array per cell, by template, node and time.

    Attributes:
        t, n: places in ``templates`` and ``nodes`` of the batch.
        minute: since 1970.
        count: of lines.
        first, last: rows of the first and the last line.
    """

    t: Ints
    n: Ints
    minute: Ints
    count: Ints
    first: Ints
    last: Ints


class Batch:
    """A batch of lines.

    Attributes:
        lines: `JUDGED_LINES`.
        at: time of each line, in seconds since 1970.
        t, n: places of each line's template and node in ``templates`` and ``nodes``.
        templates: template ids, in the order of their first lines.
        texts: of the templates.
        nodes: None stands for lines that name none.
        first, last: rows of the first and last line of each template.
        order: rows by template, node and time.
        pairs: places in ``order`` where another template or node begins.
        cells: see `Cells`.

    Args:
        lines: `JUDGED_LINES`, at least one.
        at: time of each line, in seconds since 1970.
    """

    def __init__(self, lines: pl.DataFrame, at: Floats) -> None:
        self.lines = lines
        self.at = at
        ids, self.t = encode(lines["template_id"])
        self.templates = [one or "" for one in ids]
        self.nodes, self.n = encode(lines["node"])
        rows = np.arange(len(at))
        self.last = np.zeros(len(ids), np.int64)
        self.last[self.t] = rows
        self.first = np.zeros(len(ids), np.int64)
        self.first[self.t[::-1]] = rows[::-1]
        templates = lines["template"]
        self.texts = [templates[int(row)] or "" for row in self.first]
        offset = np.clip((at - at.min()) * 1000, 0, 2**_TIME_BITS - 1).astype(np.int64)
        pair = self.t * len(self.nodes) + self.n
        self.order = np.argsort((pair << _TIME_BITS) | offset, kind="stable")
        self.pairs = _starts(pair[self.order])
        minute = (at // 60).astype(np.int64)
        self.cells = self._cells(minute)

    def _cells(self, minute: Ints) -> Cells:
        order = self.order
        starts = np.union1d(self.pairs, _starts(minute[order]))
        first, last = order[starts], order[np.append(starts[1:], len(order)) - 1]
        count = np.diff(starts, append=len(order))
        return Cells(self.t[first], self.n[first], minute[first], count, first, last)

    def ref(self, row: int) -> LineRef:
        """A line as evidence."""
        return line_ref(self.lines.row(int(row), named=True))

    def refs(self, rows: Ints, most: int = 5) -> tuple[LineRef, ...]:
        """Lines as evidence, oldest first: the first of them and the last, where there are too many."""
        rows = np.unique(rows)
        kept = rows if len(rows) <= most else np.concatenate([rows[: most - 1], rows[-1:]])
        return tuple(map(self.ref, kept.tolist()))


def encode(values: pl.Series) -> tuple[list[str | None], Ints]:
    """The different values in the order in which they come, and for each value its place among them."""
    if len(values) < _FEW:
        places: dict[str | None, int] = {}
        found = [places.setdefault(value, len(places)) for value in values.to_list()]
        return list(places), np.array(found, np.int64)
    # A text that no value has stands for null, which a type of categories can't hold.
    filled = values.fill_null(_JOINT)
    unique = filled.unique(maintain_order=True)
    codes = filled.cast(pl.Enum(unique)).to_physical().to_numpy().astype(np.int64)
    return [None if value == _JOINT else value for value in unique.to_list()], codes


def times(lines: pl.DataFrame, now: float) -> Floats:
    """Times of lines in seconds since 1970; of one that names none that of the line before, else ``now``."""
    at = lines["time"].cast(pl.Int64).to_numpy().astype(np.float64) / 1e6
    missing = np.isnan(at)
    if missing.any():
        at[0] = now if missing[0] else at[0]
        known = np.maximum.accumulate(np.where(missing, 0, np.arange(len(at))))
        at = at[known]
    return at


def _starts(values: Ints) -> Ints:
    """Places where another value begins."""
    return np.flatnonzero(np.append(True, values[1:] != values[:-1]))


def pair_key(template_id: str, node: str | None) -> str:
    """The key of a template on a node."""
    return f"{template_id}{_JOINT}{node or ''}"


def pair_of(key: str) -> tuple[str, str | None]:
    """What `pair_key` was given."""
    template_id, _, node = key.partition(_JOINT)
    return template_id, node or None


def line_ref(line: dict[str, Any]) -> LineRef:
    """A row of `JUDGED_LINES` as evidence."""
    time: datetime | None = line["time"]
    return LineRef(
        source=line["source"] or "",
        line=line["line"] or 0,
        time=None if time is None else time.timestamp(),
        node=line["node"],
        message=(line["message"] or "")[:MAX_MESSAGE],
    )
