"""The training pipeline: raw logs to a registered model, the same eight steps that `dvc repro` runs."""

from dataclasses import dataclass
from typing import Protocol

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.base.component import base
from components.correct.component import correct
from components.distill.component import distill
from components.evaluate.component import evaluate
from components.finish.component import finish
from components.grpo.component import grpo
from components.parse.component import parse
from components.parse_merge.component import parse_merge
from components.parse_plan.component import parse_plan
from components.parse_shard.component import parse_shard
from components.preflight.component import preflight
from components.preflight_gpu.component import preflight_gpu
from components.promote.component import promote
from components.register.component import register
from components.sft.component import sft
from components.stage.component import stage
from pipelines.run_config import pipeline_config
from rationanomaly.params import Params
from rationanomaly.preflight.setting import most_gpus
from rationanomaly.staging.sources import to_fetch
from rationanomaly.steps import STEPS


class Tasks(Protocol):
    """What tasks are given and become: pods (`pod.Pods`), or what runs on this machine."""

    def given(self, step: str | None = None, /) -> str:
        """The `params` of a task that runs this step; None: that runs none."""

    def shape(self, task: dsl.PipelineTask, /, *, in_loop: bool = False) -> dsl.PipelineTask:
        """Give it image, resources and environment; say whether it is in a loop."""


@dataclass(frozen=True)
class Gate:
    """What stands behind `register` in a retraining.

    Attributes:
        policy: text of the promotion policy.
        alias: that the new version gets if the policy lets it.
    """

    policy: str
    alias: str = "champion"


def training_pipeline(
    params: Params, tasks: Tasks, gate: Gate | None = None, compiled: str | None = None
) -> BaseComponent:
    """The DAG. It takes no arguments: what the cache knows of its tasks comes from the params that it is compiled with.

    Args:
        params: all params.
        tasks: what every task goes through.
        gate: promotes what was registered; None: nothing is promoted.
        compiled: identity of the code here, for the preflight before everything else; None: there is none.
    """
    given, shape = tasks.given, tasks.shape
    fetched = bool(compiled and to_fetch(params))

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=f"rationanomaly-{'retrain' if gate else 'training'}",
        description=f"From raw logs to a {'promoted' if gate else 'registered'} anomaly detector.",
        pipeline_config=pipeline_config(params.cluster),
    )
    def training() -> None:
        with dsl.ExitHandler(shape(finish(params=given()))):
            before, before_teacher = _preflights(compiled, most_gpus(params), tasks)
            if fetched:
                before = [shape(stage(params=given())).after(*before)]
            parsed = _parse(params.cluster.parse_shards, tasks, before).outputs["output"]
            corrected = shape(correct(params=given("correct"), parse=parsed)).outputs["output"]
            distilled = (
                shape(distill(params=given("distill"), correct=corrected)).after(*before_teacher).outputs["output"]
            )
            based = shape(base(params=given("base"), correct=corrected)).outputs["output"]
            tuned = shape(
                sft(params=given("sft"), parse=parsed, correct=corrected, distill=distilled, base=based)
            ).outputs["output"]
            aligned = shape(
                grpo(params=given("grpo"), parse=parsed, correct=corrected, distill=distilled, sft=tuned)
            ).outputs["output"]
            evaluated = shape(
                evaluate(params=given("evaluate"), parse=parsed, correct=corrected, base=based, sft=tuned, grpo=aligned)
            ).outputs["output"]
            registered = shape(register(params=given("register"), grpo=aligned, evaluate=evaluated)).outputs["output"]
            if gate is not None:
                shape(promote(policy=gate.policy, alias=gate.alias, register=registered))

    pipeline: BaseComponent = training
    return pipeline


def preflight_pipeline(params: Params, tasks: Tasks, compiled: str) -> BaseComponent:
    """The preflights alone: what is wrong with this cluster for these params."""

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name="rationanomaly-preflight",
        description="What is wrong before anything is paid.",
        pipeline_config=pipeline_config(params.cluster),
    )
    def preflights() -> None:
        _preflights(compiled, most_gpus(params), tasks)

    pipeline: BaseComponent = preflights
    return pipeline


def _preflights(compiled: str | None, gpus: int, tasks: Tasks) -> tuple[list[dsl.PipelineTask], list[dsl.PipelineTask]]:
    """What comes before every step, and what comes before the teacher is paid: GPUs may be long in coming."""
    if compiled is None:
        return [], []
    given, shape = tasks.given(), tasks.shape
    first = [shape(preflight(params=given, compiled=compiled))]
    on_gpus = [shape(preflight_gpu(params=given, compiled=compiled, gpus=gpus)).after(*first)] if gpus else []
    return first, on_gpus


def _parse(shards: int, tasks: Tasks, before: list[dsl.PipelineTask]) -> dsl.PipelineTask:
    """The task whose output is that of `parse`; with several shards it has a plan and parallel tasks before it."""
    params, shape = tasks.given("parse"), tasks.shape
    if shards == 1:
        return shape(parse(params=params)).after(*before)
    plan = shape(parse_plan(params=params, shards=shards)).after(*before).outputs["output"]
    with dsl.ParallelFor(items=list(range(shards))) as number:
        read = shape(parse_shard(params=params, plan=plan, number=number), in_loop=True).outputs["output"]
    return shape(parse_merge(params=params, plan=plan, shards=dsl.Collected(read)))


def preflight_counts(params: Params) -> dict[str, int]:
    """As `task_counts`, of the preflights."""
    return dict.fromkeys(("preflight", "preflight-gpu") if most_gpus(params) else ("preflight",), 1)


def task_counts(params: Params, compiled: bool = False) -> dict[str, int]:
    """Name of each task of the pipeline but the exit handler → how often it runs; in the order of the steps.

    Args:
        params: all params.
        compiled: with the preflights, which only a pipeline for a cluster has.
    """
    counts: dict[str, int] = preflight_counts(params) if compiled else {}
    counts |= {"stage": 1} if compiled and to_fetch(params) else {}
    for step in STEPS:
        shards = getattr(params.cluster, step.shards) if step.shards else 1
        counts |= dict.fromkeys((step.name,) if shards == 1 else step.fanned_out, 1)
        counts |= {f"{step.name}_shard": shards} if shards > 1 else {}
    return {name.replace("_", "-"): count for name, count in counts.items()}
