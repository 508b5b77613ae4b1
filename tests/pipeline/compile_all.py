"""Compile every pipeline with these profiles: ``python -m tests.pipeline.compile_all FOLDER PROFILE…``.

A process of its own, so that its hashes have another seed.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from kfp.dsl import pipeline_task

from pipelines.catalogue import PIPELINES, Choices
from rationanomaly.params import Params, load_params
from tests.conftest import ROOT

IN_IMAGE = ("data/none.csv", "data/none.jsonl")
PROFILES = {path.stem: path for path in [ROOT / "params.yaml", *sorted((ROOT / "profiles").glob("*.yaml"))]}


def on_a_cluster(profile: Path) -> Params:
    """Params of a profile whose data lie where pods see them."""
    names = ("logs", "ledger", "truth", "reasoning")
    given = load_params(profile)
    away = [name for name in names if getattr(given.data, name).as_posix() not in IN_IMAGE]
    moved = [f"data.{name}=/state/data/{name}" for name in away]
    if given.parse.sessions.labels is not None:
        moved.append("parse.sessions.labels=/state/data/labels.csv")
    return load_params(profile, moved)


def main(folder: Path, profiles: Sequence[str]) -> None:
    """Write ``PIPELINE-PROFILE.yaml`` for each."""
    # KFP looks up its caller's name with the source of every frame: most of the time that compiling takes.
    pipeline_task.inspect = SimpleNamespace(stack=lambda: inspect.stack(context=0))
    policy = (ROOT / "mlflow" / "promotion.yaml").read_text()
    for profile in profiles:
        for name, pipeline in PIPELINES.items():
            pipeline.write(on_a_cluster(PROFILES[profile]), Choices(policy=policy), folder / f"{name}-{profile}.yaml")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
