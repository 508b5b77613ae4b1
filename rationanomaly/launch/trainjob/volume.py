"""The volume that all nodes of a TrainJob mount: inputs are brought to it, the output is taken from it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rationanomaly.errors import ParamsError
from rationanomaly.regular_files import copy

#: Where the pipeline's pods find the volume; the same variable tells `rationanomaly.kfp_task` where state lies.
VARIABLE = "RATIONANOMALY_STATE"


def mounted(state: Path) -> Path:
    """The folder that the volume is mounted at, with the state folder of a step on it.

    Raises:
        ParamsError: the state folder lies elsewhere, where other nodes would not see it.
    """
    root = os.environ.get(VARIABLE)
    if root is None or not state.absolute().is_relative_to(Path(root).absolute()):
        problem = f"the training is a TrainJob, but the state folder {state} is on no volume that {VARIABLE} names"
        raise ParamsError(
            problem, hint=f"Set {VARIABLE} to where cluster.state_claim is mounted, and put --state on it"
        )
    return Path(root).absolute()


def bring(inputs: Mapping[str, Path], volume: Path, place: Path) -> dict[str, Path]:
    """The inputs as all nodes see them; those that don't lie on the volume are copied to ``place``."""
    found = {}
    for name, path in inputs.items():
        found[name] = path.absolute()
        if found[name].is_relative_to(volume):
            continue
        found[name] = place / "inputs" / name
        found[name].parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            copy(path, found[name])
        else:
            shutil.copyfile(path, found[name])
    return found


def take(written: Path, folder: Path) -> None:
    """Copy what rank 0 wrote on the volume into the step's own folder."""
    copy(written, folder)
