"""Seeds of the published templates, each trained and measured in a folder that is kept.

    DIR/seed-N/STEP/          output folders of the steps, as a pipeline leaves them: bench-causal takes DIR/seed-N
    DIR/seed-N/state/         checkpoints, and what else a killed run continues from
    DIR/seed-N/seconds.json   that each step took, in the process that finished it
    DIR/seed-N/seed.json      written last: the seed is done, with these params and this code

A seed takes about 800 MB, nearly all of it the base in three model folders. Steps run as in a pipeline: what was
finished with the same params, inputs and code is not run again, and a training continues from its checkpoint. A seed
that is done is taken as it is. Processes may share a folder: each takes the seeds that are neither done nor another's,
and waits for those of others. Start them from a checkout that nobody changes meanwhile.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rationanomaly import artifacts
from rationanomaly.artifacts import MANIFEST, write_json
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.generated_texts import Flags, text_flags
from rationanomaly.evaluate.predictions import FREE_TEXTS, Prediction, SystemAnswers
from rationanomaly.evaluate.systems import FINAL, SYSTEMS, TRAINED
from rationanomaly.params import Params, PromptParams, load_params
from rationanomaly.records import (
    LABELLED,
    LABELLED_SCHEMA,
    METRICS,
    PREDICTIONS,
    read_objects,
    read_rows,
    read_table,
)
from rationanomaly.runs import code_identity
from rationanomaly.runs.execution import execute
from rationanomaly.runs.tracking import params_hash
from rationanomaly.steps import BY_NAME, Metrics

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "profiles" / "bgl-spirit.yaml"
STEPS = ("parse", "correct", "distill", "base", "sft", "grpo", "evaluate")
#: The threshold stays at .5 and the last adapter is taken: chosen on the rows that are measured, they would flatter.
TUNING = ("correct.split.test=0", "correct.split.validation=0.4", "sft.threshold_positives=1000000",
          "sft.best_by=null", "grpo.keep_best=false")  # fmt: skip
RECORD, SECONDS, STATE = "seed.json", "seconds.json", "state"
#: Seconds between looks at a seed that another process makes.
POLL = 10.0


@dataclass(frozen=True)
class SeedRun:
    """What was measured of one seed.

    Attributes:
        metrics: those of `evaluate`; ``seconds``: that each step took.
        code: hash of what the steps reach.
        group_of: of each labelled template, by id, its group of near-duplicates; the same in every seed.
        systems: what each system says of the rows that are measured, all of them in one order.
        groups: of these rows.
        recorded_flags: what `flags` gives, of a seed whose texts are not at hand (`recorded_seeds`).
    """

    seed: int
    metrics: Metrics
    seconds: Mapping[str, float]
    code: str
    group_of: Mapping[str, int]
    systems: Mapping[str, SystemAnswers]
    groups: Sequence[int]
    recorded_flags: Mapping[str, Mapping[str, Flags]] | None = None

    @cached_property
    def flags(self) -> Mapping[str, Mapping[str, Flags]]:
        """By system, what is true of which row's texts (`text_flags`)."""
        if self.recorded_flags is not None:
            return self.recorded_flags
        return {name: text_flags(answers) for name, answers in self.systems.items()}


def absolute(params: Params) -> Params:
    """The data as seen from the root of the project, wherever this is started."""
    paths = {name: ROOT / getattr(params.data, name) for name in ("logs", "ledger", "truth", "reasoning")}
    return params.model_copy(update={"data": params.data.model_copy(update=paths)})


def params_of(seed: int, settings: Sequence[str]) -> Params:
    """Those of one seed: the profile with ``KEY=VALUE`` settings; intervals are of all seeds, so a seed has none."""
    return absolute(load_params(PROFILE, [*settings, f"run.seed={seed}", "evaluate.bootstrap=0"]))


def make_seeds(seeds: Sequence[int], settings: Sequence[str], results: Path) -> Iterator[SeedRun]:
    """Each seed as soon as it is done, here or in another process that shares the folder.

    Raises:
        ArtifactError: a kept seed was made with other settings, or its templates have other groups.
    """
    waiting, first = list(seeds), None
    while waiting:
        done = []
        for seed in waiting:
            params = params_of(seed, settings)
            if _is_made(params, results / f"seed-{seed}"):
                found = read_seed(params, results / f"seed-{seed}")
                first = first or found
                refuse_other_groups(found, first, results / f"seed-{seed}")
                done.append(seed)
                yield found
        waiting = [seed for seed in waiting if seed not in done]
        if waiting and not done:
            time.sleep(POLL)


