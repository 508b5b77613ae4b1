"""The step `grpo`.

    rationanomaly grpo --params params.yaml --input correct=outputs/correct --input distill=outputs/distill \\
        --input sft=outputs/sft --output outputs/grpo
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from rationanomaly import runtime
from rationanomaly.errors import ArtifactError
from rationanomaly.evidence import check_evidence
from rationanomaly.grpo import trainer
from rationanomaly.grpo.prompts import build_tasks
from rationanomaly.inference import Judge
from rationanomaly.model_folder import (
    base_files,
    copy_base,
    load_adapted,
    load_base,
    load_tokenizer,
    read_card,
    write_adapter,
    write_card,
)
from rationanomaly.params import Params
from rationanomaly.prompt import parse_response, show
from rationanomaly.records import (
    COST,
    CURVES,
    LABELLED,
    LABELLED_SCHEMA,
    TRIPLETS,
    Triplet,
    read_rows,
    read_table,
    write_rows,
)
from rationanomaly.rewards import Composition
from rationanomaly.rewards.coherence import FrozenModel
from rationanomaly.sft.rows import read_gold
from rationanomaly.sft.validation import Validation
from rationanomaly.steps import Inputs, Metrics, Outputs


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Align the SFT model with the reward; write a model folder and the reward curves.

    The threshold is that of the SFT model: GRPO trains the reasoning prompt, not the direct verdict.

    Raises:
        TrainingError: one class only, nothing trainable, a wrong KL reference, a loss that is not a number.
        ArtifactError: the SFT folder is damaged, unsafe or holds no adapter.
    """
    runtime.prepare(params.run.seed, params.training.threads)
    card = read_card(inputs["sft"])
    labelled = read_table(inputs["correct"] / LABELLED, LABELLED_SCHEMA)
    gold = read_gold(labelled, card.prompt)
    triplets = read_rows(inputs["distill"] / TRIPLETS, Triplet)
    references = {show(row.template, card.prompt).text: row.rationale for row in triplets}
    tasks = build_tasks(gold, references, params.grpo, params.run.seed)
    tokenizer = load_tokenizer(inputs["sft"])
    frozen = None
    if params.grpo.reward.weights.coherence > 0:
        frozen = FrozenModel.of(load_base(base_files(inputs["sft"], card)).to(runtime.device()), tokenizer)
    composition = Composition.from_params(params.grpo.reward, frozen)
    reward = trainer.reward_function(composition, _target_words(inputs["distill"] / COST))

    model = load_adapted(inputs["sft"], card, trainable=True)
    judge = Judge(model, tokenizer, card.prompt, card.max_completion, card.literal_quotes)
    validation = Validation.of(labelled, card.prompt)
    before = _figures(judge, validation, card.threshold.value)
    with runtime.quiet():
        curve = trainer.train(
            model, tokenizer, tasks, reward, card.prompt, params.grpo, card.max_completion, card.literal_quotes,
            outputs.state, params.run.seed,
        )  # fmt: skip
    after = _figures(judge, validation, card.threshold.value)

    card = replace(card, stage="grpo")
    copy_base(inputs["sft"], outputs.folder)
    write_adapter(model, outputs.folder, card)
    write_card(outputs.folder, card)
    write_rows(outputs.folder / CURVES, curve)
    return {
        "grpo/reward_first": curve[0]["reward"],
        "grpo/reward_last": float(np.mean([entry["reward"] for entry in curve[-5:]])),
        "grpo/kl_last": curve[-1].get("kl", 0.0),
        **{f"grpo/validation_sft_{name}": value for name, value in before.items()},
        **{f"grpo/validation_{name}": value for name, value in after.items()},
    }


def _figures(judge: Judge, validation: Validation, threshold: float) -> Metrics:
    """F1 and AP of the direct verdict, and how well formed and grounded the rationales are, on validation templates."""
    if not validation.logs:
        return {}
    found = validation.figures(judge.probabilities(validation.logs), threshold)
    responses = [parse_response(text) for text in judge.responses(validation.logs, "checking rationales")]
    valid = np.mean([response.problem is None for response in responses])
    pairs = zip(responses, validation.logs, strict=True)
    grounded = np.mean([check_evidence(response.rationale, log).grounded for response, log in pairs])
    return {**found, "valid": float(valid), "grounded": float(grounded)}


def _target_words(path: Path) -> int:
    try:
        return max(int(json.loads(path.read_bytes())["target_words"]), 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError("states no target_words", file=path, mend="Run `rationanomaly distill` again") from error
