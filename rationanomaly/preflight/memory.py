"""Whether the trainings fit into what their pods, or this machine, have: the estimate of `training.memory`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rationanomaly.errors import ParamsError, TrainingError
from rationanomaly.model.architecture import Architecture
from rationanomaly.params import Params
from rationanomaly.preflight import base_model
from rationanomaly.preflight.findings import Finding, warning
from rationanomaly.preflight.setting import TRAINED, Setting
from rationanomaly.training.batching import spread
from rationanomaly.training.memory.available import machine_memory
from rationanomaly.training.memory.check import Memory, refuse
from rationanomaly.training.memory.estimate import Layout, Work

#: Tokens of the shortest prompt that a run can have on average, and characters of a log to a token.
_SHORTEST, _CHARACTERS = 32, 2.2
#: Tokens of the instruction, and of a word of a normalised log at most.
_INSTRUCTION, _WORD = 128, 4
_UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def check_memory(setting: Setting) -> Iterator[Finding]:
    """An error where even the shortest logs don't fit, a warning where the longest may not."""
    shape = base_model.architecture(setting)
    for step in TRAINED:
        try:
            yield from _check_step(step, setting, shape)
        except ParamsError as error:  # A batch that does not divide.
            yield Finding.of(error, "Correct it")


def _check_step(step: str, setting: Setting, shape: Architecture | None) -> Iterator[Finding]:
    params = setting.params
    gpus = setting.resources(step).gpus if setting.pod else len(setting.devices.memory)
    free, layout = _free(setting, step, gpus > 0), Layout.of(params, gpus > 0)
    if free is None:
        problem = f"the pod of {step} asks for the memory {setting.resources(step).memory!r}, which is no amount"
        yield Finding(problem, "Write it as Kubernetes does: 64Gi")
        return
    if shape is None:
        yield warning(f"{step}: the shape of the base isn't known, so its memory can't be estimated", "Look at the hub")
        return
    short, long = (_work(step, params, shape, tokens) for tokens in (_SHORTEST, _longest_prompt(params)))
    for work, is_sure in ((short, True), (long, False)):
        try:
            refuse(step, shape, work, layout, free)
        except TrainingError as error:
            hint = error.hint or "Give it more memory"
            hint += f"; the pod's memory is cluster.steps.{step}.memory" if setting.pod else ""
            kind = "" if is_sure else " with the longest logs that can be shown"
            yield Finding(f"{error.problem}{kind}", hint, "error" if is_sure else "warning")
            return


def _free(setting: Setting, step: str, gpu: bool) -> Memory | None:
    memory = setting.devices.memory
    params = setting.params
    reserved = params.grpo.vllm.memory_share if step == "grpo" and params.grpo.generation == "vllm-colocate" else 0.0
    # Where no GPU is seen, that of another pod is taken to be large enough; a pod with GPUs looks again.
    card = int(min(memory) * (1 - reserved)) if memory else 2**60
    if not setting.pod:
        return Memory(card if gpu else None, machine_memory())
    size = read_quantity(setting.resources(step).memory)
    return None if size is None else Memory(card if gpu else None, int(size))


def read_quantity(text: str) -> float | None:
    """Bytes of an amount as Kubernetes writes it; None where it is none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kMGT]i?|Ki)?", text.strip())
    return float(found[1]) * _UNITS[found[2] or ""] if found and (found[2] or "") in _UNITS else None


def _longest_prompt(params: Params) -> int:
    shown = params.prompt.max_characters / _CHARACTERS
    if params.prompt.normalise:
        shown = min(shown, params.prompt.max_words * _WORD)
    return int(shown * (1 + params.prompt.few_shot_examples)) + _INSTRUCTION


def _work(step: str, params: Params, shape: Architecture, tokens: int) -> Work:
    completion = min(params.model.max_completion, shape.context // 2)
    longest = min(tokens, shape.context - completion) + completion
    embeddings, rank = params.model.source == "bootstrap", params.model.lora_rank
    if step == "sft":
        return Work(spread(params.sft.batch, params.training, "sft.batch"), longest, completion, rank, embeddings)
    grpo = params.grpo
    return Work(
        spread(grpo.prompts * grpo.generations, params.training, "grpo.prompts × grpo.generations"),
        longest, completion, rank, embeddings,
        generations=grpo.generations if grpo.generation == "transformers" else 0,
        kl_reference=grpo.beta > 0, coherence=grpo.reward.weights.coherence > 0,
    )  # fmt: skip
