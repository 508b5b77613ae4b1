"""Logs of any format as frames of records."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats, source
from rationanomaly.parse.formats import FIELDS
from rationanomaly.parse.lines import Counts, split_lines

log = logging.getLogger(__name__)

#: Receives the rejected lines of a batch: ``line``, ``raw``.
Rejects = Callable[[pl.DataFrame], None]


def read_records(
    path: Path, format_name: str, settings: ParseParams, counts: Counts, rejects: Rejects | None = None
) -> Iterator[pl.DataFrame]:
    """Records of a log in batches: ``line``, then the columns of `formats.FIELDS`.

    Args:
        path: a file, plain or compressed, a glob, or `source.STDIN`.
        format_name: one of `formats.formats`.
        settings: the params section ``parse``.
        counts: is filled on the way.
        rejects: receives lines that do not fit the format.

    Raises:
        InputError: missing or empty file, or more rejected lines than ``max_rejected_share``.
        ParamsError: no such format.
    """
    form = formats.find(format_name)
    for file in source.find_files(path):
        for lines in split_lines(source.read_chunks(file), settings.max_line_bytes, counts):
            fields = form.read(lines)
            fits = fields["message"].is_not_null()
            if not fits.all():
                rejected = lines.filter(~fits)
                counts.rejects += rejected.height
                if counts.rejects == rejected.height == lines.height and not fits.any():
                    _no_format(file, form.name, lines)
                if rejects is not None:
                    rejects(rejected)
            records = fields.insert_column(0, lines["line"]).filter(fits)
            yield records.select("line", *(pl.col(name).cast(kind) for name, kind in FIELDS.items()))
    _check_rejects(path, counts, settings.max_rejected_share)


def write_rejects(path: Path) -> Callable[[pl.DataFrame], None]:
    """A receiver of rejected lines that appends them to a JSON Lines file, each with its reason."""
    path.touch()

    def write(rejected: pl.DataFrame) -> None:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            for line, raw in rejected.iter_rows():
                row = {"line": line, "reason": "fits no record of the format", "text": raw}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")

    return write


def _no_format(file: Path, name: str, lines: pl.DataFrame) -> None:
    shown = ", ".join(sorted(formats.formats()))
    raise InputError(
        f"no line fits the format `{name}`", file=file, line=lines["line"][0], mend=f"Set data.format to one of {shown}"
    )


def _check_rejects(path: Path, counts: Counts, limit: float) -> None:
    filled = counts.lines - counts.empty_lines
    if filled == 0:
        raise InputError("holds no line", file=path, mend="Check data.logs")
    share = counts.rejects / filled
    if share > limit:
        problem = f"{counts.rejects} of {filled} lines do not fit the format ({share:.0%}, allowed {limit:.0%})"
        raise InputError(problem, file=path, mend="Check data.format, or raise parse.max_rejected_share")
