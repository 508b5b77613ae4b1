"""Run the training pipeline on this machine through ``kfp.local``: the components as subprocesses or containers."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from kfp import dsl, local

from pipelines.run_log import captured
from pipelines.training import task_counts, training_pipeline
from rationanomaly import artifacts
from rationanomaly.errors import PipelineError
from rationanomaly.kfp_task import OUTPUTS, PROGRESS, STATE
from rationanomaly.params import Params, dump_line
from rationanomaly.steps import STEPS


class Runner(StrEnum):
    """What runs the components."""

    SUBPROCESS = "subprocess"
    DOCKER = "docker"


def run_training(params: Params, output: Path, runner: Runner = Runner.SUBPROCESS) -> None:
    """Run every step and leave ``output/<step>/``; what is finished there already is used again.

    Args:
        params: all params.
        output: folder to write.
        runner: subprocesses of this environment, or containers of the image ``params.cluster.image``.

    Raises:
        PipelineError: a step failed, or was passed over in silence.
        InfrastructureError: no Docker daemon, or no image.
    """
    output = output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kfp-", dir=output) as root, _runner(runner, params, output, root) as way:
        local.init(
            runner=way,
            pipeline_root=root,
            raise_on_error=True,
            # KFP's local cache ignores what is in an artifact; ours does not.
            enable_caching=False,
        )
        pipeline = training_pipeline(params, _LocalTasks(params))
        failures: list[tuple[str, str]] = []
        try:
            with captured(output / "pipeline.log") as failures:
                pipeline()
        except (RuntimeError, ValueError) as error:
            # A ValueError where KFP took a container that it had removed for a success, and then misses its output.
            reason = f": {failures[-1][1].rstrip('.')}" if failures else ""
            problem = f"the pipeline failed: {_failed_step(params, Path(root), error)}{reason}"
            raise PipelineError(problem, hint=_HINT) from error
        # KFP can skip a branch, or miss the status of a container, and still report success.
        if unfinished := _unfinished(params, Path(root)):
            raise PipelineError(f"the pipeline failed: step `{unfinished[0]}` has not finished", hint=_HINT)
    for step in STEPS:
        artifacts.read(output / step.name, step.name)


_HINT = "See pipeline.log in the output folder; run the same command to continue from there"


def _failed_step(params: Params, root: Path, error: Exception) -> str:
    unfinished = _unfinished(params, root)
    return f"step `{unfinished[0]}`" if unfinished else str(error)


def _unfinished(params: Params, root: Path) -> list[str]:
    """Tasks that did not come to their end in this run: KFP writes this file when a component has returned."""
    return [
        task
        for task, count in task_counts(params).items()
        # The tasks of a loop lie in a folder for each time.
        if sum(len(list(root.glob(f"{depth}/{task}/executor_output.json"))) for depth in ("*", "*/*")) < count
    ]


class _LocalTasks:
    """All that a task needs here; a pod's environment would name the cluster's tracking server and volumes."""

    def __init__(self, params: Params) -> None:
        self._image, self._document = params.cluster.image, dump_line(params)

    def given(self, _step: str | None = None, /) -> str:
        """Always the whole document."""
        return self._document

    def shape(self, task: dsl.PipelineTask, /, *, in_loop: bool = False) -> dsl.PipelineTask:  # noqa: ARG002
        """Name its image."""
        return task.set_container_image(self._image)


@contextlib.contextmanager
def _runner(
    runner: Runner, params: Params, output: Path, root: str
) -> Iterator[local.SubprocessRunner | local.DockerRunner]:
    if runner is Runner.DOCKER:
        from pipelines.containers import docker_runner

        with docker_runner(params, output, Path(root)) as containers:
            yield containers
    else:
        with _environment(output):
            yield local.SubprocessRunner(use_venv=False)


@contextlib.contextmanager
def _environment(output: Path) -> Iterator[None]:
    """Tell the components where finished outputs and their state lie."""
    before = dict(os.environ)
    os.environ |= {OUTPUTS: str(output), STATE: str(output / ".state"), PROGRESS: "json"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
