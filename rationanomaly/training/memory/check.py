"""Refuse a training that can't fit, before its weights are loaded, and say which value to change."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rationanomaly.errors import ParamsError, TrainingError
from rationanomaly.model.architecture import Architecture
from rationanomaly.params import Params
from rationanomaly.training.batching import Passes
from rationanomaly.training.memory.available import gpu_memory, machine_memory
from rationanomaly.training.memory.estimate import GIGABYTE, Estimate, Layout, Work, estimate

if TYPE_CHECKING:
    from datasets import Dataset

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """Free bytes that a training may take; None where that can't be found out.

    Attributes:
        gpu: of the GPU of each process; None without one.
        machine: of the machine, for all its processes together.
    """

    gpu: int | None
    machine: int | None

    def holds(self, need: Estimate, local: int) -> bool:
        """Whether ``local`` processes of this need fit."""
        if self.gpu is not None and need.total > self.gpu:
            return False
        on_machine = need.host if self.gpu is not None else need.total
        return self.machine is None or on_machine * local <= self.machine


def sft_work(params: Params, dataset: Dataset, passes: Passes) -> Work:
    """The work of one process in one step of `sft` over an encoded dataset."""
    import polars as pl

    rows: pl.DataFrame = dataset.to_polars()
    longest, scored_tokens = pl.col("input_ids").list.len().max(), pl.col("completion_mask").list.sum().max()
    tokens, scored = rows.select(longest, scored_tokens).row(0)
    return Work(passes, tokens, scored, params.model.lora_rank, embeddings=params.model.source == "bootstrap")


def grpo_work(params: Params, adapter: Path, prompt: int, completion: int, passes: Passes) -> Work:
    """The work of one process in one step of `grpo`.

    Args:
        params: all params.
        adapter: the folder of the SFT adapter, whose rank and trained modules count.
        prompt: tokens of the longest prompt.
        completion: tokens of the longest completion.
        passes: how a step's completions are cut.
    """
    config = json.loads((adapter / "adapter_config.json").read_bytes())
    return Work(
        passes,
        prompt + completion,
        completion,
        int(config["r"]),
        embeddings=bool(config.get("modules_to_save")),
        generations=params.grpo.generations if params.grpo.generation == "transformers" else 0,
        kl_reference=params.grpo.beta > 0,
        coherence=params.grpo.reward.weights.coherence > 0,
    )


def check(step: str, params: Params, files: Path, work: Work, reserved: float = 0.0) -> None:
    """Raise if ``work`` with the base in ``files`` can't fit into what is free now.

    The first process of a machine looks for all of them.

    Args:
        step: its name.
        params: all params.
        files: config and weights of the base; only the config is read.
        work: of one process.
        reserved: share of the free memory of each GPU that something else will take.

    Raises:
        TrainingError: names the parts of the need, what is free, and a value that makes it fit.
    """
    from rationanomaly.device import ranks

    model = Architecture.read(files)
    if model is None:
        logger.warning("%s: no shape of a Llama in its config.json, so its memory can't be estimated", files)
    elif os.environ.get("LOCAL_RANK", "0") == "0":
        gpu = gpu_memory()
        left = None if gpu is None else int(gpu * (1 - reserved))
        refuse(step, model, work, Layout.of(params, gpu is not None), Memory(left, machine_memory()))
    ranks.wait_for_all()  # Before any of them takes its share.


def refuse(step: str, model: Architecture, work: Work, layout: Layout, free: Memory) -> None:
    """Raise if ``work`` does not fit into ``free``; what `check` does, with everything named.

    Raises:
        TrainingError: see `check`.
    """
    need = estimate(model, work, layout)
    logger.info("%s: estimated peak %s", step, _describe(need))
    if free.holds(need, layout.local):
        return
    raise TrainingError(f"{step}: {_shortage(need, layout, free)}", hint=_hint(model, work, layout, free))


def _shortage(need: Estimate, layout: Layout, free: Memory) -> str:
    if free.gpu is not None and need.total > free.gpu:
        return f"each GPU needs {_describe(need)}, and {_gigabytes(free.gpu)} are free"
    each = f"each of {layout.local} processes" if layout.local > 1 else "the training"
    what = f"{_gigabytes(need.host)} of the machine's memory" if free.gpu is not None else _describe(need)
    return f"{each} needs {what}, and {_gigabytes(free.machine or 0)} are free"


def _describe(need: Estimate) -> str:
    shown = sorted(((size, name) for name, size in need.parts.items() if size >= need.total / 50), reverse=True)
    return f"{_gigabytes(need.total)} ({', '.join(f'{name} {size / GIGABYTE:.1f}' for size, name in shown)})"


def _gigabytes(size: float) -> str:
    return f"{size / GIGABYTE:.1f} GB"


def _hint(model: Architecture, work: Work, layout: Layout, free: Memory) -> str:
    """The first change that makes it fit, mildest first."""
    least = estimate(model, work, layout).total
    for advice, changed, spread in _changes(work, layout):
        need = estimate(model, changed, spread)
        if free.holds(need, spread.local):
            return f"Set {advice}, which needs {_gigabytes(need.total)}"
        least = min(least, need.total)
    fewer = ", fewer grpo.generations" if work.generations else ""
    return f"Take a smaller base (model.name){fewer} or more memory: no setting needs less than {_gigabytes(least)}"


def _changes(work: Work, layout: Layout) -> Iterator[tuple[str, Work, Layout]]:
    """Settings that take less memory: what to set, and what is then done; those that cost least come first."""
    cuts = list(_cuts(work))
    for advice, changed in cuts:
        yield advice, changed, layout
    for advice, spread in _spreads(layout):
        yield advice, work, spread
        for cut, changed in cuts:
            yield f"{advice} and {cut}", changed, spread


def _spreads(layout: Layout) -> Iterator[tuple[str, Layout]]:
    """Other ways to hold weights and optimiser."""
    if layout.gpu and not layout.quantised and layout.zero < 3:
        yield "training.quantisation to nf4", replace(layout, quantised=True)
    if layout.processes > 1 and layout.zero < 2:
        yield "training.strategy to zero2", replace(layout, zero=2)
    if layout.processes > 1 and not layout.quantised:
        if layout.zero < 3:
            yield "training.strategy to zero3", replace(layout, zero=3)
        if layout.offload != "all" and layout.gpu:
            advice = "training.strategy to zero3 and training.offload to all"
            yield advice, replace(layout, zero=3, offload="all")


def _cuts(work: Work) -> Iterator[tuple[str, Work]]:
    """Fewer rows in a pass."""
    share = work.passes.rows * work.passes.count
    for rows in range(work.passes.rows - 1, 0, -1):
        if share % rows:
            continue
        changed = replace(work, passes=Passes(rows, share // rows, work.passes.processes))
        try:
            if changed.generated > work.generated:
                continue
        except ParamsError:
            continue
        yield f"training.micro_batch to {rows}", changed
