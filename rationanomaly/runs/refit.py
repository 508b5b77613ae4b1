"""Fit the model that goes to production once more, on all labels, after it was evaluated.

    rationanomaly refit --params params.yaml --outputs outputs/laptop --output outputs/laptop/refit

A test side is there to measure; once that is done, its labels are worth more in training, and there are never enough of
them. The steps from `correct` to `grpo` run again with the same params and nothing held out, so nothing can be measured
or chosen: the thresholds are those of the evaluated model, and the last adapter is taken. The model's card and its
registered version name the evaluated model (`refit_of`); all metrics that they carry are of that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.model.card import read_card, write_card
from rationanomaly.params import Params
from rationanomaly.regular_files import copy
from rationanomaly.runs.execution import execute
from rationanomaly.steps import BY_NAME, Metrics

#: The steps that depend on labels, in their order.
STEPS = ("correct", "distill", "base", "sft", "grpo")
#: Under the output folder of a refit: the model folder that is registered.
MODEL = "model"


def refit(params: Params, outputs: Path, output: Path, state: Path) -> Metrics:
    """Run the steps again on all labels and register the model.

    Args:
        params: those of the evaluated run.
        outputs: its folders, `parse`, `grpo` and `evaluate` among them.
        output: gets a folder for each step and the finished model in ``model``.
        state: root of the evaluated run's; the teacher's journal in it is used again, so nothing is paid for twice.

    Returns:
        What `register` says.

    Raises:
        ArtifactError: the evaluated run is not finished, or was itself made by a refit.
    """
    evaluated = artifacts.read(outputs / "grpo", "grpo")
    artifacts.read(outputs / "evaluate", "evaluate")
    if read_card(outputs / "grpo").refit_of is not None:
        hint = "Name the outputs of the run that was evaluated"
        raise ArtifactError("is itself a refit, so nobody has measured it", file=outputs / "grpo", hint=hint)
    everything = on_all_labels(params)
    folders = {"parse": outputs / "parse"} | {step: output / step for step in STEPS}
    for name in STEPS:
        execute(BY_NAME[name], everything, _inputs(name, folders), output / name, state)
    _mark(output / "grpo", output / MODEL, outputs / "grpo", evaluated.digest)
    inputs = {"grpo": output / MODEL, "evaluate": outputs / "evaluate"}
    return execute(BY_NAME["register"], everything, inputs, output / "register", state)


def on_all_labels(params: Params) -> Params:
    """The same params with nothing held out."""
    split = params.correct.split.model_copy(update={"train": 1.0, "validation": 0.0, "test": 0.0})
    return params.model_copy(update={"correct": params.correct.model_copy(update={"split": split})})


def _inputs(step: str, folders: Mapping[str, Path]) -> dict[str, Path]:
    return {name: folders[name] for name in BY_NAME[step].reads}


def _mark(source: Path, target: Path, evaluated: Path, digest: str) -> None:
    """Copy a model folder with a card that says what it is."""
    sources = artifacts.read(source, "grpo").sources
    chosen = read_card(evaluated)
    card = replace(
        read_card(source), threshold=chosen.threshold, direct_threshold=chosen.direct_threshold, refit_of=digest
    )
    with artifacts.writing(target, "grpo", sources) as folder:
        copy(source, folder, without={artifacts.MANIFEST})
        write_card(folder, card)
