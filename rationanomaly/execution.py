"""Run one step: check what it reads, give it a fresh folder, seal what it wrote, tell MLflow.

The command line, DVC, the KFP components and the tests all come through `execute`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import reduce
from pathlib import Path

from rationanomaly import artifacts, tracking
from rationanomaly.artifacts import Manifest
from rationanomaly.errors import ArtifactError, InputError, ParamsError
from rationanomaly.params import Params
from rationanomaly.parse import source
from rationanomaly.records import METRICS
from rationanomaly.steps import Inputs, Metrics, Outputs, Step

logger = logging.getLogger(__name__)

_FINISHED = "finished.json"


def execute(step: Step, params: Params, inputs: Inputs, output: Path, state: Path) -> Metrics:
    """Run ``step`` and leave its finished output in ``output``.

    Args:
        step: an entry of `steps.STEPS`.
        params: all params.
        inputs: folders of the steps that it reads by step name. A raw input (``logs``, …) may be given by name
            too; without it the path in the params section ``data`` is taken.
        output: the final folder; it appears whole or not at all.
        state: what survives a crash lies here.

    Returns:
        The step's metrics, as they stand in ``output/metrics.json``.

    Raises:
        ParamsError: an input is missing or one too many is named.
        ArtifactError: an input folder does not hold what its manifest says.
        InputError: a raw input does not exist.
    """
    paths = _resolve(step, params, inputs, state)
    manifests = {name: artifacts.read(paths[name], name) for name in step.reads}
    sources = _sources(step, paths, manifests)
    lineage = tracking.Lineage.of(params, sources["logs"])
    digests = {name: manifest.digest for name, manifest in manifests.items()}
    key = _key(step, params, digests, sources)
    if (metrics := _finished(step, output, state, key)) is not None:
        logger.info("%s: finished before with the same params, inputs and code; its output is used again", step.name)
        return metrics
    with tracking.step_run(step.name, params, lineage, digests, sources) as run:
        state.mkdir(parents=True, exist_ok=True)
        with artifacts.writing(output, step.name, sources) as folder:
            metrics = step.run(params, paths, Outputs(folder, state))
            artifacts.write_json(folder / METRICS, metrics)
        digest = artifacts.read(output, step.name).digest
        run.finish(output, digest, metrics)
        artifacts.write_json(state / _FINISHED, {"key": key, "digest": digest})
        run.headline({key: value for key, value in metrics.items() if key.startswith(("template/", "session/"))})
    return metrics


def _resolve(step: Step, params: Params, inputs: Inputs, state: Path) -> dict[str, Path]:
    """All of the step's inputs by name, existing."""
    known = {*step.reads, *step.sources}
    for name in inputs:
        if name not in known:
            mend = f"It reads {', '.join(sorted(known))}"
            raise ParamsError(f"`{step.name}` has no input `{name}`", mend=mend)
    paths = {name: getattr(params.data, name) for name in step.sources} | dict(inputs)
    for name in step.reads:
        if name not in paths:
            problem = f"`{step.name}` needs the output folder of `{name}`"
            raise ParamsError(problem, mend=f"Add --input {name}=DIR")
    for name in step.sources:
        if name == "logs" and source.is_special(paths[name]):
            paths[name] = source.settle(paths[name], state)
        elif not paths[name].exists():
            mend = f"Correct `data.{name}` in the params, or name it with --input {name}=FILE"
            if paths[name].parts[-2:-1] == ("simulated",):
                mend = "Run `make data/simulated` to make it, or `dvc pull`"
            raise InputError("no such file", file=paths[name], mend=mend)
    return paths


def _sources(step: Step, paths: Mapping[str, Path], manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """SHA-256 of every raw input behind the output: the step's own, and those of the folders it reads."""
    sources: dict[str, str] = {}
    for manifest in manifests.values():
        sources |= manifest.sources
    return sources | {name: source.digest(paths[name]) for name in step.sources}


def _key(step: Step, params: Params, digests: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """Hash of everything that the step's output depends on."""
    document = params.model_dump(mode="json", by_alias=True)
    values = {path: reduce(lambda section, part: section[part], path.split("."), document) for path in step.params}
    own_sources = {name: sources[name] for name in step.sources}
    parts = [step.name, values, dict(digests), own_sources, tracking.code_hash()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _finished(step: Step, output: Path, state: Path, key: str) -> Metrics | None:
    """The metrics of an output that is there, whole, and was made from the same things; else None."""
    try:
        record = json.loads((state / _FINISHED).read_bytes())
        manifest = artifacts.read(output, step.name)
        metrics: Metrics = json.loads((output / METRICS).read_bytes())
    except (OSError, ValueError, ArtifactError):
        return None
    return metrics if record == {"key": key, "digest": manifest.digest} else None
