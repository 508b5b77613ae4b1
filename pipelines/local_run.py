"""Run the training pipeline on this machine through ``kfp.local``: the same components, as subprocesses."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kfp import local

from pipelines.training import training_pipeline
from rationanomaly import artifacts
from rationanomaly.component import OUTPUTS, STATE
from rationanomaly.errors import PipelineError
from rationanomaly.params import Params
from rationanomaly.steps import STEPS


def run_training(params: Params, output: Path) -> None:
    """Run every step and leave ``output/<step>/``; what is finished there already is used again.

    Raises:
        PipelineError: a step failed, or was passed over in silence.
    """
    output = output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    with _environment(output), tempfile.TemporaryDirectory(prefix=".kfp-", dir=output) as root:
        local.init(
            runner=local.SubprocessRunner(use_venv=False),
            pipeline_root=root,
            raise_on_error=True,
            # KFP's local cache ignores what is in an artifact; ours does not.
            enable_caching=False,
        )
        try:
            training_pipeline(params)()
        except RuntimeError as error:
            raise PipelineError(f"the pipeline failed: {_failed_step(output, error)}", mend=_MEND) from error
    # KFP can skip a branch and still report success, so look for what each step should have left.
    for step in STEPS:
        artifacts.read(output / step.name, step.name)


_MEND = "The step's own line above says why; the same command goes on from there"


def _failed_step(output: Path, error: RuntimeError) -> str:
    for step in STEPS:
        if not (output / step.name / artifacts.MANIFEST).is_file():
            return f"step `{step.name}`"
    return str(error)


@contextlib.contextmanager
def _environment(output: Path) -> Iterator[None]:
    """Tell the components where finished outputs and their state lie."""
    before = dict(os.environ)
    os.environ |= {OUTPUTS: str(output), STATE: str(output / ".state")}
    # Subprocesses import `rationanomaly`; an editable install finds it from any folder.
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
