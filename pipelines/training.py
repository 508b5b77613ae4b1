"""The training pipeline: raw logs to a registered model, the same eight steps that `dvc repro` runs."""

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


def training_pipeline(params: Params) -> BaseComponent:
    """The DAG with the images and resources of ``params.cluster``; the params travel as one document."""
    document, shape = dump_line(params), partial(shape_pod, cluster=params.cluster)

    @dsl.pipeline(name="rationanomaly-training", description="From raw logs to a registered anomaly detector.")
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
