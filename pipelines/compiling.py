"""Compile the training pipeline to IR YAML, with the same bytes every time."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from kfp import compiler

from pipelines.pod import shape_pod
from pipelines.training import Gate, preflight_pipeline, training_pipeline
from rationanomaly.artifacts import write_text
from rationanomaly.params import Params
from rationanomaly.preflight.setting import compiled_code


def compile_training(params: Params, output: Path, cached: bool = True, gate: Gate | None = None) -> None:
    """Write the compiled pipeline; the file appears whole or not at all.

    Args:
        params: all params.
        output: the file.
        cached: whether the server may take the result of a step from an earlier run with the same inputs.
        gate: promotes what was registered; None: nothing is promoted.
    """
    shape = partial(shape_pod, params=params, cached=cached)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(training_pipeline(params, shape, gate, compiled_code()), str(package))
        write_text(output, package.read_text(encoding="utf-8"))


def compile_preflight(params: Params, output: Path) -> None:
    """Write the pipeline that only finds out what is wrong; the file appears whole or not at all."""
    shape = partial(shape_pod, params=params, cached=False)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(preflight_pipeline(params, shape, compiled_code()), str(package))
        write_text(output, package.read_text(encoding="utf-8"))
