"""What the launcher hands to its ranks, and what they hand back: a folder of small files, beside their logs.

job.json            the step, its params, inputs and outputs
progress.jsonl      rank 0's progress, one event per line
heartbeat-R.json    the newest sign of life of rank R
error-R.json        the error that rank R stopped with
metrics.json        what the step returned
logs/               standard output and error of each rank
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rationanomaly import artifacts, errors
from rationanomaly.errors import RationAnomalyError

_JOB = "job.json"


@dataclass(frozen=True)
class Job:
    """One step that is to be trained by several ranks.

    Attributes:
        step: its name.
        params: a full params document, as `params.dump_line` writes it.
        inputs: name → absolute path.
        folder: where rank 0 writes the output.
        state: what survives a crash.
        key: what the output depends on, as a hash.
        launcher: process id without which the ranks end; 0: none.
    """

    step: str
    params: str
    inputs: dict[str, str]
    folder: str
    state: str
    key: str
    launcher: int

    def write(self, place: Path) -> Path:
        """Write ``place``/job.json."""
        artifacts.write_json(place / _JOB, asdict(self))
        return place / _JOB

    @classmethod
    def read(cls, path: Path) -> Job:
        document = json.loads(path.read_bytes())
        return cls(**{field.name: document[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class Heartbeat:
    """A sign of life: the process, how many it has given, and what it was doing."""

    pid: int
    number: int
    doing: str


def write_heartbeat(place: Path, rank: int, heartbeat: Heartbeat) -> None:
    path = place / f"heartbeat-{rank}.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(heartbeat)))
    os.replace(partial, path)


def read_heartbeat(place: Path, rank: int) -> Heartbeat | None:
    """The newest sign of life of a rank; None before the first."""
    try:
        return Heartbeat(**json.loads((place / f"heartbeat-{rank}.json").read_bytes()))
    except FileNotFoundError:
        return None


def write_error(place: Path, rank: int, error: RationAnomalyError) -> None:
    artifacts.write_json(place / f"error-{rank}.json", error.document())


def read_error(place: Path) -> RationAnomalyError | None:
    """The error of ours that the lowest rank stopped with; None if there is none."""
    for path in sorted(place.glob("error-*.json")):
        return errors.from_document(json.loads(path.read_bytes()))
    return None
