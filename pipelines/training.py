"""The training pipeline: raw logs to a registered model, the same eight steps that `dvc repro` runs."""

from dataclasses import dataclass

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
from components.promote.component import promote
from components.register.component import register
from components.sft.component import sft
from pipelines.preparation import Tasks, preflights, preparation_counts, prepare
from pipelines.run_config import pipeline_config
from rationanomaly.params import Params
from rationanomaly.steps import STEPS


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

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=f"rationanomaly-{'retrain' if gate else 'training'}",
        description=f"From raw logs to a {'promoted' if gate else 'registered'} anomaly detector.",
        pipeline_config=pipeline_config(params.cluster),
    )
    def training() -> None:
        with dsl.ExitHandler(shape(finish(params=given()))):
            before, before_teacher = prepare(params, tasks, compiled) if compiled else ([], [])
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
    def preflight() -> None:
        preflights(params, tasks, compiled)

    pipeline: BaseComponent = preflight
    return pipeline


def _parse(shards: int, tasks: Tasks, before: list[dsl.PipelineTask]) -> dsl.PipelineTask:
    """The task whose output is that of `parse`; with several shards it has a plan and parallel tasks before it."""
    params, shape = tasks.given("parse"), tasks.shape
    if shards == 1:
        return shape(parse(params=params)).after(*before)
    plan = shape(parse_plan(params=params, shards=shards)).after(*before).outputs["output"]
    with dsl.ParallelFor(items=list(range(shards))) as number:
        read = shape(parse_shard(params=params, plan=plan, number=number), in_loop=True).outputs["output"]
    return shape(parse_merge(params=params, plan=plan, shards=dsl.Collected(read)))


def task_counts(params: Params, compiled: bool = False) -> dict[str, int]:
    """Name of each task of the pipeline but the exit handler → how often it runs; in the order of the steps.

    Args:
        params: all params.
        compiled: with preflights and fetching, which only a pipeline for a cluster has.
    """
    counts: dict[str, int] = preparation_counts(params) if compiled else {}
    for step in STEPS:
        shards = getattr(params.cluster, step.shards) if step.shards else 1
        counts |= dict.fromkeys((step.name,) if shards == 1 else step.fanned_out, 1)
        counts |= {f"{step.name}_shard": shards} if shards > 1 else {}
    return {name.replace("_", "-"): count for name, count in counts.items()}
