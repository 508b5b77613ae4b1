"""The loop that trains the log adapter: small, on a CPU or one GPU, in pieces that a kill does not lose.

A batch holds rows of similar length, padded on the right to a multiple of 16, for each new width compiles kernels. The
head and the loss are computed where a completion's token is predicted, and nowhere else. Adapters have the base's
precision, and float32 master weights in the optimizer.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rationanomaly import artifacts, progress
from rationanomaly.errors import TrainingError
from rationanomaly.pretrain.rows import Row
from rationanomaly.training import checkpoints, interruption
from rationanomaly.training.checkpoints import Curve
from rationanomaly.training.master_weights import MasterWeightsAdamW

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import PreTrainedModel

    from rationanomaly.pretrain.evaluation import Evaluation

logger = logging.getLogger(__name__)

TASK = "pretraining"
WIDTH_STEP = 16
Precision = Literal["bfloat16", "float32"]
PRECISIONS: Mapping[str, Precision] = {"bfloat16": "bfloat16", "float32": "float32"}
_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_STATE, _TENSORS = "position.json", "optimizer.safetensors"


@dataclass(frozen=True)
class Settings:
    """How it is trained.

    Attributes:
        rank: of the adapter.
        alpha: of the adapter.
        batch: rows of one step.
        learning_rate: at its highest.
        warmup: share of the steps in which it rises; it then falls along a cosine to 0.
        label_weight: how much the one token that tells the label counts, against 1 for every other one.
        clip: highest norm of the gradient.
        checkpoint_minutes: between checkpoints.
        evaluations: how often held-out rows are looked at, the end among them; 0: never.
        precision: of base and adapter.
    """

    rank: int = 16
    alpha: int = 32
    batch: int = 20
    learning_rate: float = 1e-3
    warmup: float = 0.03
    label_weight: float = 4.0
    clip: float = 1.0
    checkpoint_minutes: float = 5.0
    evaluations: int = 4
    precision: Precision = "bfloat16"


@dataclass(frozen=True)
class Padded:
    """One batch as tensors.

    Attributes:
        ids: tokens, shape (rows, width).
        mask: 1 where a token is, shape (rows, width).
        sources: flat positions, in (rows * width), whose hidden states predict a completion's token, shape (n,).
        targets: the tokens that they should predict, shape (n,).
        weights: how much each counts, float32, shape (n,).
        verdicts: for each row which of the n tells its label, shape (rows,).
    """

    ids: Tensor
    mask: Tensor
    sources: Tensor
    targets: Tensor
    weights: Tensor
    verdicts: Tensor


def pad(rows: Sequence[Row], pad_id: int, label_weight: float) -> Padded:
    """Pad rows on the right; the label's token weighs ``label_weight``."""
    import torch

    width = WIDTH_STEP * math.ceil(max(row.tokens for row in rows) / WIDTH_STEP)
    ids, mask = torch.full((len(rows), width), pad_id), torch.zeros((len(rows), width), dtype=torch.long)
    sources: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    verdicts: list[int] = []
    for number, row in enumerate(rows):
        ids[number, : row.tokens] = torch.tensor((*row.prompt, *row.completion))
        mask[number, : row.tokens] = 1
        first = number * width + len(row.prompt) - 1
        verdicts.append(len(sources) + row.verdict)
        sources += range(first, first + len(row.completion))
        targets += row.completion
        weights += [label_weight if place == row.verdict else 1.0 for place in range(len(row.completion))]
    return Padded(
        ids, mask, torch.tensor(sources), torch.tensor(targets), torch.tensor(weights), torch.tensor(verdicts)
    )


def predict(model: PeftModel, batch: Padded, which: Tensor | None = None) -> Tensor:
    """Float32 logits at a batch's ``sources``, or at those of number ``which``; shape (n, vocabulary)."""
    import torch

    inner = model.get_base_model()
    device = inner.device
    states = inner.model(
        input_ids=batch.ids.to(device), attention_mask=batch.mask.to(device), use_cache=False
    ).last_hidden_state
    sources = batch.sources if which is None else batch.sources[which]
    chosen = states.reshape(-1, states.shape[-1])[sources.to(device)]
    return torch.nn.functional.linear(chosen, inner.lm_head.weight).float()


def weighted_loss(logits: Tensor, batch: Padded) -> Tensor:
    """Mean cross entropy of the completions' tokens by their weights."""
    import torch

    weights = batch.weights.to(logits.device)
    losses = torch.nn.functional.cross_entropy(logits, batch.targets.to(logits.device), reduction="none")
    return (losses * weights).sum() / weights.sum()


