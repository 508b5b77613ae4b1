"""Step `parse`: raw logs, a table of templates, or given sessions become lines, templates and sessions.

rationanomaly parse --params params.yaml --output outputs/laptop/parse
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rationanomaly import records
from rationanomaly.params import Params
from rationanomaly.parse.label_estimates import label_templates
from rationanomaly.parse.merging import merge, session_metrics, template_metrics
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.parallel import read_shards
from rationanomaly.parse.session_files import read_session_files
from rationanomaly.parse.session_json import SESSION_FILES
from rationanomaly.parse.session_labels import check_session_labels
from rationanomaly.parse.session_split import label_and_split
from rationanomaly.parse.table import TABLE, read_table
from rationanomaly.steps import Inputs, Metrics, Outputs


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Parse ``inputs["logs"]`` in two passes: read and mask everything, then learn templates and name each line's."""
    if params.data.format == TABLE:
        return _take_table(params, inputs["logs"], outputs.folder)
    if params.data.format == SESSION_FILES:
        return _take_sessions(params, inputs["logs"], outputs.folder)
    check_session_labels(params.parse.sessions.labels)
    shards = read_shards(inputs["logs"], params.data.format, params.parse, outputs.folder / "shards")
    metrics = merge(shards, params.parse, outputs.folder)
    shutil.rmtree(outputs.folder / "shards")
    return metrics


def _take_table(params: Params, path: Path, folder: Path) -> Metrics:
    """A table of templates takes the place of a log: no lines, no sessions, nothing learnt."""
    table = read_table(path)
    records.write_table(folder / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
    records.write_table(folder / records.LINES, records.LINES_SCHEMA.to_frame(), records.LINES_SCHEMA)
    records.write_table(folder / records.SESSIONS, records.SESSIONS_SCHEMA.to_frame(), records.SESSIONS_SCHEMA)
    Miner.new(params.parse).save(folder / records.MINER)
    (folder / records.REJECTS).touch()
    return template_metrics(table)


def _take_sessions(params: Params, path: Path, folder: Path) -> Metrics:
    """Sessions of known templates take the place of a log: nothing is cut, nothing learnt."""
    tables = read_session_files(path, params.parse)
    records.write_table(folder / records.LINES, tables.lines, records.LINES_SCHEMA)
    records.write_table(folder / records.SESSIONS, tables.sessions, records.SESSIONS_SCHEMA)
    label_and_split(folder / records.SESSIONS, params.parse.sessions)
    templates = label_templates(tables.templates, folder / records.SESSIONS, params.parse.abnormal_share)
    records.write_table(folder / records.TEMPLATES, templates, records.TEMPLATES_SCHEMA)
    Miner.new(params.parse).save(folder / records.MINER)
    (folder / records.REJECTS).touch()
    return {
        **template_metrics(templates),
        "lines": tables.lines.height,
        **session_metrics(folder / records.SESSIONS),
    }
