"""An experiment as a KFP pipeline: the full method once for each seed, and every variant from the step that it changes.

What comes before that step is the full method's, so that variants of the reward start from one SFT model. Variants that
part at the same step are a loop, run side by side. A variant that only reads the full method otherwise has no task.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from pipelines.compiling import compiled
from pipelines.experiment import Request, choose, known_datasets
from pipelines.pod import Pods
from pipelines.preparation import preparation_counts, prepare
from pipelines.run_config import pipeline_config
from pipelines.shared_steps import CHAIN
from pipelines.variants import Experiment, Variant, first_changed
from rationanomaly.artifacts import write_text
from rationanomaly.errors import ParamsError
from rationanomaly.preflight.setting import compiled_code
from rationanomaly.staging.sources import pod_params
from rationanomaly.steps import BY_NAME

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
        ParamsError: an unknown variant, more variants and seeds than fit into one pipeline, or a raw input that lies
            where no pod can see it.
    """
    text = compiled(experiment_pipeline(experiment, request, cached))
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


def experiment_pipeline(experiment: Experiment, request: Request, cached: bool = True) -> BaseComponent:
    """The DAG.

    Args:
        experiment: what is compared.
        request: profile, settings, seeds and variants.
        cached: whether the server may take outputs from earlier runs.
    """
    first = _pods(request, request.seeds[0], cached=cached)

    @dsl.pipeline(  # type: ignore[untyped-decorator]
        name=f"rationanomaly-experiment-{experiment.name}",
        description=f"{experiment.title}.",
        pipeline_config=pipeline_config(first.params.cluster),
    )
    def run() -> None:
        with dsl.ExitHandler(first.shape(_task("finish", first.given(), {}), "finish")):
            before, before_teacher = prepare(first.params, first, compiled_code())
            # No seed changes what the log says.
            parse = first.shape(_task("parse", first.given("parse"), {}), "parse").after(*before)
            waits = {"distill": before_teacher}
            for seed in request.seeds:
                _seed(request, seed, branches(experiment, request, seed), parse.outputs["output"], cached, waits)

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
    counts = preparation_counts(request.params(request.seeds[0]))
    counts |= dict.fromkeys(CHAIN, len(request.seeds)) | {CHAIN[0]: 1}
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


def _pods(request: Request, seed: int, variant: Variant | None = None, cached: bool = True) -> Pods:
    """Of one run, with the raw inputs where pods find them."""
    return Pods.of(pod_params(request.params(seed, variant)), cached=cached)


def _seed(
    request: Request, seed: int, parting: Mapping[str, Sequence[Variant]], parsed: Any, cached: bool,
    waits: Mapping[str, Sequence[dsl.PipelineTask]],
) -> None:  # fmt: skip
    """The full method with this seed, and behind it a loop over the variants for each step at which some part.

    Args:
        request: profile, settings, seeds and variants.
        seed: of these runs.
        parting: see `branches`.
        parsed: output of `parse`.
        cached: whether the server may take outputs from earlier runs.
        waits: step → tasks that come before it, whose output it does not read.
    """
    pods = _pods(request, seed, cached=cached)
    full = {"parse": parsed}
    for name in CHAIN[1:]:
        task = pods.shape(_task(name, pods.given(name), full), name)
        full[name] = task.after(*waits.get(name, ())).outputs["output"]
    for step, variants in parting.items():
        steps = CHAIN[CHAIN.index(step) :]
        made = {name: output for name, output in full.items() if name not in steps}
        others = [_pods(request, seed, variant) for variant in variants]
        items = [{name: other.given(name) for name in steps} for other in others]
        # A loop over one item is a loop as well: the pipeline looks alike however many variants there are.
        with dsl.ParallelFor(items=items, name=f"from-{step}-seed-{seed}") as item:
            for name in steps:
                task = _task(name, getattr(item, name), made)
                documents = {other.keys[name].value: other.params for other in others}
                task = pods.shape(task, name, variants=documents, in_loop=True)
                made[name] = task.after(*waits.get(name, ())).outputs["output"]


def _task(name: str, params: Any, made: Mapping[str, Any]) -> dsl.PipelineTask:
    """A task of the component of this name; of what is made, it gets what its step reads."""
    component = getattr(importlib.import_module(f"components.{name}.component"), name)
    reads = BY_NAME[name].reads if name in BY_NAME else ()
    return component(params=params, **{read: made[read] for read in reads})
