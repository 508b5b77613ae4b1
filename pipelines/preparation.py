"""What a pipeline on a cluster does before its first step: preflights, and fetching raw inputs."""

from __future__ import annotations

from typing import Protocol

from kfp import dsl

from components.preflight.component import preflight
from components.preflight_gpu.component import preflight_gpu
from components.stage.component import stage
from rationanomaly.params import Params
from rationanomaly.preflight.setting import most_gpus
from rationanomaly.staging.sources import to_fetch


class Tasks(Protocol):
    """What tasks are given and become: pods (`pod.Pods`), or what runs on this machine."""

    def given(self, step: str | None = None, /) -> str:
        """The `params` of a task that runs this step; None: that runs none."""

    def shape(self, task: dsl.PipelineTask, /, *, in_loop: bool = False) -> dsl.PipelineTask:
        """Give it image, resources and environment; say whether it is in a loop."""


def prepare(params: Params, tasks: Tasks, compiled: str) -> tuple[list[dsl.PipelineTask], list[dsl.PipelineTask]]:
    """What comes before every step, and what comes before the teacher is paid: GPUs may be long in coming.

    Args:
        params: all params.
        tasks: what every task goes through.
        compiled: identity of the code here.
    """
    before, before_teacher = preflights(params, tasks, compiled)
    if to_fetch(params):
        before = [tasks.shape(stage(params=tasks.given())).after(*before)]
    return before, before_teacher


def preflights(params: Params, tasks: Tasks, compiled: str) -> tuple[list[dsl.PipelineTask], list[dsl.PipelineTask]]:
    """As `prepare`, and nothing is fetched."""
    given, shape, gpus = tasks.given(), tasks.shape, most_gpus(params)
    first = [shape(preflight(params=given, compiled=compiled))]
    on_gpus = [shape(preflight_gpu(params=given, compiled=compiled, gpus=gpus)).after(*first)] if gpus else []
    return first, on_gpus


def preflight_counts(params: Params) -> dict[str, int]:
    """Name of each preflight → how often it runs."""
    return dict.fromkeys(("preflight", "preflight-gpu") if most_gpus(params) else ("preflight",), 1)


def preparation_counts(params: Params) -> dict[str, int]:
    """Name of each task of `prepare` → how often it runs."""
    return preflight_counts(params) | ({"stage": 1} if to_fetch(params) else {})
