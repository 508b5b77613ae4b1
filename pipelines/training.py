"""The training pipeline: raw logs to a registered model, the same eight steps that `dvc repro` runs."""

from collections.abc import Callable
from functools import partial

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.base.component import base
from components.correct.component import correct
from components.distill.component import distill
from components.evaluate.component import evaluate
from components.finish.component import finish
from components.grpo.component import grpo
from components.parse.component import parse
from components.register.component import register
from components.sft.component import sft
from pipelines.pod import shape_pod
from rationanomaly.params import Params, dump_line

Shape = Callable[[dsl.PipelineTask], dsl.PipelineTask]


def training_pipeline(params: Params, shape: Shape | None = None) -> BaseComponent:
    """The DAG; the params travel as one document.

    Args:
        params: all params.
        shape: what every task goes through; None gives it the image, resources and environment of a pod.
    """
    document, shape = dump_line(params), shape or partial(shape_pod, cluster=params.cluster)

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name="rationanomaly-training", description="From raw logs to a registered anomaly detector."
    )
    def training(params: str = document) -> None:
        with dsl.ExitHandler(shape(finish(params=params))):
            parsed = shape(parse(params=params)).outputs["output"]
            corrected = shape(correct(params=params, parse=parsed)).outputs["output"]
            distilled = shape(distill(params=params, correct=corrected)).outputs["output"]
            based = shape(base(params=params, correct=corrected)).outputs["output"]
            tuned = shape(sft(params=params, parse=parsed, correct=corrected, distill=distilled, base=based)).outputs[
                "output"
            ]
            aligned = shape(grpo(params=params, correct=corrected, distill=distilled, sft=tuned)).outputs["output"]
            evaluated = shape(
                evaluate(params=params, parse=parsed, correct=corrected, base=based, sft=tuned, grpo=aligned)
            ).outputs["output"]
            shape(register(params=params, grpo=aligned, evaluate=evaluated))

    pipeline: BaseComponent = training
    return pipeline
