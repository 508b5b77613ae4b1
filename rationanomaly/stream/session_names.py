"""The names of the sessions that each line of a stream belongs to, as `parse.sessions` would name them in a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from rationanomaly.params import SessionParams
from rationanomaly.parse.sessions import TimeWindows, assigner

_OF_NODE = "node"


class SessionNames:
    """Adds ``sessions`` to the records of a stream as they come.

    Args:
        settings: the params section ``parse.sessions``.
        keys: regular expression of the format's own keys, if it has them.
        prefix: stands before the names of windows, which another stream has, too.

    Raises:
        ParamsError: the key is no regular expression of the linear-time kind.
    """

    def __init__(self, settings: SessionParams, keys: str | None, prefix: str = "") -> None:
        self._kind, self._size, self._prefix = settings.kind, settings.lines, prefix
        self._key = settings.key or keys or _OF_NODE
        self._seen = 0
        windows = assigner(settings, keys)
        self._windows = windows if isinstance(windows, TimeWindows) else None

    def add(self, records: pl.DataFrame) -> pl.DataFrame:
        """The records with ``sessions``, a list of names; null for a record that belongs to none.

        Args:
            records: ``line``, ``time``, ``node``, ``message``.
        """
        if self._windows is not None:
            return self._by_time(records, self._windows)
        if self._kind == "lines":
            number = pl.int_range(self._seen, self._seen + pl.len()) // self._size + 1
            self._seen += records.height
            return records.with_columns(sessions=_one(pl.lit(self._window) + number.cast(pl.String)))
        if self._key == _OF_NODE:
            return records.with_columns(sessions=pl.when(pl.col("node").is_not_null()).then(_one(pl.col("node"))))
        keys = pl.col("message").str.extract_all(self._key).list.unique(maintain_order=True)
        return records.with_columns(sessions=keys).with_columns(
            sessions=pl.when(pl.col("sessions").list.len() > 0).then("sessions")
        )

    @property
    def _window(self) -> str:
        # No format string: the name of a stream may hold braces.
        return f"{self._prefix}window "

    def state(self) -> dict[str, Any]:
        """What `restore` needs to continue behind the records so far, as JSON values."""
        return {"seen": self._seen, "window": None if self._windows is None else self._windows.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._seen = state["seen"]
        if self._windows is not None and state["window"] is not None:
            self._windows.restore(state["window"])

    def _by_time(self, records: pl.DataFrame, windows: TimeWindows) -> pl.DataFrame:
        if not windows.can_name(records):
            # A stream waits for no line: those before the first that has a time belong to no window.
            return records.with_columns(sessions=pl.lit(None, pl.List(pl.String)))
        named = windows.assign(records)
        return named.with_columns(sessions=_one(pl.lit(self._prefix) + pl.col("session"))).drop("session")


def name_together(members: Sequence[tuple[SessionNames, int]], records: pl.DataFrame) -> pl.DataFrame:
    """As `SessionNames.add` for the records of several streams of one format.

    Args:
        members: of each stream, in the order of the records, what names them and how many there are.
        records: ``line``, ``time``, ``node``, ``message``.
    """
    first = members[0][0] if members else None
    if first is None or first._windows is not None:
        starts = np.cumsum([0, *(size for _, size in members)])
        parts = [names.add(records.slice(start, size)) for (names, size), start in zip(members, starts, strict=False)]
        return pl.concat(parts) if parts else records.with_columns(sessions=pl.lit(None, pl.List(pl.String)))
    if first._kind != "lines":
        return first.add(records)  # What a record says itself names its session.
    seen, windows = list[np.ndarray](), list[str]()
    for names, size in members:
        seen.append(np.arange(names._seen, names._seen + size))
        windows.append(names._window)
        names._seen += size
    number = pl.Series(np.concatenate(seen) // first._size + 1).cast(pl.String)
    own = pl.Series(windows).gather(np.repeat(np.arange(len(members)), [size for _, size in members]))
    return records.with_columns(_one(pl.lit(own + number)).alias("sessions"))


def _one(name: pl.Expr) -> pl.Expr:
    """Lists of one name each."""
    return name.reshape((-1, 1)).arr.to_list()
