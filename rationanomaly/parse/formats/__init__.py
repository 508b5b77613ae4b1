"""Log formats: one file each, one entry in `_MODULES`, one test.

A format reads the column ``raw`` of a frame, one line a row, and gives one row for each with columns of `FIELDS`.
A line that does not fit has a null ``message``. Formats use polars expressions only: vectorised, and linear in the
length of a line.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from rationanomaly.errors import ParamsError
from rationanomaly.params import ParseParams

#: What a format gives for each line; all but the message may be null.
FIELDS = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"),
        "node": pl.String(),
        "alert": pl.Boolean(),  # the line's own alert tag
        "level": pl.String(),  # in capitals; a letter that stands for one is written out
        "logger": pl.String(),  # what wrote the line: a logger, a component, a program
        "thread": pl.String(),
        "stream": pl.String(),  # of a container; lines of several are read apart
        "message": pl.String(),
        "message_template": pl.String(),  # what the message was made of, where the program names it
        "continues": pl.Boolean(),  # in the next line of the stream
    }
)

#: Modules of this package with a function ``formats(settings)``; the more particular formats first.
_MODULES = (
    "bgl",
    "hdfs",
    "container",
    "otlp",
    "journald",
    "klog",
    "android",
    "windows",
    "hpc",
    "healthapp",
    "proxifier",
    "openstack",
    "postgresql",
    "aws",
    "linux",
    "syslog",
    "simulated",
    "web",
    "proxies",
    "cloudwatch",
    "application",
    "json_lines",
    "logfmt",
    "command_output",
    "timestamped",
    "custom",
    "plain",
)


#: Between the name of a container's format and that of its messages.
_BEHIND = "+"
#: What to do where a log's format is wrong, for whoever names it to a command or in params.
NAME_IT = "Name the format (--format, or data.format in params)"


@dataclass(frozen=True)
class Format:
    """A log format.

    Attributes:
        name: as in ``data.format``.
        summary: what writes it, a few words.
        parse: from a frame with the column ``raw`` to one of as many rows with some of the columns of `FIELDS`.
        keys: regular expression of what groups lines to sessions (all its matches in a message), or None.
        names_year: whether a line's time names the year.
        detectable: whether ``data.format: auto`` may choose it.
        is_dated: whether each record begins with a time, so that a line without one belongs to the record before.
        begins: regular expression of the first line of a record whose text has line breaks before it can be read. None:
            no record has; see `raw_records`.
        pairs: regular expression of what comes in pairs in such a record, as quotes do: as long as their number is odd,
            the lines that follow are part of it.
        headers: regular expression of lines around the records, such as names of columns: they count as empty lines.
        strays: regular expression of lines that stand among the records and belong to none: they are rejected.
        marks: from the same frame to which of the lines bear the format's own marks, for ``auto``: stricter than
            `parse`, which takes a user's word. None: each line that `parse` reads.
        expand: from lines to rows, where a line may hold several records: the other columns of a line are repeated for
            each of its rows. Comes before `parse`. None: a line holds one record at most.
        inner: of a container's format, what reads its messages, once their pieces are together; see `behind`.
    """

    name: str
    summary: str
    parse: Callable[[pl.DataFrame], pl.DataFrame]
    keys: str | None = None
    names_year: bool = True
    detectable: bool = True
    is_dated: bool = True
    begins: str | None = None
    pairs: str | None = None
    headers: str | None = None
    strays: str | None = None
    marks: Callable[[pl.DataFrame], pl.Series] | None = None
    expand: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    inner: Format | None = None

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per row of ``lines`` (column ``raw``), with exactly the columns of `FIELDS`."""
        found = self.parse(lines)
        return found.select(
            (pl.col(name) if name in found.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in FIELDS.items()
        )

    def without_headers(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Lines (column ``raw``) but for those that are `headers`."""
        if self.headers is None:
            return lines
        is_header = lines["raw"].str.contains(self.headers)
        return lines.filter(~is_header) if is_header.any() else lines


def formats(settings: ParseParams | None = None) -> Mapping[str, Format]:
    """All formats by name, the more particular first.

    Args:
        settings: the params section ``parse``, for the formats that users describe; None leaves those out.
    """
    modules = (importlib.import_module(f"{__name__}.{name}") for name in _MODULES)
    return {form.name: form for module in modules for form in module.formats(settings)}


def find(name: str, settings: ParseParams | None = None) -> Format:
    """The format of a name.

    Raises:
        ParamsError: no format of that name, or what the user says of it is wrong.
    """
    known = formats(settings)
    container, plus, inner = name.partition(_BEHIND)
    if plus and container in known and inner in known:
        return behind(known[container], known[inner])
    if name not in known:
        names = ", ".join(known)
        raise ParamsError(
            f"there is no format {name}", hint=f"{NAME_IT}, one of {names}, auto, or in params templates for a table"
        )
    return known[name]


def behind(container: Format, inner: Format) -> Format:
    """The format of a container whose messages have one of their own, by the name ``container+inner``."""
    return replace(
        container,
        name=f"{container.name}{_BEHIND}{inner.name}",
        summary=f"{inner.summary}, in the log of a container",
        keys=inner.keys or container.keys,
        inner=inner,
    )
