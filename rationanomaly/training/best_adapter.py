"""Evaluations on the validation split during training, and the adapter of the best one kept.

What training ends with need not be the best that it came by. Each evaluation is an entry of the curves; at the end the
model gets back the adapter with the highest score. That adapter waits on disk, in the step's state folder, so that a
run that is continued from a checkpoint still has it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.training.checkpoints import Curve

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import TrainerCallback

logger = logging.getLogger(__name__)

#: In the curves: a metric of an evaluation is an entry's key with this before its name.
VALIDATION = "validation/"
SCORE = f"{VALIDATION}score"

Measure = Callable[[], Mapping[str, float]]
Score = Callable[[Mapping[str, float]], float | None]


def is_evaluation(entry: Mapping[str, float]) -> bool:
    """Whether an entry of the curves is of an evaluation."""
    return any(key.startswith(VALIDATION) for key in entry)


def best_evaluation(curve: Curve) -> dict[str, float] | None:
    """The entry with the highest score, the later of equals; None where nothing was scored."""
    scored = [entry for entry in curve if SCORE in entry]
    return max(scored, key=lambda entry: (entry[SCORE], entry["step"]), default=None)


def mean_of(names: Sequence[str]) -> Score:
    """A score: the mean of the metrics with these names, as far as there are any."""

    def score(metrics: Mapping[str, float]) -> float | None:
        found = [metrics[name] for name in names if name in metrics]
        return sum(found) / len(found) if found else None

    return score


def interval(steps: int, count: int) -> int:
    """Steps between ``count`` evaluations during ``steps``; more than there are where none is wanted."""
    return max(steps // count, 1) if count else steps + 1


def evaluations(
    model: PeftModel, curve: Curve, every: int, measure: Measure, score: Score, folder: Path, key: str
) -> TrainerCallback:
    """A callback that evaluates, and gives the model the best adapter back when training ends, however it ends.

    Args:
        model: its trainable weights are kept.
        curve: grows by one dictionary per evaluation: ``step``, the metrics and, where there is one, the score.
        every: steps between evaluations; there is one more before the first step and one behind the last.
        measure: what to measure; as the model is.
        score: of the metrics; higher is better. Without any score the last adapter stays.
        folder: for the kept adapter, beside the checkpoints.
        key: what the run is made from; only an adapter that it kept itself is given back.
    """
    from transformers import TrainerCallback

    best = _KeptAdapter(model, folder, key)

    def evaluate(step: int) -> None:
        if any(entry["step"] == step for entry in curve if is_evaluation(entry)):
            return
        found = measure()
        entry = {"step": float(step)} | {f"{VALIDATION}{name}": float(value) for name, value in found.items()}
        value = score(found)
        if value is not None:
            entry[SCORE] = float(value)
        if len(entry) > 1:
            curve.append(entry)
        if entry is best_evaluation(curve):
            best.keep(step)

    class Evaluations(TrainerCallback):
        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if state.global_step == 0:
                evaluate(0)

        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if state.global_step % every == 0:
                evaluate(state.global_step)

        def on_train_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            evaluate(state.global_step)
            found = best_evaluation(curve)
            if found is not None and found["step"] != state.global_step:
                best.restore(int(found["step"]))

    return Evaluations()


class _KeptAdapter:
    """The trainable weights of a model as they were at one step, in a file; of each rank its own part."""

    def __init__(self, model: PeftModel, folder: Path, key: str) -> None:
        self._model, self._key = model, key
        self._file = folder / f"best-{os.environ.get('RANK', '0')}.safetensors"

    def keep(self, step: int) -> None:
        from safetensors.torch import save_file

        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial")
        weights = {name: weight.detach().cpu().contiguous() for name, weight in self._weights().items()}
        save_file(weights, partial, metadata=self._mark(step))
        partial.replace(self._file)

    def restore(self, step: int) -> None:
        from safetensors import safe_open

        with safe_open(self._file, "pt") as kept:
            if kept.metadata() != self._mark(step):
                logger.warning("the adapter of step %d is not at hand; the last one stays", step)
                return
            for name, weight in self._weights().items():
                weight.copy_(kept.get_tensor(name))
        self._let_go_of_copies()
        logger.info("the adapter of step %d scored best on the validation split and is kept", step)

    def _mark(self, step: int) -> dict[str, str]:
        return {"key": self._key, "step": str(step)}

    def _let_go_of_copies(self) -> None:
        # Under ZeRO-3 a rank may still hold a parameter whole, as it was put together from the shares before. It
        # would be saved as it is, without another look at the shares.
        for weight in self._model.parameters():
            if weight.requires_grad and hasattr(weight, "ds_tensor"):
                weight.partition()

    def _weights(self) -> dict[str, Tensor]:
        # Under ZeRO-3 a rank holds a share of each parameter, and that is what it keeps.
        named = self._model.named_parameters()
        return {name: getattr(value, "ds_tensor", value).data for name, value in named if value.requires_grad}
