"""THE list of steps: name, function, what each reads and writes, the params sections it depends on.

The command line is made from this list; ``dvc.yaml`` and the KFP pipeline are written by hand, for readers,
and a test holds each against it. To add a step: a package with a ``run``, an entry here, a test.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, BinaryIO

from rationanomaly.params import Params

Metrics = dict[str, float]
#: Folders of other steps by step name, and raw inputs (``logs``, ``ledger``, ``truth``, ``reasoning``) by name.
Inputs = Mapping[str, Path]


@dataclass(frozen=True)
class Outputs:
    """Where a step writes.

    Attributes:
        folder: a fresh, empty folder; it becomes the step's output once ``run`` has returned.
        state: of this run; survives a crash and lies outside the output: checkpoints, what ranks say.
        key: hash of everything that the output depends on; checkpoints are used again only with the same. Without
            one none are made.
        journals: what all runs of the step share and survives them, a teacher's paid answers; None: ``state``.
    """

    folder: Path
    state: Path
    key: str = ""
    journals: Path | None = None

    @property
    def journal_folder(self) -> Path:
        """Where a teacher's journal lies."""
        return self.state if self.journals is None else self.journals


Run = Callable[[Params, Inputs, Outputs], Metrics]
Spool = Callable[[Params, io.BufferedReader, BinaryIO], None]


@dataclass(frozen=True)
class PartialRun:
    """A step of which other pods have done a part.

    Attributes:
        run: does the rest.
        sources: SHA-256 of the raw inputs that they read, by name.
    """

    run: Run
    sources: Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """One step of the DAG.

    Attributes:
        name: the same everywhere: package, command, dvc stage, component, params section, MLflow run.
        summary: what it does, for ``--help`` and the component.
        sources: raw inputs it reads, each a key of the params section ``data``.
        reads: steps whose output folders it reads.
        params: params sections whose change makes its output stale.
        paths: params that may name a file or folder on this machine, or a registered model; its content counts like a
            raw input.
        resumes: it keeps checkpoints in its state, so that two runs with the same key must not share it at once.
        shards: the key of ``cluster`` that says how many pods share its work (`fan_out.py` in its package); None where
            one does all.
        has_effects: it does more than write its output, so that no cache may take its place.
    """

    name: str
    summary: str
    sources: tuple[str, ...]
    reads: tuple[str, ...]
    params: tuple[str, ...]
    paths: tuple[str, ...] = ()
    resumes: bool = False
    shards: str | None = None
    has_effects: bool = False

    @property
    def fanned_out(self) -> tuple[str, ...]:
        """The components that take its place where pods share its work: what cuts, what does a shard, what merges."""
        return tuple(f"{self.name}_{part}" for part in ("plan", "shard", "merge")) if self.shards else ()

    @property
    def run(self) -> Run:
        """The step's function, imported when asked for: torch and mlflow take seconds."""
        run: Run = importlib.import_module(f"rationanomaly.{self.name}.step").run
        return run

    @property
    def spool(self) -> Spool:
        """The function that copies a raw log that can be read once only, without secrets; of a step that reads logs."""
        spool: Spool = importlib.import_module(f"rationanomaly.{self.name}.spooling").spool
        return spool


#: How often a checkpoint is made and how long a rank may hang changes no result.
_TRAINING = tuple(
    f"training.{name}"
    for name in ("threads", "processes", "micro_batch", "strategy", "offload", "quantisation", "scoring_gigabytes")
)

STEPS: tuple[Step, ...] = (
    Step(
        "parse",
        "Turn raw logs into templates, lines and sessions.",
        ("logs",),
        (),
        ("data.files", "data.format", "parse"),
        paths=("parse.continue_from", "parse.named_templates", "parse.sessions.labels"),
        shards="parse_shards",
    ),
    Step("correct", "Apply the experts' decisions and split.", ("ledger",), ("parse",), ("run.seed", "correct")),
    Step(
        "distill",
        "Let a teacher write checked rationales.",
        ("reasoning",),
        ("correct",),
        ("run.seed", "prompt", "distill"),
        paths=("distill.local.model",),
    ),
    Step(
        "base",
        "Provide the base model: out of a package, bootstrapped from the training templates, or a hub model.",
        (),
        ("correct",),
        ("run.seed", "prompt", "detect", "model", "training.threads", "base"),
        paths=("model.name",),
    ),
    Step(
        "sft",
        "Teach the base the rationales and verdicts.",
        (),
        ("parse", "correct", "distill", "base"),
        ("run.seed", "prompt", "detect", "model", *_TRAINING, "sft"),
        resumes=True,
    ),
    Step(
        "grpo",
        "Align the SFT model with the multi-faceted reward.",
        (),
        ("parse", "correct", "distill", "sft"),
        ("run.seed", "prompt", *_TRAINING, "evaluate.session_threshold", "grpo"),
        resumes=True,
    ),
    Step(
        "evaluate",
        "Measure the models beside rules and classifiers on held-out templates and sessions.",
        ("truth",),
        ("parse", "correct", "base", "sft", "grpo"),
        (
            "run.seed",
            "parse.abnormal_share",
            "parse.sessions.test_share",
            "correct.split",
            "prompt",
            "model.encoder",
            "training.threads",
            "grpo.reward",
            "evaluate",
        ),
        paths=("evaluate.champion",),
    ),
    Step(
        "register",
        "Register the model in MLflow, reload it and compare.",
        (),
        ("grpo", "evaluate"),
        ("register",),
        has_effects=True,
    ),
)

BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}


def step_values(params: Params, paths: Iterable[str]) -> dict[str, Any]:
    """Values, or whole sections, of the params by their dotted paths."""
    document = params.model_dump(mode="json", by_alias=True)
    return {path: reduce(lambda section, part: section[part], path.split("."), document) for path in paths}
