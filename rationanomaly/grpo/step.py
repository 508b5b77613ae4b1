"""The step `grpo`.

    rationanomaly grpo --params params.yaml --input parse=outputs/laptop/parse --input correct=outputs/laptop/correct \\
        --input distill=outputs/laptop/distill --input sft=outputs/laptop/sft --output outputs/laptop/grpo
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rationanomaly.device import ranks, runtime
from rationanomaly.errors import ArtifactError
from rationanomaly.grpo import engine, trainer
from rationanomaly.grpo.alarms import DIFFERENCE, went_off
from rationanomaly.grpo.prompts import build_tasks
from rationanomaly.launch import start
from rationanomaly.model.budget import TokenBudget, announce
from rationanomaly.model.card import write_card
from rationanomaly.model.folder import ModelFolder, copy_base, write_adapter
from rationanomaly.model.scoring import Scorer
from rationanomaly.model.views import score_views
from rationanomaly.params import GrpoParams, Params
from rationanomaly.records import (
    ADAPTER,
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
from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.session_models.chosen import write_session_model
from rationanomaly.session_models.fitting import Lessons
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.text.prompt import show
from rationanomaly.thresholds import ThresholdRule
from rationanomaly.training.batching import spread
from rationanomaly.training.best_adapter import SCORE, VALIDATION, best_evaluation, is_evaluation
from rationanomaly.training.checkpoints import Curve
from rationanomaly.training.gold import read_gold
from rationanomaly.training.loop import TrainingRun
from rationanomaly.training.memory import check as memory
from rationanomaly.training.validation import Validation

#: The largest of all steps; of completions that vLLM wrote.
ROLLOUTS = "grpo/sampling_difference"
#: Steps whose mean speaks for the end of the training.
_LAST = 5


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Run `train` in this process or on several ranks, as the params section ``training`` says."""
    return start.start("grpo", train, params, inputs, outputs)


