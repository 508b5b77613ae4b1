"""Log formats: one file each, one entry in `FORMATS`, one test.

A format reads the column ``raw`` of a frame, one line a row, and gives one row for each with the columns of
`FIELDS`. A line that does not fit has a null ``message``. Formats use polars expressions only: vectorised, and
linear in the length of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from rationanomaly.errors import ParamsError

#: What a format gives for each line; all but the message may be null.
FIELDS = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"),
        "node": pl.String(),
        "alert": pl.Boolean(),
        "message": pl.String(),
    }
)


@dataclass(frozen=True)
class Format:
    """A log format.

    Attributes:
        name: as in ``data.format``.
        summary: what writes it, a few words.
        read: from a frame with the column ``raw`` to a frame of as many rows with the columns of `FIELDS`.
        keys: regular expression of what groups lines to sessions (all its matches in a message), or None.
    """

    name: str
    summary: str
    read: Callable[[pl.DataFrame], pl.DataFrame]
    keys: str | None = None


def formats() -> Mapping[str, Format]:
    """All formats by name."""
    from rationanomaly.parse.formats import bgl, simulated

    return {entry.name: entry for entry in (simulated.FORMAT, bgl.FORMAT, bgl.THUNDERBIRD)}


def find(name: str) -> Format:
    """The format of a name.

    Raises:
        ParamsError: no format of that name.
    """
    known = formats()
    if name not in known:
        raise ParamsError(
            f"`data.format`: no format `{name}`", mend=f"Use one of {', '.join(sorted(known))}, templates"
        )
    return known[name]
