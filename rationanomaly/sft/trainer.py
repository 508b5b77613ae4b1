"""LoRA on a base, trained by TRL's SFTTrainer on completions only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import TrainingError
from rationanomaly.model import loading
from rationanomaly.model.chat_template import render
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.params import ModelParams, PromptParams, SftParams, TrainingParams
from rationanomaly.sft.rows import Row
from rationanomaly.text.prompt import Mode, Shown
from rationanomaly.training.batching import Passes
from rationanomaly.training.best_adapter import Score, evaluations, interval, mean_of
from rationanomaly.training.checkpoints import Curve
from rationanomaly.training.label_weight import DOUBT, OTHER, WEIGHTS, deciding_tokens, turning_tokens, weighted
from rationanomaly.training.label_weight import weights as token_weights
from rationanomaly.training.loop import TrainingRun, check_trainable, common_arguments, fit, own_optimizer, recorder

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTConfig

Measure = Callable[["PeftModel"], dict[str, float]]


def adapt(base: PreTrainedModel, params: ModelParams, training: TrainingParams) -> PeftModel:
    """Put a fresh LoRA adapter on all projections; a base from scratch trains its embeddings as well.

    Seed before: the adapter's first values are random.

    Args:
        base: changed by it.
        params: of the adapter.
        training: how it will be trained.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=params.lora_rank,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        # The embeddings of a base that has seen only a few thousand logs have most to learn.
        modules_to_save=["embed_tokens", "lm_head"] if params.source == "bootstrap" else None,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config, **loading.adapter_options(base, training))


def encode(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    settings: PromptParams,
    context: int,
    few_shot: FewShotExamples,
    label_weight: float = 1.0,
) -> tuple[Dataset, int]:
    """Tokenise the rows; in place of one that does not fit the context stands the last of its kind that did.

    Returns:
        A dataset with ``input_ids``, ``completion_mask`` and, where ``label_weight`` is not 1 or a row has doubts, what
        `training.label_weight` needs; and the number of rows that did not fit.

    Raises:
        TrainingError: no row fits, or no rationale does.
    """
    from datasets import Dataset

    logs = [few_shot.beside(Shown(row.text, (), 0), in_training=True) for row in rows]
    prompts = [render(tokenizer, log, row.mode, settings) for log, row in zip(logs, rows, strict=True)]
    prompt_ids = tokenizer(prompts)["input_ids"]
    completions = [row.completion for row in rows]
    completion_ids = tokenizer(completions, add_special_tokens=False)["input_ids"]
    lengths = [len(prompt) + len(completion) + 1 for prompt, completion in zip(prompt_ids, completion_ids, strict=True)]
    fallback = {_kind(row): place for place, row in enumerate(rows) if lengths[place] <= context}
    missing = {_kind(row) for row in rows} - set(fallback)
    if missing or not rows:
        kind = "rationales" if any(mode is Mode.REASON for mode, _ in missing) else "rows"
        problem = f"all {kind} are longer than the context of {context} tokens"
        hint = "Lower distill.max_words or prompt.max_words, or take a base with a longer context"
        raise TrainingError(problem, hint=hint)
    weighs = label_weight != 1 or any(row.doubt for row in rows)
    deciding = deciding_tokens(tokenizer, completions) if weighs else None
    turning = turning_tokens(tokenizer, completions) if weighs else [()] * len(rows)
    examples, left_out = [], 0
    for place, row in enumerate(rows):
        if lengths[place] <= context:
            fallback[_kind(row)] = place
        else:
            left_out += 1
        shown = fallback[_kind(row)]
        prompt, completion = prompt_ids[shown], completion_ids[shown]
        ids = [*prompt, *completion, tokenizer.eos_token_id]
        example: dict[str, Any] = {"input_ids": ids, "completion_mask": [0] * len(prompt) + [1] * (len(completion) + 1)}
        if deciding is not None:
            found = deciding[shown]
            heavy = [len(prompt) + place for place in (*(one.place for one in found), *turning[shown])]
            example[WEIGHTS] = token_weights(heavy, len(ids), label_weight)
            example[OTHER] = [len(prompt) + found[0].place, found[0].other] if found else [0, 0]
            example[DOUBT] = rows[shown].doubt if found else 0.0
        examples.append(example)
    return Dataset.from_list(examples), left_out


def tokens(dataset: Dataset) -> int:
    """All tokens of an encoded dataset, prompts included, padding not."""
    return sum(map(len, dataset["input_ids"]))


def _kind(row: Row) -> tuple[Mode, bool]:
    return row.mode, row.weak


def train(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    params: SftParams,
    passes: Passes,
    run: TrainingRun,
    validate: Measure,
) -> Curve:
    """Run the trainer over the dataset once, in its order.

    The model is left with the adapter of the best evaluation.

    Args:
        passes: how ``params.batch`` is cut.
        run: where it keeps what survives a crash, and on how many ranks it runs.
        validate: metrics on the validation split, asked for before, ``params.evaluations`` times during and after it.

    Returns:
        One dictionary per step.
    """
    from trl import SFTTrainer

    check_trainable(model)
    curve: Curve = []
    every = interval(params.steps, params.evaluations)
    has_weights = WEIGHTS in dataset.column_names
    trainer = (weighted(SFTTrainer) if has_weights else SFTTrainer)(
        model=model,
        args=_arguments(params, passes, run, has_weights),
        train_dataset=dataset,
        processing_class=tokenizer,
        callbacks=[
            recorder("SFT", params.steps, curve, {"loss": "loss"}),
            evaluations(model, curve, every, lambda: validate(model), _score(params.best_by), run.checkpoints, run.key),
        ],
        optimizers=(own_optimizer(model, params.learning_rate), None),
    )
    fit(trainer, curve, run)
    return curve


def _arguments(params: SftParams, passes: Passes, run: TrainingRun, has_weights: bool) -> SFTConfig:
    from trl import SFTConfig

    return SFTConfig(
        **common_arguments(run),
        max_steps=params.steps,
        per_device_train_batch_size=passes.rows,
        gradient_accumulation_steps=passes.count,
        learning_rate=params.learning_rate,
        warmup_steps=max(params.steps // 20, 1),
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        max_length=None,
        remove_unused_columns=not has_weights,
    )


def _score(best_by: str | None) -> Score:
    if best_by == "loss":
        return lambda metrics: -metrics["loss"] if "loss" in metrics else None
    return mean_of([best_by] if best_by else [])