def train(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Align the SFT model with the reward; write a model folder and the reward curves.

    Where sessions are whole on the sides that teach and choose, a session model is fitted to the model's scores, too.

    The thresholds are those of the SFT model: GRPO trains the analyses and not how sure the model is behind them
    (`policy`), and to choose anew would take an analysis of every validation template once more.

    Raises:
        TrainingError: too little memory, one class only,
            nothing trainable, a wrong KL reference, a loss that is not a number.
        ArtifactError: the SFT folder is damaged, unsafe or holds no adapter.
    """
    passes = spread(params.grpo.prompts * params.grpo.generations, params.training, "grpo.prompts × grpo.generations")
    runtime.prepare(params.run.seed, params.training.threads)
    sft = ModelFolder.of_input(inputs["sft"])
    card = sft.card
    engine.check(params.grpo, params.training, card.literal_quotes, card.base.copied)
    labelled = read_table(inputs["correct"] / LABELLED, LABELLED_SCHEMA)
    lessons = Lessons.read(inputs["parse"], labelled)
    gold = read_gold(labelled, card.prompt)
    triplets = read_rows(inputs["distill"] / TRIPLETS, Triplet)
    teacher_rationales = {show(row.template, card.prompt).text: row.rationale for row in triplets}
    tasks = [task.beside(sft.few_shot) for task in build_tasks(gold, teacher_rationales, params.grpo, params.run.seed)]
    lengths = trainer.prompt_lengths(sft.tokenizer, tasks, card.prompt)
    work = memory.grpo_work(params, sft.path / ADAPTER, max(lengths), card.max_completion, passes)
    memory.check("grpo", params, sft.base_files, work, engine.reserved(params.grpo))
    frozen = None
    if params.grpo.reward.weights.coherence > 0:
        frozen = FrozenModel.of(sft.load_base().to(runtime.device()), sft.tokenizer)
    composition = Composition.from_params(params.grpo.reward, frozen)
    target = _target_words(inputs["distill"] / COST)
    reward = trainer.reward_function(composition, target, sft.few_shot, params.grpo.generations)

    model = sft.load_adapted(params.training)
    scorer = sft.scorer(model, params.training)
    validation = Validation.of(labelled, card.prompt, card.learnt_validation, params.grpo.validation_rows)
    announce(_budget(params.grpo, card.max_completion, sum(lengths), len(validation.logs)), sft.base_files)
    # Labels that were learnt choose nothing, and neither does what is measured on their templates.
    settings = params.grpo.model_copy(update={"keep_best": params.grpo.keep_best and not validation.learnt})
    in_form = params.grpo.generation == "transformers"
    grammar = replace(scorer.grammar, threshold=card.threshold.value) if in_form else None
    with runtime.quiet():
        curve = trainer.train(
            model, sft.tokenizer, tasks, reward, card.prompt, settings, passes, card.max_completion,
            grammar, TrainingRun.of(params, outputs),
            lambda: _validation_metrics(scorer, validation, card.threshold.value),
        )  # fmt: skip

    # Every rank has to come, for each may hold a share of the weights.
    scored = score_views(scorer, lessons.texts, card.prompt, clauses=card.detect.clauses)
    scores = np.array([one.score for one in scored])
    metrics = _metrics(curve, in_form)
    card = replace(card, stage="grpo", adapter=_chosen(card.adapter, metrics, params.grpo))
    if ranks.is_first():
        copy_base(sft.path, outputs.folder)
        chosen = lessons.fit(scores, ThresholdRule.of(params.evaluate.session_threshold), params.run.seed)
        if chosen is not None:
            write_session_model(chosen, outputs.folder)
    write_adapter(model, outputs.folder, card)
    write_card(outputs.folder, card)
    write_rows(outputs.folder / CURVES, curve)
    return metrics


def _budget(params: GrpoParams, max_completion: int, prompts: int, validated: int) -> TokenBudget:
    """Of a training whose completions are all as long as they may be; ``prompts``: tokens of all tasks, each once."""
    completions = params.steps * params.prompts * params.generations * max_completion
    shown = prompts * params.generations
    # In form and freely, before and after the training and in between.
    checked = (params.evaluations + 2) * validated * 2 * max_completion
    read = completions + shown if params.beta else 0
    return TokenBudget("grpo, at most", completions + shown, completions + checked, read)


def _chosen(sft: str, metrics: Metrics, params: GrpoParams) -> str:
    """Which adapter was kept, after ``sft``, that of SFT; and whether it learnt from the form that it answers in."""
    kept = f"step {metrics['grpo/best_step']:.0f} of {metrics['grpo/steps']:.0f} of GRPO"
    after = f"{kept} after SFT ({sft})" if sft else kept
    return after if metrics["grpo/in_form"] else f"{after}; learnt from texts that {params.generation} wrote freely"


def _metrics(curve: Curve, in_form: bool) -> Metrics:
    steps = [entry for entry in curve if "reward" in entry]
    evaluated = [entry for entry in curve if is_evaluation(entry)]
    before, kept = (evaluated[0], best_evaluation(curve) or evaluated[-1]) if evaluated else ({}, {})
    last = steps[-_LAST:]
    names = [name.removeprefix(VALIDATION) for name in before if name.startswith(VALIDATION) and name != SCORE]
    return {
        "grpo/steps": steps[-1]["step"],
        "grpo/best_step": kept.get("step", steps[-1]["step"]),
        "grpo/alarm": float(went_off(curve)),
        "grpo/reward_first": steps[0]["reward"],
        "grpo/reward_last": float(np.mean([entry["reward"] for entry in last])),
        "grpo/kl_last": steps[-1].get("kl", 0.0),
        "grpo/in_form": float(in_form),
        **({ROLLOUTS: max(entry[DIFFERENCE] for entry in steps)} if DIFFERENCE in steps[-1] else {}),
        "grpo/entropy_last": float(np.mean([entry["entropy"] for entry in last])),
        # Groups whose rewards are all equal have advantages of 0: they are skipped, the KL apart.
        "grpo/groups_without_signal": float(np.mean([entry["frac_reward_zero_std"] for entry in steps])),
        "grpo/clipped": float(np.mean([entry["completions/clipped_ratio"] for entry in last])),
        **{f"grpo/validation_sft_{name}": before[f"{VALIDATION}{name}"] for name in names},
        **{f"grpo/validation_{name}": kept[f"{VALIDATION}{name}"] for name in names},
    }


def _validation_metrics(scorer: Scorer, validation: Validation, threshold: float) -> Metrics:
    """How the reasoned verdict does on validation templates, and what the model writes with and without constraints.

    Returns:
        ``f1``, ``ap``, ``loss``, ``false_positive_rate`` of the reasoned verdict, unless the labels were learnt;
        ``valid``, ``grounded``: shares of the analyses that come to an end, and whose quotes hold; ``support``: share
        whose claims the log's words support, without analyses that claim nothing that the rulebook knows, 0 if all are
        such; ``agreement``, ``free_grounded``: shares of the texts written without constraints whose conclusion and
        answer tag are the model's answer, and whose quotes hold.
    """
    if not validation.logs:
        return {}
    analyses = [analysis or "" for analysis in scorer.analyses(validation.logs, task="checking analyses")]
    # Behind no analysis a model can conclude, too; that it wrote none is what `valid` says.
    scores = scorer.reasoned_scores(validation.logs, analyses)
    free_texts = scorer.free_texts(validation.logs, "checking free texts")
    written = [WrittenText(log, analysis) for log, analysis in zip(validation.logs, analyses, strict=True)]
    answers = [
        ("abnormal" if score >= threshold else "normal") if text.rationale else "invalid"
        for score, text in zip(scores, written, strict=True)
    ]
    free = [WrittenText.read(text, log) for log, text in zip(validation.logs, free_texts, strict=True)]
    shares: Mapping[str, Sequence[bool | None]] = {
        "valid": [text.rationale != "" for text in written],
        "grounded": [text.grounded for text in written],
        # Who writes nothing supports nothing.
        "support": [text.supported if text.rationale else False for text in written],
        "agreement": [text.label == answer for text, answer in zip(free, answers, strict=True)],
        "free_grounded": [text.grounded for text in free],
    }
    return {
        **validation.metrics(scores, threshold),
        **validation.false_positive_rate(scores, threshold),
        **{name: _share(holds) for name, holds in shares.items()},
    }


def _share(holds: Sequence[bool | None]) -> float:
    """Of those that are not None; 0 where all are."""
    asked = [held for held in holds if held is not None]
    return sum(asked) / max(1, len(asked))


def _target_words(path: Path) -> int:
    try:
        return max(int(json.loads(path.read_bytes())["target_words"]), 1)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError("states no target_words", file=path, hint="Run `rationanomaly distill` again") from error
