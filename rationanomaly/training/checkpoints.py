"""Checkpoints of a training run: complete or not there, and only of the same run.

    STATE/STEP/KEY/checkpoints/checkpoint-N/
        …                   what the trainer writes: adapter, optimiser, schedule, every rank's random state
        curve.json          the curve so far
        complete.json       written last: step, key of the run, SHA-256 of every other file

The trainer's files are tensors that `torch.load` reads with ``weights_only``. A checkpoint without
its marker, or whose files are not what the marker says, is passed over for the one before.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from rationanomaly import artifacts

logger = logging.getLogger(__name__)

Curve = list[dict[str, float]]

FOLDER = "checkpoints"
_PREFIX, _MARKER, _CURVE = "checkpoint-", "complete.json", "curve.json"
_KEPT = 2
#: Pickled arguments that the trainer writes and nobody reads.
_UNREAD = "training_args.bin"


def complete(folder: Path, key: str, curve: Curve) -> None:
    """Seal a checkpoint that all ranks have written, and remove all but the newest two.

    Args:
        folder: ``checkpoint-N``.
        key: what the run was made from.
        curve: up to and with step N.
    """
    (folder / _UNREAD).unlink(missing_ok=True)
    artifacts.write_text(folder / _CURVE, json.dumps(curve))  # In its order: a resumed run gives the same bytes.
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in paths:
        artifacts.sync(path)
    for directory in [*(path for path in folder.rglob("*") if path.is_dir()), folder]:
        artifacts.sync(directory)
    files = {path.relative_to(folder).as_posix(): artifacts.sha256(path) for path in paths}
    artifacts.write_json(folder / _MARKER, {"key": key, "step": _step(folder), "files": files})
    artifacts.sync(folder)
    artifacts.sync(folder.parent)
    sealed = [found for found in _folders(folder.parent) if _key(found) == key]
    for old in sealed[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def newest(root: Path, key: str) -> Path | None:
    """The newest checkpoint that is whole and belongs to the run ``key``; newer ones that are not whole are removed.

    Args:
        root: the folder ``checkpoints``.
        key: what the run is made from; checkpoints of another run are left alone.
    """
    for folder in _folders(root):
        problem = _problem(folder)
        if problem is not None:
            logger.warning("%s: %s, so it is not used", folder, problem)
            shutil.rmtree(folder, ignore_errors=True)
        elif _key(folder) == key:
            return folder
        else:
            logger.warning("%s: was made with other params, inputs or code, so it is not used", folder)
    return None


def at(root: Path, step: int) -> Path:
    """The folder of the checkpoint at ``step``."""
    return root / f"{_PREFIX}{step}"


def step_of(folder: Path | None) -> int:
    """The step of a checkpoint; 0 for None."""
    return 0 if folder is None else _step(folder)


def read_curve(folder: Path) -> Curve:
    """The curve up to a checkpoint."""
    curve: Curve = json.loads((folder / _CURVE).read_bytes())
    return curve


def clear(root: Path) -> None:
    """Remove all checkpoints: the run has finished."""
    shutil.rmtree(root, ignore_errors=True)


def _folders(root: Path) -> list[Path]:
    """All checkpoints, whole or not, newest first."""
    found = [path for path in root.glob(f"{_PREFIX}*") if path.is_dir() and _step(path) >= 0]
    return sorted(found, key=_step, reverse=True)


def _step(folder: Path) -> int:
    number = folder.name.removeprefix(_PREFIX)
    return int(number) if number.isdecimal() else -1


def _key(folder: Path) -> str | None:
    """The key of the run that a checkpoint was made by; None where it has no marker that can be read."""
    try:
        return str(json.loads((folder / _MARKER).read_bytes())["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _problem(folder: Path) -> str | None:
    """Why a checkpoint is not whole; None if it is."""
    try:
        marker: dict[str, Any] = json.loads((folder / _MARKER).read_bytes())
        files: dict[str, str] = dict(marker["files"])
        step = marker["step"]
    except FileNotFoundError:
        return "was not finished"
    except (OSError, ValueError, KeyError, TypeError):
        return "has a damaged marker"
    if step != _step(folder):
        return "was made at another step"
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {_MARKER}
    for name in sorted(present ^ set(files)):
        return f"{name} is missing or was added"
    for name, expected in files.items():
        if artifacts.sha256(folder / name) != expected:
            return f"{name} is damaged"
    return None
