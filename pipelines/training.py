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
from components.promote.component import promote
from components.register.component import register
from components.sft.component import sft
from rationanomaly.params import Params, dump_line
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


def training_pipeline(params: Params, shape: Shape, gate: Gate | None = None) -> BaseComponent:
    """The DAG; the params travel as one document.

    Args:
        params: all params.
        shape: what every task goes through: `pod.shape_pod` gives it image, resources and environment of a pod.
        gate: promotes what was registered; None: nothing is promoted.
    """
    document = dump_line(params)
    shards = params.cluster.parse_shards

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=f"rationanomaly-{'retrain' if gate else 'training'}",
        description=f"From raw logs to a {'promoted' if gate else 'registered'} anomaly detector.",
    )
    def training(params: str = document) -> None:
        with dsl.ExitHandler(shape(finish(params=params))):
            parsed = _parse(params, shards, shape).outputs["output"]
            corrected = shape(correct(params=params, parse=parsed)).outputs["output"]
            distilled = shape(distill(params=params, correct=corrected)).outputs["output"]
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


def _parse(params: str, shards: int, shape: Shape) -> dsl.PipelineTask:
    """The task whose output is that of `parse`; with several shards it has a plan and parallel tasks before it."""
    if shards == 1:
        return shape(parse(params=params))
    plan = shape(parse_plan(params=params, shards=shards)).outputs["output"]
    with dsl.ParallelFor(items=list(range(shards))) as number:
        read = shape(parse_shard(params=params, plan=plan, number=number)).outputs["output"]
    return shape(parse_merge(params=params, plan=plan, shards=dsl.Collected(read)))


def task_counts(params: Params) -> dict[str, int]:
    """Name of each task of the pipeline but the exit handler → how often it runs; in the order of the steps."""
    counts: dict[str, int] = {}
    for step in STEPS:
        shards = getattr(params.cluster, step.shards) if step.shards else 1
        counts |= dict.fromkeys((step.name,) if shards == 1 else step.fanned_out, 1)
        counts |= {f"{step.name}_shard": shards} if shards > 1 else {}
    return {name.replace("_", "-"): count for name, count in counts.items()}
