"""Runs one training step over prepared inputs, with its state folder where a test wants it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rationanomaly import artifacts
from rationanomaly.params import Params, load_params
from rationanomaly.records import CURVES, read_objects
from rationanomaly.steps import BY_NAME, Metrics, Outputs
from tests.conftest import ROOT
from tests.micro_model import HELD_OUT_WORD, MICRO, PARTS
from tests.training_inputs import write_training_inputs

#: Of SFT.
STEPS = 12
#: Steps enough that what is done to a training at its fifth comes before the last on a fast machine too.
MANY = "sft.steps=120"
#: No step is shorter.
EVERY_STEP = "training.checkpoint_minutes=1.0e-9"
_SETTINGS = (
    *MICRO, "model.max_completion=64", "model.lora_rank=16", f"sft.steps={STEPS}", "grpo.steps=6", "grpo.generations=4",
    "training.checkpoint_steps=2", "training.checkpoint_minutes=null",
)  # fmt: skip
#: What grpo starts from has learnt the form of a response: else all completions would be paid alike.
_TAUGHT = ("sft.steps=200", "sft.batch=16", "sft.rationale_share=0.9", "sft.evaluations=0", "sft.learning_rate=0.01")

Curve = list[dict[str, Any]]


@dataclass(frozen=True)
class Bench:
    """Folders that the steps read, and the params they are run with."""

    root: Path
    params: Params

    @classmethod
    def of(cls, root: Path) -> Bench:
        """The bench whose folders lie in ``root``."""
        return cls(root, _params())

    @classmethod
    def make(cls, root: Path) -> Bench:
        """Inputs in ``root``, and what base, sft and grpo make of them in one process that nothing interrupts."""
        write_training_inputs(root, PARTS, HELD_OUT_WORD)
        bench = cls.of(root)
        bench.run("base", root / "base")
        bench.using(*_TAUGHT).run("sft", root / "taught")
        for step in ("sft", "grpo"):
            bench.run(step, root / step)
        return bench

    def using(self, *settings: str) -> Bench:
        """The same with some params changed."""
        return replace(self, params=_params(*settings))

    def run(self, step: str, output: Path, state: Path | None = None) -> Metrics:
        """Run ``step``; with a state folder it makes checkpoints there and continues from them."""
        inputs = {name: self.root / ("taught" if name == "sft" else name) for name in BY_NAME[step].reads}
        with artifacts.writing(output, step) as folder:
            outputs = Outputs(folder, state or output.parent / "state", "key" if state else "")
            return BY_NAME[step].run(self.params, inputs, outputs)

    def sealed(self, step: str, folder: Path) -> Path:
        """A copy of a step's folder with a manifest, as `execution.execute` wants inputs; made once in ``folder``."""
        sealed = folder / step
        if not sealed.exists():
            with artifacts.writing(sealed, step, {"logs": "0" * 64}) as place:
                leave = shutil.ignore_patterns(artifacts.MANIFEST)
                shutil.copytree(self.root / step, place, dirs_exist_ok=True, ignore=leave)
        return sealed


def read_curve(output: Path) -> Curve:
    """The curve of a finished step."""
    return [value for _, value in read_objects(output / CURVES)]


def _params(*settings: str) -> Params:
    return load_params(ROOT / "profiles" / "bootstrap.yaml", [*_SETTINGS, *settings])
