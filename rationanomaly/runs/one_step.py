"""Run a step from Python, as the command line does.

import rationanomaly as ra

params = ra.load_params("params.yaml")
ra.run_step("parse", params, {"logs": "app.log"}, "outputs/laptop/parse")
ra.run_step("correct", params, {"parse": "outputs/laptop/parse"}, "outputs/laptop/correct")
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rationanomaly.errors import ParamsError, named_extras
from rationanomaly.params import Params
from rationanomaly.steps import BY_NAME, Metrics

#: Where steps keep what survives a crash, unless another place is named.
STATE = Path(".state")


def run_step(
    name: str, params: Params, inputs: Mapping[str, Path | str], output: Path | str, state: Path | str | None = None
) -> Metrics:
    """Run one step; its finished output appears in ``output`` whole or not at all.

    Where that is there already, made from the same params, inputs and code, it is used again.

    Args:
        name: parse, correct, distill, base, sft, grpo, evaluate or register.
        params: all params, as `load_params` reads them.
        inputs: the output folders of the steps that it reads, by step name; a raw input by its name in the params
            section ``data``, whose path is taken without it.
        output: the folder to write.
        state: root of what survives a crash, of all steps; ``.state`` without it.

    Returns:
        The step's metrics, as they stand in ``output/metrics.json``.

    Raises:
        ParamsError: no such step, an input is missing, or one too many is named.
        ArtifactError: an input folder does not hold what its manifest says.
        InputError: a raw input does not exist.
        InfrastructureError: the step needs an extra that is not installed.
    """
    step = BY_NAME.get(name)
    if step is None:
        raise ParamsError(f"no step is called {name!r}", hint=f"There are {', '.join(BY_NAME)}")
    paths = {key: Path(path) for key, path in inputs.items()}
    root = STATE if state is None else Path(state)
    with named_extras():
        from rationanomaly.runs.execution import execute

        return execute(step, params, paths, Path(output), root)
