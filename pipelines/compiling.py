"""Compile the training pipeline to IR YAML, with the same bytes every time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from kfp import compiler

from pipelines.training import training_pipeline
from rationanomaly.artifacts import write_text
from rationanomaly.params import Params


def compile_training(params: Params, output: Path) -> None:
    """Write the compiled pipeline; the file appears whole or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(training_pipeline(params), str(package))
        write_text(output, package.read_text(encoding="utf-8"))
