"""A bounded table of numbers by key, in columns for numpy; the keys longest unseen make room for new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: What stands for a key that found no room.
NO_ROW = -1
_FIRST_ROWS = 64
#: Share of the rows that are given up at once, so that this is rare.
_GIVEN_UP = 0.1


@dataclass(frozen=True)
class Column:
    """A column: its type, the shape of one cell, and what a new row holds."""

    dtype: Any
    shape: tuple[int, ...] = ()
    fill: float = 0


class KeyedTable:
    """Rows by key.

    Attributes:
        keys: of each row; None where a row is free.
        seen: when each row's key was last asked for; -inf where a row is free.

    Args:
        capacity: number of rows at most.
        columns: by name.
    """

    def __init__(self, capacity: int, columns: Mapping[str, Column]) -> None:
        self._capacity = capacity
        self._columns = dict(columns)
        self._clear()

    def _clear(self) -> None:
        self.keys: list[str | None] = []
        self._index: dict[str, int] = {}
        self._free: list[int] = []
        size = min(_FIRST_ROWS, self._capacity)
        self._seen = np.full(size, -np.inf)
        self._data = {name: np.full((size, *one.shape), one.fill, one.dtype) for name, one in self._columns.items()}

    def __len__(self) -> int:
        """Number of rows, free ones among them."""
        return len(self.keys)

    def __contains__(self, key: str) -> bool:
        """Whether a key has a row."""
        return key in self._index

    def __getitem__(self, column: str) -> Array:
        """A view of a column: changes show in the table."""
        return self._data[column][: len(self.keys)]

    @property
    def seen(self) -> Array:
        """See the class."""
        return self._seen[: len(self.keys)]

    def row(self, key: str) -> int:
        """The row of a key; `NO_ROW` if it has none."""
        return self._index.get(key, NO_ROW)

    def key(self, row: int) -> str:
        """The key of a row that is in use."""
        key = self.keys[row]
        if key is None:
            raise KeyError(row)
        return key

    def rows(self, keys: Sequence[str], now: float) -> NDArray[np.int64]:
        """The rows of some keys, made where they are missing.

        Args:
            keys: each at most once.
            now: when they are seen.

        Returns:
            one number per key; `NO_ROW` for a key for which there is no room beside the others.
        """
        found = np.fromiter((self._index.get(key, NO_ROW) for key in keys), np.int64, len(keys))
        self._seen[found[found >= 0]] = now
        missing = np.flatnonzero(found < 0)
        if len(missing):
            self._make_room(len(missing), now)
        for place in missing.tolist():
            found[place] = self._new_row(keys[place], now)
        return found

    def rename(self, old: str, new: str) -> None:
        """Give the row of one key to another, which has none."""
        row = self._index.pop(old, NO_ROW)
        if row >= 0 and new not in self._index:
            self._index[new] = row
            self.keys[row] = new

    def drop(self, rows: Array) -> None:
        """Free some rows, and empty them."""
        for row in rows.tolist():
            key = self.keys[row]
            if key is not None:
                del self._index[key]
                self.keys[row] = None
                self._free.append(row)
        self._seen[rows] = -np.inf
        for name, column in self._columns.items():
            self._data[name][rows] = column.fill

    def _make_room(self, needed: int, now: float) -> None:
        left = self._capacity - len(self._index)
        if needed <= left:
            return
        old = np.flatnonzero(np.isfinite(self.seen) & (self.seen != now))
        count = min(len(old), max(needed - left, int(self._capacity * _GIVEN_UP)))
        if count:
            self.drop(old[np.argpartition(self.seen[old], count - 1)[:count]])

    def _new_row(self, key: str, now: float) -> int:
        if self._free:
            row = self._free.pop()
            self.keys[row] = key
        elif len(self.keys) < self._capacity:
            row = len(self.keys)
            self.keys.append(key)
            if row == len(self._seen):
                self._grow()
        else:
            return NO_ROW
        self._index[key] = row
        self._seen[row] = now
        return row

    def _grow(self) -> None:
        size = min(2 * len(self._seen), self._capacity)
        more = size - len(self._seen)
        self._seen = np.concatenate([self._seen, np.full(more, -np.inf)])
        for name, one in self._columns.items():
            added = np.full((more, *one.shape), one.fill, one.dtype)
            self._data[name] = np.concatenate([self._data[name], added])

    def dump(self) -> tuple[list[str | None], dict[str, Array]]:
        """Keys and columns, to be stored."""
        return self.keys, {name: self[name] for name in self._columns} | {"seen": self.seen}

    def load(self, keys: Sequence[str | None], columns: Mapping[str, Array]) -> None:
        """Take what `dump` gave, as far as there is room and the columns are those of today."""
        self._clear()
        known = [(row, key) for row, key in enumerate(keys) if key is not None][: self._capacity]
        if not known or any(name not in columns for name in [*self._columns, "seen"]):
            return
        rows = np.array([row for row, _ in known])
        if any(columns[name].shape[1:] != one.shape for name, one in self._columns.items()):
            return
        size = max(len(rows), len(self._seen))
        self._seen = np.full(size, -np.inf)
        self._seen[: len(rows)] = columns["seen"][rows]
        for name, one in self._columns.items():
            self._data[name] = np.full((size, *one.shape), one.fill, one.dtype)
            self._data[name][: len(rows)] = columns[name][rows]
        self.keys = [key for _, key in known]
        self._index = {key: row for row, (_, key) in enumerate(known)}
