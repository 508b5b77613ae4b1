"""What a server's cache knows a task by: its step's params, code, image and raw data, and the keys of what it reads.

Servers differ. Up to 2.17, KFP hashes what a task is given (values of params, ids of artifacts), its image, command and
claims, and ignores a cache key of one's own; later versions take such a key and the component's name alone. Both come
to the same here: the one param that a task is given holds its key and the values that its step reads, and no others.
The whole document comes by an environment variable, which no version hashes.

A key of one's own is the same in every iteration of a loop, which would give all of them the output of the first. Tasks
in loops therefore go without: every version then hashes what they are given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kfp import dsl

from rationanomaly.kfp_task import PARAMS, VARIANTS, pack
from rationanomaly.params import Params, dump_line
from rationanomaly.runs import code_identity, model_registry
from rationanomaly.staging.sources import pinned
from rationanomaly.steps import BY_NAME, STEPS, step_values

#: Empty files that the images hold: the docker file copies them.
_IN_IMAGE = ("data/none.csv", "data/none.jsonl")


@dataclass(frozen=True)
class StepKey:
    """What a step's output depends on.

    Attributes:
        value: SHA-256 in hex; equal keys, equal outputs if `known`.
        known: whether all that the output depends on is in it; else no cache may be asked.
    """

    value: str
    known: bool


def raw_digests(params: Params) -> dict[str, str | None]:
    """What tells the content of each raw input of a pipeline's pods, by name; None: nothing does.

    Names are those of `Step.sources` and `Step.paths`. What lies on a volume may change under the same name.
    """
    found: dict[str, str | None] = {}
    for step in STEPS:
        for name in step.sources:
            place = params.data.source(name).as_posix()
            declared = pinned(params.cluster.data[name]) if name in params.cluster.data else None
            found[name] = place if place in _IN_IMAGE else declared
        for name, value in step_values(params, step.paths).items():
            found[name] = _named(params, name, value)
    return found


def step_keys(params: Params, raw: Mapping[str, str | None], images: Mapping[str, str]) -> dict[str, StepKey]:
    """The key of each step.

    Args:
        params: all params.
        raw: see `raw_digests`.
        images: step → reference of the image that runs it.
    """
    keys: dict[str, StepKey] = {}
    for step in STEPS:
        sources = {name: raw[name] for name in (*step.sources, *step.paths)}
        above = [keys[name] for name in step.reads]
        parts = [
            step.name,
            step_values(params, step.params),
            code_identity.digest(step.name),
            images[step.name],
            sources,
            # The data lie there, and versions from 2.15 to 2.17 count it.
            params.cluster.state_claim,
            [key.value for key in above],
        ]
        value = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        known = None not in sources.values() and all(key.known for key in above)
        keys[step.name] = StepKey(value, known)
    return keys


def given(params: Params, step: str | None, keys: Mapping[str, StepKey]) -> str:
    """The param of a task, as one line of JSON: the key of its step and the values that the step reads.

    Args:
        params: all params.
        step: its name; None: the task runs no step.
        keys: see `step_keys`.
    """
    if step is None:
        return json.dumps({"reads": step_values(params, ("run.seed",))})
    reads = step_values(params, BY_NAME[step].params)
    return json.dumps({"key": keys[step].value, "reads": reads}, ensure_ascii=False)


def set_document(task: dsl.PipelineTask, params: Params, variants: Mapping[str, Params] | None = None) -> None:
    """Give the pod of a task the whole document.

    Args:
        task: of any of our components.
        params: all params.
        variants: in a loop: key of a step → the params of its iteration.
    """
    task.set_env_variable(PARAMS, pack(dump_line(params)))
    if variants:
        base = params.model_dump(mode="json", by_alias=True)
        rows = {key: _changes(base, one.model_dump(mode="json", by_alias=True)) for key, one in variants.items()}
        task.set_env_variable(VARIANTS, pack(json.dumps(rows, sort_keys=True, ensure_ascii=False)))


def set_caching(task: dsl.PipelineTask, step: str | None, key: StepKey | None, *, in_loop: bool = False) -> None:
    """Say whether, and under which key, a server may take a task's output from an earlier run.

    Args:
        task: of any of our components.
        step: that it runs; None: none, and its work is never taken from a cache.
        key: of the step; None: not to be taken from a cache.
        in_loop: whether it runs in a loop.
    """
    if step is None or key is None or not key.known or BY_NAME[step].has_effects:
        task.set_caching_options(False)
    elif in_loop:
        task.set_caching_options(True)
    else:
        # Shares of a log are another plan; what is merged is the same.
        shares = task.inputs.get("shards") if task.name.endswith("-plan") else None
        task.set_caching_options(True, cache_key=f"{key.value}-{shares}" if shares else key.value)


def _named(params: Params, name: str, value: str | None) -> str | None:
    """What tells the content of what a param names."""
    if not value:
        return "none"
    if model_registry.is_address(value):  # a version never changes; an alias is moved
        return value if "@" not in value else None
    if name == "model.name" and params.model.source != "hub":
        return "unused"
    if name == "distill.local.model" and params.distill.teacher != "local":
        return "unused"
    if name not in ("model.name", "distill.local.model") or value.startswith(("/", ".", "~")):
        return None
    # A hub id: a branch moves, a commit does not.
    return params.model.revision if name == "model.name" else params.distill.local.revision


def _changes(one: Any, other: Any, path: str = "") -> dict[str, Any]:
    """Dotted path → value of the other document, for each value that differs."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        parts = [_changes(one[key], other[key], f"{path}.{key}".lstrip(".")) for key in one]
        return {key: value for part in parts for key, value in part.items()}
    return {} if one == other else {path: other}