def refuse_other_groups(run: SeedRun, first: SeedRun, place: Path) -> None:
    """Check that a seed has the groups of the first one: the bootstrap draws them for all seeds at once.

    Raises:
        ArtifactError: it has others; names ``place``, where the seed was read.
    """
    if run.group_of != first.group_of:
        problem = "groups its templates otherwise than the other seeds"
        raise ArtifactError(problem, file=place, hint="Make all seeds of the same data")


def _is_made(params: Params, folder: Path) -> bool:
    """Make a seed unless it is done; False if another process is making it."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / RECORD).is_file():
        return True
    with _alone(folder) as alone:
        if alone and not (folder / RECORD).is_file():
            code = code_identity.whole()
            run_steps(STEPS, params, folder)
            write_json(folder / RECORD, {"params": params_hash(params), "code": code})
        return alone


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Hold a folder until the block or the process ends; False if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield artifacts.try_lock(descriptor) is not False
    finally:
        os.close(descriptor)


def run_steps(names: Sequence[str], params: Params, folder: Path) -> None:
    """Run steps one after the other, each into its folder below ``folder``; those that are finished are passed over."""
    seconds: dict[str, float] = _json(folder / SECONDS) if (folder / SECONDS).is_file() else {}
    for name in names:
        step, manifest = BY_NAME[name], folder / name / MANIFEST
        inputs = {read: folder / read for read in step.reads}
        before, start = _written_at(manifest), time.perf_counter()
        execute(step, params, inputs, folder / name, folder / STATE, recorded=False)
        if _written_at(manifest) != before:
            seconds[name] = time.perf_counter() - start
            write_json(folder / SECONDS, seconds)


def _written_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def read_seed(params: Params, folder: Path) -> SeedRun:
    """What a seed that is done has come to.

    Raises:
        ArtifactError: it was made with other params, or its folders don't hold what their manifests say.
    """
    record = _json(folder / RECORD)
    if record["params"] != params_hash(params):
        hint = "Name another folder, or give the settings that it was made with"
        raise ArtifactError("was made with other settings", file=folder, hint=hint)
    artifacts.read(folder / "correct", "correct")
    artifacts.read(folder / "evaluate", "evaluate")
    labelled = read_table(folder / "correct" / LABELLED, LABELLED_SCHEMA)
    group_of = dict(zip(labelled["template_id"], labelled["group"], strict=True))
    systems = read_systems(folder / "evaluate", params.prompt)
    groups = [group_of[one.template_id] for one in systems[FINAL].predictions]
    metrics, seconds = _json(folder / "evaluate" / METRICS), _json(folder / SECONDS)
    return SeedRun(params.run.seed, metrics, seconds, record["code"], group_of, systems, groups)


def read_systems(evaluated: Path, prompt: PromptParams) -> dict[str, SystemAnswers]:
    """What each system that the run has said of the tested templates, out of an output folder of `evaluate`."""
    predictions: dict[str, list[Prediction]] = {name: [] for name in SYSTEMS}
    for one in read_rows(evaluated / PREDICTIONS, Prediction):
        predictions[one.model].append(one)
    free: dict[str, dict[int, str]] = {name: {} for name in SYSTEMS}
    ids = [one.template_id for one in predictions[FINAL]]
    rows = {template_id: row for row, template_id in enumerate(ids)}
    for _, text in read_objects(evaluated / FREE_TEXTS):
        free[text["model"]][rows[text["template_id"]]] = text["text"]
    named = {name: found for name, found in predictions.items() if found}
    for name, found in named.items():
        if [one.template_id for one in found] != ids:
            raise ArtifactError(f"holds other rows of {name} than of {FINAL}", file=evaluated / PREDICTIONS)
    return {name: _answers(name, found, free[name], prompt) for name, found in named.items()}


def _answers(name: str, predictions: list[Prediction], free: Mapping[int, str], prompt: PromptParams) -> SystemAnswers:
    reasoned = [row for row, one in enumerate(predictions) if one.stated is not None]
    writes = prompt if name in TRAINED else None
    return SystemAnswers(name, predictions, {}, reasoned=reasoned, free=free, prompt=writes)


def _json(path: Path) -> Any:
    return json.loads(path.read_bytes())
