"""base → sft → grpo with micro settings: the real trainers, a few steps each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rationanomaly import artifacts, progress
from rationanomaly.params import Params, load_params
from rationanomaly.steps import BY_NAME, Metrics, Outputs
from tests.conftest import ROOT
from tests.training_inputs import write_training_inputs

MICRO = (
    "training.threads=1", "base.harvest=0", "base.vocabulary=400", "base.hidden=16", "base.heads=2", "base.layers=1",
    "base.epochs=1", "sft.steps=6", "sft.batch=8", "sft.rationale_share=0.34", "sft.evaluations=2",
    "sft.pool.size=60", "grpo.steps=2", "grpo.prompts=2", "grpo.generations=2", "model.max_completion=48",
    "model.lora_rank=4",
)  # fmt: skip
PARTS = ("disk", "fan", "node", "link", "pump", "card", "rack", "port")
HELD_OUT_WORD = "zygomorphic"


@dataclass(frozen=True)
class Trained:
    """Finished folders by step, with the params they were made with and what the steps returned."""

    params: Params
    root: Path
    metrics: dict[str, Metrics] = field(default_factory=dict)
    tasks: set[str] = field(default_factory=set)

    def step(self, name: str, output: Path, **inputs: Path) -> Metrics:
        paths = {read: self.root / read for read in BY_NAME[name].reads} | inputs
        return run(name, self.params, paths, output)


def run(name: str, params: Params, inputs: dict[str, Path], output: Path) -> Metrics:
    with artifacts.writing(output, name) as folder:
        return BY_NAME[name].run(params, inputs, Outputs(folder, output.parent / "state"))


def train(root: Path, steps: Sequence[str] = ("base", "sft", "grpo")) -> Trained:
    """Run the steps under ``root``, an empty folder."""
    trained = Trained(load_params(ROOT / "profiles" / "bootstrap.yaml", MICRO), root)
    write_training_inputs(root, PARTS, HELD_OUT_WORD)
    with progress.listening(lambda event: trained.tasks.add(event.task)):
        for name in steps:
            trained.metrics[name] = trained.step(name, root / name)
    return trained
