"""Step `parse`: raw logs, or a table of templates, become lines, templates and sessions.

rationanomaly parse --params params.yaml
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rationanomaly import progress, records
from rationanomaly.params import Params
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.prefetch import prefetch
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.rejects import write_rejects
from rationanomaly.parse.sessions import assigner, session_table
from rationanomaly.parse.spill import Spill
from rationanomaly.parse.summary import TemplateSummary
from rationanomaly.parse.table import read_table
from rationanomaly.parse.writing import ParquetWriter
from rationanomaly.steps import Inputs, Metrics, Outputs


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Parse ``inputs["logs"]`` in two passes: learn the templates, then name each line's template."""
    if params.data.format == "templates":
        return _take_table(params, inputs["logs"], outputs.folder)

    # ---------------------------------------------------------------- read and learn
    settings = params.parse
    miner = Miner.new(settings) if settings.continue_from is None else Miner.load(settings.continue_from)
    spill = Spill(outputs.folder / "spill")
    rejects = write_rejects(outputs.folder / records.REJECTS)
    reader = LogReader(inputs["logs"], params.data.format, settings, rejects=rejects)
    for batch in prefetch(reader):
        spill.write(miner.take(batch))

    # ---------------------------------------------------------------- name and write
    sessions = assigner(settings.sessions, reader.format.keys)
    summary, table = TemplateSummary(), session_table(settings.sessions, sessions.contiguous)
    with (
        ParquetWriter(outputs.folder / records.LINES, records.LINES_SCHEMA) as lines_file,
        ParquetWriter(outputs.folder / records.SESSIONS, records.SESSIONS_SCHEMA) as sessions_file,
    ):
        for lines in progress.track(prefetch(map(miner.name, spill.read())), "naming", spill.batches, "batches"):
            lines_file.write(lines)
            summary.add(lines)
            sessions_file.write(table.add(sessions.assign(lines)))
        sessions_file.write(table.finish())

    # ---------------------------------------------------------------- templates
    templates = summary.table(miner.superseded(), reader.format.name, settings.abnormal_share)
    records.write_table(outputs.folder / records.TEMPLATES, templates, records.TEMPLATES_SCHEMA)
    miner.save(outputs.folder / records.MINER)
    return {**_template_metrics(templates), **reader.counts.metrics(), "sessions": sessions_file.rows}


def _take_table(params: Params, path: Path, folder: Path) -> Metrics:
    """A table of templates takes the place of a log: no lines, no sessions, nothing learnt."""
    table = read_table(path)
    records.write_table(folder / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
    records.write_table(folder / records.LINES, records.LINES_SCHEMA.to_frame(), records.LINES_SCHEMA)
    records.write_table(folder / records.SESSIONS, records.SESSIONS_SCHEMA.to_frame(), records.SESSIONS_SCHEMA)
    Miner.new(params.parse).save(folder / records.MINER)
    (folder / records.REJECTS).touch()
    return _template_metrics(table)


def _template_metrics(table: pl.DataFrame) -> Metrics:
    return {
        "templates": table.height,
        "abnormal_templates": int((table["label"] == "abnormal").sum()),
        "mixed_templates": int(table["mixed"].sum()),
    }
