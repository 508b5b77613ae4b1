"""LoRA on a base, trained by TRL's SFTTrainer on completions only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import TrainingError
from rationanomaly.params import ModelParams, PromptParams, SftParams
from rationanomaly.prompt import Mode, Shown
from rationanomaly.prompting import render
from rationanomaly.sft.rows import Row
from rationanomaly.training import Curve, check_trainable, common_arguments, recorder, scoring_completions_only, silence

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Figures = Callable[["PeftModel"], dict[str, float]]


def adapt(base: PreTrainedModel, params: ModelParams) -> PeftModel:
    """Put a fresh LoRA adapter on all projections; a base from scratch trains its embeddings as well.

    Seed before: the adapter's first values are random.
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
    return get_peft_model(base, config)  # type: ignore[return-value]


def encode(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, settings: PromptParams, context: int
) -> tuple[Dataset, int]:
    """Tokenise the rows; one that does not fit the context is replaced by the one before it.

    Returns:
        A dataset with ``input_ids`` and ``completion_mask``, and the number of rows that did not fit.

    Raises:
        TrainingError: no rationale fits.
    """
    from datasets import Dataset

    shown = [Shown(row.text, (), 0) for row in rows]
    prompts = [render(tokenizer, log, row.mode, settings) for log, row in zip(shown, rows, strict=True)]
    prompt_ids = tokenizer(prompts)["input_ids"]
    completion_ids = tokenizer([row.completion for row in rows], add_special_tokens=False)["input_ids"]
    examples, left_out = [], 0
    for prompt, completion in zip(prompt_ids, completion_ids, strict=True):
        ids = [*prompt, *completion, tokenizer.eos_token_id]
        if len(ids) <= context:
            mask = [0] * len(prompt) + [1] * (len(completion) + 1)
            examples.append({"input_ids": ids, "completion_mask": mask})
        else:
            left_out += 1
            examples.append(examples[-1] if examples else {})
    examples = [example or next((e for e in examples if e), {}) for example in examples]
    reasons = sum(row.mode is Mode.REASON for row in rows)
    if not examples or not examples[0] or (reasons and left_out >= reasons):
        problem = f"{left_out} of {len(rows)} rows, all rationales among them, are longer than the context of {context} tokens"
        raise TrainingError(
            problem, mend="Lower distill.max_words or prompt.max_words, or take a base with a longer context"
        )
    return Dataset.from_list(examples), left_out


def train(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    dataset: Dataset,
    params: SftParams,
    state: Path,
    seed: int,
    validate: Figures,
) -> Curve:
    """Run the trainer over the dataset once, in its order.

    Args:
        validate: figures on the validation split, asked for ``params.evaluations`` times.

    Returns:
        One dictionary per step.
    """
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    check_trainable(model)
    curve: Curve = []
    every = max(params.steps // params.evaluations, 1) if params.evaluations else params.steps + 1

    class Validation(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step % every == 0:
                figures = validate(model)
                curve.append({"step": float(state.global_step)} | figures)

    config = SFTConfig(
        **common_arguments(state, seed),
        max_steps=params.steps,
        per_device_train_batch_size=params.batch,
        learning_rate=params.learning_rate,
        warmup_steps=max(params.steps // 20, 1),
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        max_length=None,
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=dataset,
        processing_class=tokenizer,
        callbacks=[recorder("SFT", params.steps, curve, {"loss": "loss"}), Validation()],
    )
    silence(trainer)
    with scoring_completions_only():
        trainer.train()
    return curve
