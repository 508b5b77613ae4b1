"""The training pipeline: raw logs to a registered model, the same eight steps that `dvc repro` runs."""

from collections.abc import Callable
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
from components.preflight.component import preflight
from components.preflight_gpu.component import preflight_gpu
from components.promote.component import promote
from components.register.component import register
from components.sft.component import sft
from components.stage.component import stage
from rationanomaly.params import Params, dump_line
from rationanomaly.preflight.setting import most_gpus
from rationanomaly.staging.sources import to_fetch
from rationanomaly.steps import STEPS

Shape = Callable[[dsl.PipelineTask], dsl.PipelineTask]


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
    params: Params, shape: Shape, gate: Gate | None = None, compiled: str | None = None
) -> BaseComponent:
    """The DAG; the params travel as one document.

    Args:
        params: all params.
        shape: what every task goes through: `pod.shape_pod` gives it image, resources and environment of a pod.
        gate: promotes what was registered; None: nothing is promoted.
        compiled: identity of the code here, for the preflight before everything else; None: there is none.
    """
    document = dump_line(params)
    shards, gpus = params.cluster.parse_shards, most_gpus(params)
    fetched = bool(compiled and to_fetch(params))

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=f"rationanomaly-{'retrain' if gate else 'training'}",
        description=f"From raw logs to a {'promoted' if gate else 'registered'} anomaly detector.",
    )
    def training(params: str = document) -> None:
        with dsl.ExitHandler(shape(finish(params=params))):
            before, before_teacher = _preflights(params, compiled, gpus, shape)
            if fetched:
                before = [shape(stage(params=params)).set_caching_options(False).after(*before)]
            parsed = _parse(params, shards, shape, before).outputs["output"]
            corrected = shape(correct(params=params, parse=parsed)).outputs["output"]
            distilled = shape(distill(params=params, correct=corrected)).after(*before_teacher).outputs["output"]
            based = shape(base(params=params, correct=corrected)).outputs["output"]
            tuned = shape(sft(params=params, parse=parsed, correct=corrected, distill=distilled, base=based)).outputs[
                "output"
            ]
            aligned = shape(grpo(params=params, parse=parsed, correct=corrected, distill=distilled, sft=tuned)).outputs[
                "output"
            ]
            evaluated = shape(
                evaluate(params=params, parse=parsed, correct=corrected, base=based, sft=tuned, grpo=aligned)
            ).outputs["output"]
            registered = shape(register(params=params, grpo=aligned, evaluate=evaluated)).outputs["output"]
            if gate is not None:
                shape(promote(policy=gate.policy, alias=gate.alias, register=registered))

    pipeline: BaseComponent = training
    return pipeline


def preflight_pipeline(params: Params, shape: Shape, compiled: str) -> BaseComponent:
    """The preflights alone: what is wrong with this cluster for these params."""
    document, gpus = dump_line(params), most_gpus(params)

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name="rationanomaly-preflight", description="What is wrong before anything is paid."
    )
    def preflights(params: str = document) -> None:
        _preflights(params, compiled, gpus, shape)

    pipeline: BaseComponent = preflights
    return pipeline


def _preflights(
    params: str, compiled: str | None, gpus: int, shape: Shape
) -> tuple[list[dsl.PipelineTask], list[dsl.PipelineTask]]:
    """What comes before every step, and what comes before the teacher is paid: GPUs may be long in coming."""
    if compiled is None:
        return [], []
    first = [shape(preflight(params=params, compiled=compiled))]
    on_gpus = [shape(preflight_gpu(params=params, compiled=compiled, gpus=gpus)).after(*first)] if gpus else []
    for task in (*first, *on_gpus):
        task.set_caching_options(False)  # What was right an hour ago may be wrong now.
    return first, on_gpus


def _parse(params: str, shards: int, shape: Shape, before: list[dsl.PipelineTask]) -> dsl.PipelineTask:
    """The task whose output is that of `parse`; with several shards it has a plan and parallel tasks before it."""
    if shards == 1:
        return shape(parse(params=params)).after(*before)
    plan = shape(parse_plan(params=params, shards=shards)).after(*before).outputs["output"]
    with dsl.ParallelFor(items=list(range(shards))) as number:
        read = shape(parse_shard(params=params, plan=plan, number=number)).outputs["output"]
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
