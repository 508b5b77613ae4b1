"""Run one step: check what it reads, give it a fresh folder, seal what it wrote, tell MLflow.

The command line, DVC, the KFP components and the tests all come through `execute`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rationanomaly import artifacts, raw_inputs
from rationanomaly.errors import ArtifactError, InputError, ParamsError
from rationanomaly.params import Params
from rationanomaly.records import METRICS
from rationanomaly.runs import code_identity, model_registry, piped, run_state, tracking
from rationanomaly.runs.model_registry import AbsentVersionError
from rationanomaly.steps import Inputs, Metrics, Outputs, PartialRun, Step, step_values
from rationanomaly.training import checkpoints

logger = logging.getLogger(__name__)

_FINISHED = "finished.json"


@dataclass(frozen=True)
class StepStatus:
    """What a step would be made from.

    Attributes:
        paths: all of its inputs by name, existing.
        digests: manifest digests of the folders that it reads, by step name.
        sources: SHA-256 of every raw input behind its output, by name.
        key: hash of everything that its output depends on: params, inputs and code.
        state: folder of what survives a crash of the run with this key; need not exist.
        finished: the metrics of an output that is there, whole, and was made from the same things; else None.
    """

    paths: Mapping[str, Path]
    digests: Mapping[str, str]
    sources: Mapping[str, str]
    key: str
    state: Path
    finished: Metrics | None


def execute(
    step: Step,
    params: Params,
    inputs: Inputs,
    output: Path,
    state: Path,
    partial_run: PartialRun | None = None,
    *,
    recorded: bool = True,
) -> Metrics:
    """Run ``step`` and leave its finished output in ``output``.

    Args:
        step: an entry of `steps.STEPS`.
        params: all params.
        inputs: folders of the steps that it reads by step name. A raw input (``logs``, …) may be given by name
            too; without it the path in the params section ``data`` is taken.
        output: the final folder; it appears whole or not at all.
        state: root of what survives a crash; that of this run lies in ``state/STEP/KEY`` (`run_state`).
        partial_run: what is left to do where other pods have done a part; None: all.
        recorded: whether the run is recorded in MLflow; a benchmark keeps its own records.

    Returns:
        The step's metrics, as they stand in ``output/metrics.json``.

    Raises:
        ParamsError: an input is missing or one too many is named.
        ArtifactError: an input folder does not hold what its manifest says, or was made anew while the step ran.
        InputError: a raw input does not exist.
        InfrastructureError: the state folder can't be written, or another run with the same key is under way and keeps
            checkpoints.
    """
    with ExitStack() as until:
        return _execute(step, params, inputs, output, state, partial_run, recorded, until)


def _execute(
    step: Step,
    params: Params,
    inputs: Inputs,
    output: Path,
    state: Path,
    partial_run: PartialRun | None,
    recorded: bool,
    until: ExitStack,
) -> Metrics:
    """What `execute` does while the logs that were piped in are there."""
    status = step_status(step, params, inputs, output, state, partial_run.sources if partial_run else None, until)
    if status.finished is not None:
        logger.info("%s: finished before with the same params, inputs and code; its output is used again", step.name)
        return status.finished
    # Checked before any server is asked for anything: a run without its state folder can only fail.
    run_state.check_writable(status.state)
    lineage = tracking.Lineage.of(params, status.sources["logs"]) if recorded else None
    lease = run_state.leased(status.state) if step.resumes else nullcontext()
    with lease:
        # A run that had the lease may have made this very output meanwhile.
        made = _finished(step, output, status.state, status.key)
        return _run(step, params, output, state, status, lineage, partial_run) if made is None else made


def _run(
    step: Step,
    params: Params,
    output: Path,
    state: Path,
    status: StepStatus,
    lineage: tracking.Lineage | None,
    partial_run: PartialRun | None,
) -> Metrics:
    """The run itself, under its record in MLflow; without a lineage there is none."""
    record: AbstractContextManager[tracking.StepRun | None] = nullcontext()
    if lineage is not None:
        record = tracking.step_run(step.name, params, lineage, status.digests, status.sources)
    with record as run:
        status.state.mkdir(parents=True, exist_ok=True)
        with artifacts.writing(output, step.name, status.sources) as folder:
            outputs = Outputs(folder, status.state, status.key, journals=state / step.name)
            metrics = (partial_run or step).run(params, status.paths, outputs)
            _check_unchanged(status)
            artifacts.write_json(folder / METRICS, metrics)
        digest = artifacts.read(output, step.name).digest
        if run is not None:
            run.finish(output, digest, metrics)
        artifacts.write_json(status.state / _FINISHED, {"key": status.key, "digest": digest})
        checkpoints.clear(status.state / checkpoints.FOLDER)
        if run is not None:
            run.headline({key: value for key, value in metrics.items() if key.startswith(("template/", "session/"))})
    return metrics


def _check_unchanged(status: StepStatus) -> None:
    """Refuse an output that was made of folders of which some were made anew meanwhile: its key names the old ones."""
    for name, digest in status.digests.items():
        if artifacts.stated_digest(status.paths[name]) != digest:
            hint = "Run this again, and let no other run write there at the same time"
            raise ArtifactError("was made anew while it was read", file=status.paths[name], hint=hint)


def step_status(
    step: Step,
    params: Params,
    inputs: Inputs,
    output: Path,
    state: Path,
    sources: Mapping[str, str] | None = None,
    until: ExitStack | None = None,
) -> StepStatus:
    """Check what a step reads, and whether its output is there already; see `execute`.

    Args:
        step, params, inputs, output, state: as for `execute`.
        sources: hashes of the step's own raw inputs where they are known; None: they are worked out.
        until: when it is closed, logs that were piped in are gone; None: at once, for nobody is going to read them.
    """
    with nullcontext(until) if until is not None else ExitStack() as stack:
        return _status(step, params, inputs, output, state, sources, stack)


def _status(
    step: Step,
    params: Params,
    inputs: Inputs,
    output: Path,
    state: Path,
    sources: Mapping[str, str] | None,
    until: ExitStack,
) -> StepStatus:
    paths, hashes = _resolve(step, params, inputs, state, until)
    manifests = {name: artifacts.read(paths[name], name) for name in step.reads}
    own = _own_sources(step, params, paths, hashes) if sources is None else dict(sources)
    digests = {name: manifest.digest for name, manifest in manifests.items()}
    key = _key(step, params, digests, own)
    place = state / step.name / key
    behind = {name: value for manifest in manifests.values() for name, value in manifest.sources.items()}
    return StepStatus(paths, digests, behind | own, key, place, _finished(step, output, place, key))


def _resolve(
    step: Step, params: Params, inputs: Inputs, state: Path, until: ExitStack
) -> tuple[dict[str, Path], dict[str, str]]:
    """All of the step's inputs by name, existing, and the SHA-256 of those that could be read once only."""
    known = {*step.reads, *step.sources}
    for name in inputs:
        if name not in known:
            hint = f"It reads {', '.join(sorted(known))}"
            raise ParamsError(f"`{step.name}` has no input `{name}`", hint=hint)
    paths = {name: params.data.source(name) for name in step.sources} | dict(inputs)
    for name in step.reads:
        if name not in paths:
            problem = f"`{step.name}` needs the output folder of `{name}`"
            raise ParamsError(problem, hint=f"Add --input {name}=DIR")
    hashes = dict[str, str]()
    for name in step.sources:
        if name == "logs":
            piped.clear(state / step.name / run_state.PIPED)
        if name == "logs" and raw_inputs.is_special(paths[name]):
            if raw_inputs.is_read_once(paths[name]):
                folder = state / step.name / run_state.PIPED
                paths[name], hashes[name] = piped.spool(paths[name], folder, partial(step.spool, params), until)
        elif not paths[name].exists():
            hint = f"Correct `data.{name}` in the params, or name it with --input {name}=FILE"
            if paths[name].parts[-2:-1] == ("simulated",):
                hint = "Run `make data/simulated` to make it, or `dvc pull`"
            raise InputError("no such file", file=paths[name], hint=hint)
    return paths, hashes


def _own_sources(
    step: Step, params: Params, paths: Mapping[str, Path], hashes: Mapping[str, str] | None = None
) -> dict[str, str]:
    """SHA-256 of the raw inputs that the step itself reads, and of what its params name; ``hashes`` are known."""
    values = step_values(params, step.paths)
    named = {name: digest for name, value in values.items() if (digest := _named_digest(value))}
    known = hashes or {}
    for name in step.sources:
        read = raw_inputs.digest if name == "logs" else artifacts.sha256
        named[name] = known[name] if name in known else read(paths[name])
    return named


def _named_digest(value: str | None) -> str | None:
    """SHA-256 of a file or folder, or of a registered model as its address stands now; None where nothing is there."""
    if not value:
        return None
    if model_registry.is_address(value):
        try:
            return model_registry.digest_at(value)
        except AbsentVersionError:
            return None  # The step itself says so, or does without.
    return artifacts.sha256(Path(value)) if Path(value).exists() else None


def _key(step: Step, params: Params, digests: Mapping[str, str], sources: Mapping[str, str]) -> str:
    """Hash of everything that the step's output depends on; ``sources`` are those that it reads itself."""
    parts = [step.name, step_values(params, step.params), dict(digests), dict(sources), code_identity.digest(step.name)]
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
