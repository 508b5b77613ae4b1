"""Put the parts of a log together: learn the templates, name each line's, cut sessions, write the tables.

Templates are learnt from the distinct masks in the order of the parts, so the order in which parts were made or
are handed over does not matter, and one part of everything gives the same as many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from rationanomaly import progress, records
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.parts import Part
from rationanomaly.parse.prefetch import prefetch
from rationanomaly.parse.reading import check_rejects
from rationanomaly.parse.rejects import copy_rejects
from rationanomaly.parse.sessions import assigner, session_table
from rationanomaly.parse.summary import TemplateSummary
from rationanomaly.parse.writing import ParquetWriter
from rationanomaly.steps import Metrics

#: Rows of a row group: a few megabytes each.
_LINES, _SESSIONS = 2**17, 2**12


def merge(parts: Sequence[Part], settings: ParseParams, output: Path) -> Metrics:
    """Write the output of `parse` from all parts of a log.

    Raises:
        InputError: parts of different formats, or more rejected lines than ``max_rejected_share``.
    """
    parts = sorted(parts, key=lambda part: part.number)
    form = formats.find(_common_format(parts), settings)
    counts = sum((part.counts for part in parts), Counts())
    check_rejects(parts[0].log, form.name, counts, settings.max_rejected_share)
    miner, clock = _learn(parts, settings), Clock(form.names_year)
    sessions = assigner(settings.sessions, form.keys)
    summary, table = TemplateSummary(), session_table(settings.sessions, sessions.contiguous)
    with (
        ParquetWriter(output / records.LINES, records.LINES_SCHEMA, _LINES) as lines_file,
        ParquetWriter(output / records.SESSIONS, records.SESSIONS_SCHEMA, _SESSIONS) as sessions_file,
    ):
        for lines in prefetch(map(miner.name, _records(parts, clock))):
            lines_file.write(lines)
            summary.add(lines)
            sessions_file.write(table.add(sessions.assign(lines)))
            progress.report("naming", lines_file.rows, counts.records, "lines")
        sessions_file.write(table.finish())
    templates = summary.table(miner.superseded(), form.name, settings.abnormal_share)
    records.write_table(output / records.TEMPLATES, templates, records.TEMPLATES_SCHEMA)
    copy_rejects([part.folder / records.REJECTS for part in parts], _offsets(parts), output / records.REJECTS)
    miner.save(output / records.MINER)
    counts.clock_jumps = clock.jumps
    return {**template_metrics(templates), **counts.metrics(), "sessions": sessions_file.rows}


def template_metrics(templates: pl.DataFrame) -> Metrics:
    """How many templates there are, how many of them are abnormal and how many mixed."""
    return {
        "templates": templates.height,
        "abnormal_templates": int((templates["label"] == "abnormal").sum()),
        "mixed_templates": int(templates["mixed"].sum()),
    }


def _common_format(parts: Sequence[Part]) -> str:
    for part in parts:
        if part.format != parts[0].format:
            problem = f"has the format {part.format}, but {parts[0].log} has {parts[0].format}"
            raise InputError(problem, file=part.log, mend="Parse them apart, or name data.format")
    return parts[0].format


def _learn(parts: Sequence[Part], settings: ParseParams) -> Miner:
    miner = Miner.new(settings) if settings.continue_from is None else Miner.load(settings.continue_from)
    done, total = 0, sum(part.batches for part in parts)
    for part in parts:
        for masks in part.masks():
            miner.learn(masks)
            done += 1
            progress.report("mining", done, total, "batches")
    return miner


def _records(parts: Sequence[Part], clock: Clock) -> Iterator[pl.DataFrame]:
    """All records, with line numbers and years of the whole."""
    for part, offset in zip(parts, _offsets(parts), strict=True):
        for batch in part.records():
            yield clock.set_right(batch.with_columns(pl.col("line") + offset) if offset else batch)


def _offsets(parts: Sequence[Part]) -> list[int]:
    """Number of lines before each part."""
    return [sum(part.counts.lines for part in parts[:place]) for place in range(len(parts))]
