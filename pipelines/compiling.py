"""Compile the training pipeline to IR YAML, with the same bytes every time."""

from __future__ import annotations

import tempfile
from pathlib import Path

from kfp import compiler
from kfp.dsl.base_component import BaseComponent

from pipelines.pod import Pods
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
    write_text(output, compiled(training_pipeline(params, Pods.of(params, cached=cached), gate, compiled_code())))


def compile_preflight(params: Params, output: Path) -> None:
    """Write the pipeline that only finds out what is wrong; the file appears whole or not at all."""
    write_text(output, compiled(preflight_pipeline(params, Pods.of(params), compiled_code())))


def compiled(pipeline: BaseComponent) -> str:
    """The text of a pipeline's package."""
    _drop_dangling_inputs(pipeline)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(pipeline, str(package))
        return package.read_text(encoding="utf-8")


def _drop_dangling_inputs(pipeline: BaseComponent) -> None:
    """KFP 2.17 makes the parts of a loop's items inputs of the exit handler around it, which no server can provide."""
    spec = pipeline.pipeline_spec
    for task in spec.root.dag.tasks.values():
        definitions = spec.components[task.component_ref.name].input_definitions.parameters
        for name, source in list(task.inputs.parameters.items()):
            source_name = source.component_input_parameter
            if source_name and source_name not in spec.root.input_definitions.parameters:
                del task.inputs.parameters[name]
                del definitions[name]