def with_adapter(model: PreTrainedModel, settings: Settings, start: Path | None = None) -> PeftModel:
    """A base in the precision of the training, with its adapter; the same torch seed gives the same fresh one.

    Args:
        model: any Llama; its head has no bias.
        settings: precision, rank and alpha.
        start: weights of an adapter that is trained further; None: a fresh one.

    Raises:
        TrainingError: the model has no layers of these names; ``start`` has other weights than the settings ask for.
    """
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors.torch import load_file

    from rationanomaly.device.runtime import device

    # Of the attentions that transformers knows this one trains fastest on a CPU, by a third for rows this short.
    model.set_attn_implementation("eager")
    config = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, target_modules=list(_TARGETS), task_type="CAUSAL_LM"
    )
    cast = model.to(getattr(torch, settings.precision))
    try:
        adapted: PeftModel = get_peft_model(cast, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise TrainingError(f"the base has no layers {', '.join(_TARGETS)}", hint="Give a Llama") from error
    if start is not None:
        weights = load_file(start)
        fresh = get_peft_model_state_dict(adapted, save_embedding_layers=False)
        if {name: value.shape for name, value in weights.items()} != {name: v.shape for name, v in fresh.items()}:
            raise TrainingError(f"{start} is an adapter of another shape", hint="Give one of the same rank, or none")
        set_peft_model_state_dict(adapted, weights)
    return adapted.to(device())


class Trainer:
    """Trains an adapter on batches in a fixed order, from the newest checkpoint of the same run on.

    Args:
        model: of `load_for_training`.
        batches: all steps in their order.
        pad_id: token that fills up rows.
        settings: how.
        evaluation: looks at held-out rows.
        root: the folder that checkpoints lie in.
        key: what the run is made from: a checkpoint of another key is left alone.
    """

    def __init__(
        self,
        model: PeftModel,
        batches: Sequence[Sequence[Row]],
        pad_id: int,
        settings: Settings,
        evaluation: Evaluation,
        root: Path,
        key: str,
    ) -> None:
        import torch

        self._model, self._batches, self._pad_id, self._settings = model, batches, pad_id, settings
        self._evaluation, self._root, self._key = evaluation, root, key
        self._named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimizer = MasterWeightsAdamW(self._named.values(), lr=settings.learning_rate, weight_decay=0.0)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._rate)
        self._total = sum(row.tokens for batch in batches for row in batch)
        self.curve: Curve = []
        self.position = self.tokens = 0
        self._losses: list[float] = []  # Since the last evaluation.

    def train(self) -> Curve:
        """Train to the end.

        Returns:
            One entry for each evaluation, and the mean training loss since the one before.

        Raises:
            Interrupted: a signal came; the step that was running was finished, and a checkpoint made of it.
            TrainingError: the loss is not a number.
        """
        self._resume()
        self._model.train()
        evaluate_at = self._evaluate_at()
        saved = time.monotonic()
        with interruption.deferred():
            while self.position < len(self._batches):
                self._losses.append(self._step(self._batches[self.position]))
                self._report(self._losses[-1])
                if self.position in evaluate_at:
                    self._evaluate()
                asked = interruption.asked() is not None
                if asked or time.monotonic() - saved > 60 * self._settings.checkpoint_minutes:
                    self._save()
                    saved = time.monotonic()
                if asked:
                    raise interruption.Interrupted(interruption.message(self.position))
        return self.curve

    def _evaluate_at(self) -> frozenset[int]:
        """Numbers of steps, so that when checkpoints are made changes nothing of what is measured."""
        count, steps = self._settings.evaluations, len(self._batches)
        return frozenset(round(number * steps / count) for number in range(1, count + 1))

    def _rate(self, step: int) -> float:
        steps = len(self._batches)
        warmup = max(1, round(self._settings.warmup * steps))
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    def _step(self, rows: Sequence[Row]) -> float:
        import torch

        batch = pad(rows, self._pad_id, self._settings.label_weight)
        loss = weighted_loss(predict(self._model, batch), batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._named.values(), self._settings.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._schedule.step()
        self.position += 1
        self.tokens += sum(row.tokens for row in rows)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"the loss of step {self.position} is not a number", hint="Lower the learning rate")
        return value

    def _report(self, loss: float) -> None:
        progress.report(TASK, self.tokens, self._total, "tokens", {"loss": loss})

    def _evaluate(self) -> None:
        found = self._evaluation.measure(self._model, self._pad_id)
        mean = sum(self._losses) / len(self._losses)
        self._losses = []
        self.curve.append({"step": float(self.position), "tokens": float(self.tokens), "loss": mean, **found})
        self._model.train()
        logger.info("step %d: %s", self.position, {key: round(value, 4) for key, value in self.curve[-1].items()})

    def _save(self) -> None:
        """A checkpoint: what the optimizer holds of each parameter (masters, moments, steps) and where the loop is."""
        from safetensors.torch import save_file

        folder = checkpoints.at(self._root, self.position)
        folder.mkdir(parents=True, exist_ok=True)
        state = self._optimizer.state_dict()["state"]
        tensors = {f"{number}.{key}": value for number, held in state.items() for key, value in held.items()}
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / _TENSORS)
        position = {"position": self.position, "tokens": self.tokens, "losses": self._losses}
        artifacts.write_json(folder / _STATE, position)
        checkpoints.complete(folder, self._key, self.curve)

    def _resume(self) -> None:
        from safetensors.torch import load_file

        folder = checkpoints.newest(self._root, self._key)
        if folder is None:
            return
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in load_file(folder / _TENSORS).items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = tensor
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": state})
        position = json.loads((folder / _STATE).read_bytes())
        self.position, self.tokens = int(position["position"]), int(position["tokens"])
        self._losses = [float(loss) for loss in position["losses"]]
        self.curve = checkpoints.read_curve(folder)
        self._schedule.last_epoch = self.position
        for group, initial in zip(self._optimizer.param_groups, self._schedule.base_lrs, strict=True):
            group["lr"] = initial * self._rate(self.position)
        logger.info("continuing from step %d of %d", self.position, len(self._batches))
