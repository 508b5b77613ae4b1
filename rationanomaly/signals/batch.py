"""A batch of lines as signals see it: templates and nodes as numbers, times as seconds, lines sorted by all three."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rationanomaly.signals.alert import MAX_MESSAGE, LineRef
from rationanomaly.signals.equal_runs import starts_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: The attributes of a `LineRef`, in their order.
LineValues = tuple[str, int, float | None, str | None, str]
#: What stands between a template id and a node in the key of a pair; not in a template id.
_JOINT = "\x1f"
#: Bits of a time within a batch, in milliseconds: half a year.
_TIME_BITS = 34
#: Below, Python's dictionaries are faster than a query of polars.
_FEW = 5000
#: Numbers of names that are kept before they begin anew.
_NAMES = 500_000
#: Bits of a node's number in that of a pair.
_NODE_BITS = 31
#: Columns that evidence is made of.
_EVIDENCE = ("time", "source", "line", "node", "message")
_SMALL_BATCH = 200
#: Keys are counted in an array as long as it is not so many times longer than the lines.
_SPARSE = 8
#: Keys below are sorted digit by digit.
_SMALL = 2**16


class Names:
    """Numbers of templates and nodes that last longer than a batch.

    Attributes:
        epoch: rises when the numbers begin anew, so that they stay bounded.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self._templates: dict[str, int] = {}
        self._nodes: dict[str | None, int] = {}
        self._of_node: list[str | None] = []

    def bound(self) -> None:
        """Begin anew if there are too many."""
        if len(self._templates) + len(self._nodes) > _NAMES:
            self.epoch += 1
            self._templates, self._nodes, self._of_node = {}, {}, []

    def templates(self, ids: Sequence[str]) -> Ints:
        """Numbers of template ids."""
        known = self._templates
        return np.fromiter((known.setdefault(one, len(known)) for one in ids), np.int64, len(ids))

    def nodes(self, nodes: Sequence[str | None]) -> Ints:
        """Numbers of nodes; no node and one without a name are the same."""
        return np.fromiter(map(self._node, nodes), np.int64, len(nodes))

    def code(self, template_id: str, node: str | None) -> int:
        """The number of a pair."""
        return int(self.templates([template_id])[0]) << _NODE_BITS | self._node(node)

    def node(self, number: int) -> str | None:
        """The node that has a number."""
        return self._of_node[number]

    def _node(self, node: str | None) -> int:
        found = self._nodes.setdefault(node or None, len(self._nodes))
        if found == len(self._of_node):
            self._of_node.append(node or None)
        return found


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
        minute: of each line, since 1970.

    Args:
        lines: `JUDGED_LINES`, at least one.
        at: time of each line, in seconds since 1970.
        names: of templates and nodes.
        sources: of the lines, and for each line its place among them.
    """

    def __init__(
        self, lines: pl.DataFrame, at: Floats, names: Names, sources: tuple[list[str | None], Ints] | None = None
    ) -> None:
        self.lines = lines
        self.at = at
        ids, self.t = encode(lines["template_id"])
        self.templates = [one or "" for one in ids]
        self.nodes, self.n = encode(lines["node"])
        if "" in self.nodes:
            self.nodes, self.n = encode(lines["node"].replace("", None))
        rows = np.arange(len(at))
        self.last = np.zeros(len(ids), np.int64)
        self.last[self.t] = rows
        self.first = np.zeros(len(ids), np.int64)
        self.first[self.t[::-1]] = rows[::-1]
        self.texts = [text or "" for text in lines["template"][self.first].to_list()]
        # In a small batch nearly all lines are asked for.
        self._evidence = self._read(None) if len(at) <= _SMALL_BATCH else None
        self.sources, self.s = encode(lines["source"]) if sources is None else sources
        names.bound()
        self._template_numbers, self._node_numbers = names.templates(self.templates), names.nodes(self.nodes)
        pair = self.t * len(self.nodes) + self.n
        if len(at) < 2 or bool(np.all(at[1:] >= at[:-1])):
            self.order = order_of(pair)
        else:
            offset = np.clip((at - at.min()) * 1000, 0, 2**_TIME_BITS - 1).astype(np.int64)
            self.order = np.argsort((pair << _TIME_BITS) | offset, kind="stable")
        self.pairs = starts_of(pair[self.order])
        self.minute = (at // 60).astype(np.int64)

    def codes(self, t: Ints, n: Ints) -> Ints:
        """Numbers of pairs, from places of templates and nodes; see `Names.code`."""
        found: Ints = (self._template_numbers[t] << _NODE_BITS) | self._node_numbers[n]
        return found

    def each_ref(self, rows: Ints) -> list[LineRef]:
        """Lines as evidence, in the order asked for."""
        return [LineRef(*line) for line in self.each_values(rows)]

    def each_values(self, rows: Ints) -> list[LineValues]:
        """What the lines as evidence hold, in the order asked for: much cheaper than `LineRef` where few are used."""
        if not len(rows):
            return []
        if self._evidence is not None:
            return list(map(self._evidence.__getitem__, rows.tolist()))
        return self._read(rows)

    def _read(self, rows: Ints | None) -> list[LineValues]:
        columns = [self.lines[name] for name in _EVIDENCE]
        if rows is not None:
            places = pl.Series(rows, dtype=pl.UInt32)
            columns = [one[places] for one in columns]
        moments, *others = (one.to_list() for one in (columns[0].cast(pl.Int64), *columns[1:]))
        return [
            (source or "", line or 0, None if us is None else us / 1e6, node, (message or "")[:MAX_MESSAGE])
            for us, source, line, node, message in zip(moments, *others, strict=True)
        ]


def some_of(rows: Ints, limit: int = 5) -> tuple[int, ...]:
    """Rows that stand for all, rising: the first of them and the last, where there are too many."""
    rows = np.unique(rows)
    chosen = rows if len(rows) <= limit else np.concatenate([rows[: limit - 1], rows[-1:]])
    return tuple(chosen.tolist())


def grouped(keys: Ints) -> tuple[Ints, Ints, Ints]:
    """The different keys of lines, rising; how many lines have each; and the row of the last one."""
    size = int(keys.max()) + 1
    if size > _SPARSE * len(keys) + _FEW:
        unique, keys = np.unique(keys, return_inverse=True)
        return unique, *grouped(keys)[1:]
    counts = np.bincount(keys, minlength=size)
    last = np.zeros(size, np.int64)
    last[keys] = np.arange(len(keys))
    found = np.flatnonzero(counts)
    return found, counts[found], last[found]


def order_of(keys: Ints) -> Ints:
    """Places by key, those of one key in their order; fast where keys are small."""
    small = int(keys.max(initial=0)) < _SMALL
    return np.argsort(keys.astype(np.uint16) if small else keys, kind="stable")


def encode(values: pl.Series) -> tuple[list[str | None], Ints]:
    """The different values in the order in which they come, and for each value its place among them."""
    if len(values) < _FEW:
        places: dict[str | None, int] = {}
        found = [places.setdefault(value, len(places)) for value in values.to_list()]
        return list(places), np.array(found, np.int64)
    if not values.null_count() and bool((values == values[0]).all()):
        return [values[0]], np.zeros(len(values), np.int64)
    # A text that no value has stands for null, which a type of categories can't hold.
    filled = values.fill_null(_JOINT) if values.null_count() else values
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


def pair_key(template_id: str, node: str | None) -> str:
    """The key of a template on a node."""
    return f"{template_id}{_JOINT}{node or ''}"


def pair_of(key: str) -> tuple[str, str | None]:
    """What `pair_key` was given."""
    template_id, _, node = key.partition(_JOINT)
    return template_id, node or None


def node_numbers(codes: Ints) -> Ints:
    """The nodes' numbers in those of pairs; see `Names.code`."""
    return codes & ((1 << _NODE_BITS) - 1)


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
