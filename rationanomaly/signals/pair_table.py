"""A keyed table of templates on nodes, found by numbers: names are put together only where a pair is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rationanomaly.signals.batch import Batch, Ints, Names, pair_key, pair_of
from rationanomaly.signals.keyed_table import NO_ROW, Array, Column, KeyedTable

#: A pair seen within so many seconds makes no room for a new one, so that too many pairs don't take turns.
_IN_USE_SECONDS = 3600.0


class PairTable(KeyedTable):
    """Rows by template and node.

    Attributes:
        codes: `Names.code` of each row; -1 where a row is free.

    Args:
        capacity: number of rows at most.
        columns: by name.
        names: of templates and nodes.
    """

    def __init__(self, capacity: int, columns: Mapping[str, Column], names: Names) -> None:
        self._names, self._epoch = names, names.epoch
        super().__init__(capacity, columns)

    def _clear(self) -> None:
        super()._clear()
        self._codes = np.full(len(self._seen), -1, np.int64)
        self._row_of: dict[int, int] = {}

    @property
    def codes(self) -> Ints:
        """See the class."""
        self._follow_names()
        return self._codes[: len(self.keys)]

    def rows_of(self, batch: Batch, t: Ints, n: Ints, now: float) -> Ints:
        """The rows of some pairs, made where they are missing.

        Args:
            batch: see there.
            t: places of the templates in the batch.
            n: places of the nodes; each pair at most once.
            now: when they are seen.

        Returns:
            one number per pair; `NO_ROW` for a pair for which there is no room.
        """
        codes = batch.codes(t, n)
        found = self.find(codes)
        self._seen[found[found >= 0]] = now
        missing = np.flatnonzero(found < 0)[: self._room(now)]
        if len(missing):
            pairs = zip(t[missing].tolist(), n[missing].tolist(), strict=True)
            new = self.rows([pair_key(batch.templates[a], batch.nodes[b]) for a, b in pairs], now)
            found[missing] = new
            kept = new >= 0
            self._codes[new[kept]] = codes[missing[kept]]
            self._row_of.update(zip(codes[missing[kept]].tolist(), new[kept].tolist(), strict=True))
        return found

    def find(self, codes: Ints) -> Ints:
        """The rows that have some codes; `NO_ROW` where there is none."""
        self._follow_names()
        row_of = self._row_of
        return np.array([row_of.get(code, NO_ROW) for code in codes.tolist()], np.int64)

    def drop(self, rows: Array) -> None:
        """Free some rows, and empty them."""
        super().drop(rows)
        for code in self._codes[rows].tolist():
            self._row_of.pop(code, None)
        self._codes[rows] = -1

    def load(self, keys: Sequence[str | None], columns: Mapping[str, Array]) -> None:
        """Take what `dump` gave; see `KeyedTable.load`."""
        super().load(keys, columns)
        self._bind()

    def _room(self, now: float) -> int:
        left = self._capacity - len(self._index)
        return left if left >= self._capacity // 4 else left + int(np.sum(self.seen < now - _IN_USE_SECONDS))

    def _grow(self) -> None:
        super()._grow()
        self._codes = np.append(self._codes, np.full(len(self._seen) - len(self._codes), -1, np.int64))

    def _follow_names(self) -> None:
        if self._epoch != self._names.epoch:
            self._bind()

    def _bind(self) -> None:
        """Number the pairs anew."""
        self._epoch = self._names.epoch
        self._codes = np.full(len(self._seen), -1, np.int64)
        codes = [-1 if key is None else self._names.code(*pair_of(key)) for key in self.keys]
        self._codes[: len(codes)] = codes
        self._row_of = {code: row for row, code in enumerate(codes) if code >= 0}
