"""An experiment as a KFP pipeline: the full method once for each seed, and every variant from the step that it changes.

What comes before that step is the full method's, so that variants of the reward start from one SFT model. Variants that
part at the same step are a loop, run side by side. A variant that only reads the full method otherwise has no task.
"""

import importlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kfp import compiler, dsl
from kfp.dsl.base_component import BaseComponent

from pipelines.experiment import Request, choose, known_datasets
from pipelines.pod import shape_pod
from pipelines.shared_steps import CHAIN
from pipelines.variants import Experiment, Variant, first_changed
from rationanomaly.artifacts import write_text
from rationanomaly.errors import ParamsError
from rationanomaly.params import Params, dump_line
from rationanomaly.steps import BY_NAME

#: A task, and the step that it runs.
Shape = Callable[[dsl.PipelineTask, str], dsl.PipelineTask]
#: A workflow may not take more than 1.5 MB on a cluster; what the server adds needs room as well.
MOST_BYTES = 1_000_000


def compile_experiment(experiment: Experiment, request: Request, output: Path, cached: bool = True) -> None:
    """Write the compiled pipeline; the same bytes every time.

    Args:
        experiment: what is compared.
        request: profile, settings, seeds and variants.
        output: the file.
        cached: whether the server may take the result of a step from an earlier run with the same inputs.

    Raises:
        ParamsError: an unknown variant, or more variants and seeds than fit into one pipeline.
    """
    shape = partial(_shape, params=request.params(request.seeds[0]), cached=cached)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        compiler.Compiler().compile(experiment_pipeline(experiment, request, shape), str(package))
        text = package.read_text(encoding="utf-8")
    refuse_large(len(text.encode()))
    write_text(output, text)


def refuse_large(size: int) -> None:
    """Check that a cluster takes a pipeline of so many bytes.

    Raises:
        ParamsError: it doesn't.
    """
    if size > MOST_BYTES:
        problem = f"the pipeline takes {size // 1000} kB, and a cluster takes {MOST_BYTES // 1000}"
        raise ParamsError(problem, hint="Name some variants with --only, or compile one pipeline for each seed")


def experiment_pipeline(experiment: Experiment, request: Request, shape: Shape) -> BaseComponent:
    """The DAG; the params of each run travel as one document.

    Args:
        experiment: what is compared.
        request: profile, settings, seeds and variants.
        shape: what every task goes through.
    """
    document = dump_line(request.params(request.seeds[0]))

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=f"rationanomaly-experiment-{experiment.name}", description=f"{experiment.title}."
    )
    def run(params: str = document) -> None:
        with dsl.ExitHandler(_task("finish", {"params": params}, shape)):
            # No seed changes what the log says.
            parsed = _task("parse", {"params": params}, shape).outputs["output"]
            for seed in request.seeds:
                _seed(request, seed, branches(experiment, request, seed), parsed, shape)

    pipeline: BaseComponent = run
    return pipeline


def branches(experiment: Experiment, request: Request, seed: int) -> dict[str, list[Variant]]:
    """The variants by the step at which they part from the full method, in the order of the steps."""
    variants = choose(experiment.variants(request.params(seed), _datasets(experiment, request)), request.only)
    full = request.params(seed)
    found: dict[str, list[Variant]] = {}
    for variant in variants:
        step = first_changed(full, request.params(seed, variant))
        if step is not None and step in CHAIN[1:]:
            found.setdefault(step, []).append(variant)
        elif step is not None:
            problem = f"`{variant.name}` changes the step `{step}`, which all runs of a pipeline share"
            raise ParamsError(problem, hint="Leave it out with --only")
    return {step: found[step] for step in CHAIN if step in found}


def task_counts(experiment: Experiment, request: Request) -> dict[str, int]:
    """Name of each step whose tasks count as progress → how many of them there are."""
    counts = dict.fromkeys(CHAIN, len(request.seeds)) | {CHAIN[0]: 1}
    for seed in request.seeds:
        for step, variants in branches(experiment, request, seed).items():
            for name in CHAIN[CHAIN.index(step) :]:
                counts[name] += len(variants)
    return counts


def described(experiment: Experiment, request: Request) -> str:
    """Each variant with the step from which on it is made anew, for people."""
    full, seed = request.params(request.seeds[0]), request.seeds[0]
    variants = choose(experiment.variants(full, _datasets(experiment, request)), request.only)
    rows = [
        (one.name, first_changed(full, request.params(seed, one)) or "–", " ".join(one.settings) or "–", one.title)
        for one in variants
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[3]}: {row[2]}\n" for row in rows)


def _datasets(experiment: Experiment, request: Request) -> list[str]:
    """The data sets in the logs where variants are made of them; what only a pod can read isn't asked otherwise."""
    return known_datasets(request) if experiment.by_dataset else []


def _seed(request: Request, seed: int, parting: Mapping[str, Sequence[Variant]], parsed: Any, shape: Shape) -> None:
    """The full method with this seed, and behind it a loop over the variants for each step at which some part."""
    full = _chain(dump_line(request.params(seed)), CHAIN[1:], {"parse": parsed}, shape)
    for step, variants in parting.items():
        place = CHAIN.index(step)
        documents = [dump_line(request.params(seed, variant)) for variant in variants]
        shared = {name: full[name] for name in CHAIN[:place]}
        # A loop over one item is a loop as well: the pipeline looks alike however many variants there are.
        with dsl.ParallelFor(items=documents, name=f"from-{step}-seed-{seed}") as params:
            _chain(params, CHAIN[place:], shared, shape)


def _chain(params: Any, steps: Sequence[str], outputs: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """Tasks of these steps, one behind the other; the outputs of all."""
    made = dict(outputs)
    for name in steps:
        inputs = {read: made[read] for read in BY_NAME[name].reads}
        made[name] = _task(name, {"params": params, **inputs}, shape).outputs["output"]
    return made


def _task(name: str, arguments: Mapping[str, Any], shape: Shape) -> dsl.PipelineTask:
    component = getattr(importlib.import_module(f"components.{name}.component"), name)
    return shape(component(**arguments), name)


def _shape(task: dsl.PipelineTask, step: str, params: Params, cached: bool) -> dsl.PipelineTask:
    return shape_pod(task, params=params, cached=cached, step=step)
