"""Put the shards of a log together: learn the templates, name each line's, cut sessions, write the tables.

Templates are learnt from the distinct masks in the order of the shards, so the order in which shards were made or
are handed over does not matter, and one shard of everything gives the same as many.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from rationanomaly import progress, records
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.clock import Clock
from rationanomaly.parse.label_estimates import label_templates
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.prefetch import prefetch
from rationanomaly.parse.reading import check_counts
from rationanomaly.parse.rejects import copy_rejects
from rationanomaly.parse.session_split import label_and_split
from rationanomaly.parse.session_tables import session_table
from rationanomaly.parse.sessions import assigner
from rationanomaly.parse.shards import Shard
from rationanomaly.parse.summary import TemplateSummary
from rationanomaly.parse.writing import ParquetWriter
from rationanomaly.steps import Metrics

#: Rows of a row group: a few megabytes each.
_LINES, _SESSIONS = 2**17, 2**12


def merge(shards: Sequence[Shard], settings: ParseParams, output: Path) -> Metrics:
    """Write the output of `parse` from all shards of a log.

    Raises:
        InputError: shards of different formats, no line that fits, or more rejected ones than ``max_rejected_share``.
    """
    shards = sorted(shards, key=lambda shard: shard.number)
    form = formats.find(_common_format(shards), settings)
    counts = sum((shard.counts for shard in shards), Counts())
    check_counts(shards[0].log, form.name, counts, settings)
    miner, clock = _learn(shards, settings), Clock(settings.year)
    sessions = assigner(settings.sessions, form.keys)
    scratch = output / "sessions"
    summary, table = TemplateSummary(), session_table(settings.sessions, sessions.contiguous, scratch)
    with (
        ParquetWriter(output / records.LINES, records.LINES_SCHEMA, _LINES) as lines_file,
        ParquetWriter(output / records.SESSIONS, records.SESSIONS_SCHEMA, _SESSIONS) as sessions_file,
    ):
        for lines in prefetch(map(miner.name, _records(shards, clock))):
            lines_file.write(lines)
            summary.add(lines)
            sessions_file.write(table.add(sessions.assign(lines)))
            progress.report("naming", lines_file.rows, counts.records, "lines")
        sessions.finish()
        for rows in table.finish():
            sessions_file.write(rows)
    shutil.rmtree(scratch, ignore_errors=True)
    label_and_split(output / records.SESSIONS, settings.sessions)
    templates = summary.table(miner.superseded(), form.name, settings.abnormal_share, miner.named.names(), miner.masker)
    templates = label_templates(templates, output / records.SESSIONS, settings.abnormal_share)
    records.write_table(output / records.TEMPLATES, templates, records.TEMPLATES_SCHEMA)
    copy_rejects([shard.folder / records.REJECTS for shard in shards], _offsets(shards), output / records.REJECTS)
    miner.save(output / records.MINER)
    counts.clock_jumps = clock.jumps
    return {**template_metrics(templates), **counts.metrics(), **session_metrics(output / records.SESSIONS)}


def template_metrics(templates: pl.DataFrame) -> Metrics:
    """How many templates there are, how many of them are abnormal and how many mixed."""
    return {
        "templates": templates.height,
        "abnormal_templates": int((templates["label"] == "abnormal").sum()),
        "mixed_templates": int(templates["mixed"].sum()),
    }


def session_metrics(path: Path) -> Metrics:
    """How many sessions there are; where they have a split, how many of each side and how many of these abnormal.

    Args:
        path: `records.SESSIONS_SCHEMA`.
    """
    sessions = pl.read_parquet(path, columns=["alert", "split"], glob=False)
    metrics: Metrics = {"sessions": sessions.height}
    for side in ("train", "validation", "test") if sessions["split"].is_not_null().any() else ():
        mine = sessions.filter(pl.col("split") == side)
        metrics[f"sessions/{side}"] = mine.height
        metrics[f"sessions/{side}_abnormal"] = int(mine["alert"].sum())
    return metrics


def _common_format(shards: Sequence[Shard]) -> str:
    for shard in shards:
        if shard.format != shards[0].format:
            problem = f"has the format {shard.format}, but {shards[0].log} has {shards[0].format}"
            raise InputError(problem, file=shard.log, hint="Parse them one by one, or name data.format")
    return shards[0].format


def _learn(shards: Sequence[Shard], settings: ParseParams) -> Miner:
    known = settings.continue_from
    miner = Miner.new(settings) if known is None else Miner.load(known).with_named(settings)
    done, total = 0, sum(shard.batches for shard in shards)
    for shard in shards:
        for masks in shard.masks():
            miner.learn(masks)
            done += 1
            progress.report("mining", done, total, "batches")
    return miner


def _records(shards: Sequence[Shard], clock: Clock) -> Iterator[pl.DataFrame]:
    """All records, with line numbers and years of the whole."""
    for shard, offset in zip(shards, _offsets(shards), strict=True):
        for batch in shard.records():
            yield clock.set_right(batch.with_columns(pl.col("line") + offset) if offset else batch)


def _offsets(shards: Sequence[Shard]) -> list[int]:
    """Number of lines before each shard."""
    return [sum(shard.counts.lines for shard in shards[:place]) for place in range(len(shards))]
