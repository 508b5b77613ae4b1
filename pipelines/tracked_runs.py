"""The runs of an experiment that ran on a cluster, as MLflow has them: records for the table and the plot.

Each pod tells MLflow its metrics. A run is found by the hash of its params, which the pipeline of `ablation` gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.experiment import Request, choose, known_datasets, record_path
from pipelines.variants import Experiment, Variant, first_changed
from rationanomaly.artifacts import write_json
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.runs import tracking
from rationanomaly.runs.database import make_database
from rationanomaly.runs.tracking import params_hash
from rationanomaly.steps import BY_NAME, STEPS

if TYPE_CHECKING:
    from mlflow import MlflowClient


def keep_tracked(experiment: Experiment, request: Request) -> list[str]:
    """Write the record of each run that MLflow knows, below the output folder of the request.

    Args:
        experiment: whose runs.
        request: profile, settings, seeds and variants that the pipeline was compiled from.

    Returns:
        the runs that are not finished, or that nobody has started, as ``VARIANT-seed-N``.

    Raises:
        InputError: not one of them is known.
    """
    from mlflow import MlflowClient

    variants = choose(experiment.variants(request.params(request.seeds[0]), known_datasets(request)), request.only)
    tracking.quieten()
    uri = tracking.tracking_uri()
    make_database(uri)
    client = MlflowClient(uri)
    wanted = [(variant, seed) for seed in request.seeds for variant in variants]
    missing = []
    for variant, seed in wanted:
        record = _record(client, variant, request.params(seed, variant), request.params(seed))
        if record is None:
            missing.append(f"{variant.name}-seed-{seed}")
        else:
            path = record_path(request.output / experiment.name, variant.name, seed)
            write_json(path, record | {"variant": variant.name, "seed": seed})
    if len(missing) == len(wanted):
        name = request.params(request.seeds[0]).run.name
        hint = "Check MLFLOW_TRACKING_URI, and give the profile and the settings that the pipeline was compiled from"
        raise InputError(f"MLflow knows no finished run of these params in the experiment `{name}`", hint=hint)
    return missing


def _record(client: MlflowClient, variant: Variant, params: Params, full: Params) -> dict[str, Any] | None:
    """The record of one run without its outputs, which are on the cluster; None until it has been evaluated."""
    evaluated = _metrics(client, params, "evaluate")
    if evaluated is None:
        return None
    # Steps before the one that a variant changes ran once, with the params of the full method.
    parted = first_changed(full, params)
    own = parted is not None and STEPS.index(BY_NAME[parted]) <= STEPS.index(BY_NAME["correct"])
    corrected = _metrics(client, params if own else full, "correct")
    tags, metrics = evaluated
    return {
        "params": params_hash(params), "code": tags.get("rationanomaly.code", ""), "settings": list(variant.settings),
        "problem": None, "outputs": {}, "seconds": {},
        "metrics": {"evaluate": dict(metrics), "correct": dict(corrected[1]) if corrected else {}},
    }  # fmt: skip


def _metrics(client: MlflowClient, params: Params, step: str) -> tuple[Mapping[str, str], Mapping[str, float]] | None:
    """Tags and metrics of the newest finished run of a step with these params."""
    # Runs that Kubeflow Pipelines opened lie in an experiment of its choice.
    places = [one.experiment_id for one in client.search_experiments()]
    query = f"tags.`{tracking.PARAMS}` = '{params_hash(params)}' and tags.`{tracking.STEP}` = '{step}'"
    newest = ["attributes.start_time DESC"]
    runs = client.search_runs(places, f"{query} and attributes.status = 'FINISHED'", max_results=1, order_by=newest)
    return (runs[0].data.tags, runs[0].data.metrics) if runs else None
