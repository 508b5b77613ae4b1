"""The command of a step: the same for every one, made from its entry in `steps.STEPS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rationanomaly.cli import console
from rationanomaly.cli.options import (
    PARAMS,
    STATE,
    InputsOption,
    OutputOption,
    ParamsOption,
    SetOption,
    StateOption,
    read_inputs,
)
from rationanomaly.params import load_params
from rationanomaly.steps import Step


def step_command(step: Step) -> Callable[..., None]:
    """The function behind `rationanomaly STEP`."""

    def command(
        output: OutputOption,
        params: ParamsOption = PARAMS,
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
    ) -> None:
        run_step(step, output, params, settings, inputs, state)

    return command


def run_step(
    step: Step,
    output: Path,
    params: Path,
    settings: list[str] | None,
    inputs: list[str] | None,
    state: Path,
) -> None:
    """Run one step with what its command line says."""
    from rationanomaly.runs.one_step import run_step as run_one

    loaded = load_params(params, settings or ())
    with console.progress_bars(step.name):
        run_one(step.name, loaded, read_inputs(inputs), output, state)


def step_help(step: Step) -> str:
    """Help text with an example that can be pasted."""
    inputs = "".join(f" --input {name}=outputs/laptop/{name}" for name in step.reads)
    example = f"rationanomaly {step.name} --params params.yaml{inputs} --output outputs/laptop/{step.name}"
    reads = ", ".join([*(f"{name} (default: data.{name})" for name in step.sources), *step.reads])
    return f"{step.summary}\n\nReads: {reads}.\n\nExample:\n\n    {example}"
