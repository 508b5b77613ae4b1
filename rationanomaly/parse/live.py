"""Lines of a log with their templates, as they come: for a file, a pipe that stays open, or a tail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.reading import LogReader, Rejects
from rationanomaly.parse.sessions import assigner


def read_log(
    path: Path,
    format_name: str,
    settings: ParseParams,
    miner: Miner | None = None,
    counts: Counts | None = None,
    rejects: Rejects | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a log once, learning its templates on the way.

    Args:
        path: a file, plain or compressed, a glob, or ``-`` for standard input.
        format_name: name of a format, or ``auto``.
        settings: the params section ``parse``.
        miner: continues from what it has learnt, so that known templates keep their wording; None starts anew.
        counts: is filled on the way.
        rejects: receives the lines that fit no record of the format.

    Yields:
        Frames, one row per record in order: ``line`` (1-based), ``time``, ``node``, ``alert``, ``message``,
        ``template``, ``template_id``, ``parameters``, ``sessions`` (null if the line belongs to none) and ``session``,
        the first of them. A template is what it was when the line came; it may be generalised later.

    Raises:
        InputError: missing or empty file, no format fits, or too many lines do not.
        ParamsError: no such format.
    """
    miner = miner or Miner.new(settings)
    reader = LogReader(path, format_name, settings, counts, rejects)
    sessions, waiting = None, list[pl.DataFrame]()
    for records in reader:
        sessions = sessions or assigner(settings.sessions, reader.format.keys)
        waiting.append(miner.name(miner.take(records)))
        of_line = sessions.assign(waiting[-1]).group_by("line").agg(pl.col("session").alias("sessions"))
        if not sessions.waits:
            of_line = of_line.with_columns(session=pl.col("sessions").list.first())
            yield pl.concat(waiting).join(of_line, on="line", how="left", maintain_order="left")
            waiting.clear()
    if sessions is not None:
        sessions.finish()
