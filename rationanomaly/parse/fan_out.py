"""Parse a log in several pods: cut it, read each shard, put the shards together. The output is that of one machine.

What the components `parse_plan`, `parse_shard` and `parse_merge` do. A plan fixes where the log ends, so that one that
grows meanwhile is read by all as far as it went.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.params import Params
from rationanomaly.parse.cutting import cut, find_format
from rationanomaly.parse.merging import merge
from rationanomaly.parse.session_json import SESSION_FILES
from rationanomaly.parse.session_labels import check_session_labels
from rationanomaly.parse.shards import open_shard, read_shard
from rationanomaly.parse.source import Piece
from rationanomaly.parse.table import TABLE
from rationanomaly.steps import BY_NAME, Inputs, Metrics, Outputs, PartialRun

_STEP = BY_NAME["parse"]
_PLAN, _SHARD = "parse_plan", "parse_shard"
_FILE = "plan.json"
_AGAIN = "Start the pipeline again"


@dataclass(frozen=True)
class Plan:
    """How a log is shared out.

    Attributes:
        digest: identity of the plan.
        sources: SHA-256 of the log when it was cut, by the name of the raw input.
        format: name of the log's format.
        shards: the pieces of each; none if there is nothing to share out.
    """

    digest: str
    sources: Mapping[str, str]
    format: str
    shards: list[list[Piece]]


def write_plan(
    params: Params, shards: int, folder: Path, sources: Mapping[str, str], *, is_finished: bool = False
) -> None:
    """Cut ``data.logs`` into so many shards and write the plan.

    A table of templates is not shared out, nor are given sessions, nor a log whose parsed output is there already:
    there is nothing to do for a shard then.

    Args:
        params: all params.
        shards: how many.
        folder: where the plan is written.
        sources: SHA-256 of the log, by the name of the raw input.
        is_finished: the parsed output is there already.

    Raises:
        InputError: missing or empty log, a pipe, no format fits, or labels of sessions that can't be used.
    """
    form, pieces = params.data.format, list[list[Piece]]()
    if form not in (TABLE, SESSION_FILES) and not is_finished:
        check_session_labels(params.parse.sessions.labels)
        found = find_format(params.data.source("logs"), form, params.parse)
        form, pieces = found.name, cut(params.data.source("logs"), shards, found, params.parse)
    rows = [[{"file": str(piece.file), "start": piece.start, "end": piece.end} for piece in shard] for shard in pieces]
    with artifacts.writing(folder, _PLAN, sources) as partial:
        artifacts.write_json(partial / _FILE, {"format": form, "shards": rows})


def read_plan(folder: Path) -> Plan:
    """The plan that `write_plan` left in a folder."""
    manifest = artifacts.read(folder, _PLAN)
    document = json.loads((folder / _FILE).read_bytes())
    shards = [[Piece(Path(row["file"]), row["start"], row["end"]) for row in shard] for shard in document["shards"]]
    return Plan(manifest.digest, manifest.sources, document["format"], shards)


def write_shard(params: Params, plan: Path, number: int, folder: Path) -> None:
    """Read one of the shards of a plan, the first being 0; one that the plan does not have leaves an empty folder."""
    planned = read_plan(plan)
    with artifacts.writing(folder, _SHARD, {"plan": planned.digest}) as partial:
        if number < len(planned.shards):
            pieces = planned.shards[number]
            read_shard(params.data.source("logs"), planned.format, params.parse, partial, number, pieces)


def partial_run(plan: Path, folders: Sequence[Path]) -> PartialRun:
    """What is left of `parse` to do when all shards are read: put them together, in whatever order they are named.

    Raises:
        ArtifactError: a folder is damaged or of another plan, or a shard is missing.
    """
    planned = read_plan(plan)
    if not planned.shards:
        return PartialRun(_STEP.run, planned.sources)
    for folder in folders:
        if artifacts.read(folder, _SHARD).sources != {"plan": planned.digest}:
            raise ArtifactError("is a shard of another plan", file=folder, hint=_AGAIN)
    shards = [open_shard(folder) for folder in folders]
    if sorted(shard.number for shard in shards) != list(range(len(planned.shards))):
        raise ArtifactError(f"has {len(planned.shards)} shards, not all of which are there", file=plan, hint=_AGAIN)

    def run(params: Params, _inputs: Inputs, outputs: Outputs) -> Metrics:
        return merge(shards, params.parse, outputs.folder)

    return PartialRun(run, planned.sources)
