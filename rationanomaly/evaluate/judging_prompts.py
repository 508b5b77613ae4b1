"""The base before `sft`, asked through its chat template: zero-shot, and LogPrompt's strategies.

It is the base of the run: one out of a package with `model.log_adapter` has learnt to write about logs, without labels.
Only a base that can chat is asked. It judges tested templates, no sessions: so many fixed rows as params say, the first
of those that the models of the steps write an analysis of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.device import runtime
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import TEMPLATE_FIELDS, Prediction, SystemAnswers
from rationanomaly.evaluate.systems import PROMPTED
from rationanomaly.model.budget import TokenBudget, announce
from rationanomaly.model.chat_verdicts import WRITTEN_TOKENS, ChatAnswer, ChatScorer, can_chat
from rationanomaly.model.folder import ModelFolder
from rationanomaly.params import PromptParams
from rationanomaly.records import LABELS, LabelledText
from rationanomaly.text.chat_prompts import STRATEGIES
from rationanomaly.text.prompt import show

_SEED = 0
#: Labelled logs that a prompt shows, of each class.
_EXAMPLES = 5


def judge_with_all_prompts(
    base_folder: Path, held_out: HeldOut, rows: int | None, threads: int
) -> dict[str, SystemAnswers]:
    """Every system of `systems.PROMPTED`, with the base loaded once; none where it can't chat, or no row is asked for.

    Args:
        base_folder: output of `base`.
        held_out: what is tested.
        rows: tested templates to judge; None: all.
        threads: of torch.

    Raises:
        ArtifactError: what `ModelFolder.open` says.
        TrainingError: a score that is no number, or a context without room for a log.
    """
    folder = ModelFolder.open(base_folder)
    if rows == 0 or not held_out.tested.height or not can_chat(folder):
        return {}
    scorer = _opened(folder, threads)
    return {name: _judge(name, folder, scorer, held_out, rows) for name in PROMPTED}


def judge_with_prompts(
    name: str, base_folder: Path, held_out: HeldOut, rows: int | None, threads: int
) -> SystemAnswers:
    """One system of `systems.PROMPTED`; arguments and errors are those of `judge_with_all_prompts`.

    Raises:
        ArtifactError: also of a base without a chat template.
    """
    folder = ModelFolder.open(base_folder)
    return _judge(name, folder, _opened(folder, threads), held_out, rows)


def _opened(folder: ModelFolder, threads: int) -> ChatScorer:
    runtime.prepare(_SEED, threads)
    return ChatScorer.of(folder)


def _judge(name: str, folder: ModelFolder, scorer: ChatScorer, held_out: HeldOut, rows: int | None) -> SystemAnswers:
    strategy, tested = STRATEGIES[name], held_out.tested
    # As the strategies were published: with case and numbers, which small models are spared.
    prompt = folder.card.prompt.model_copy(update={"normalise": False})
    asked = first_rows(tested, rows)
    if strategy.explains:
        budget = TokenBudget(f"evaluate {name}, at most", generated=len(asked) * WRITTEN_TOKENS)
        announce(budget, folder.base_files)
    examples = labelled_examples(held_out.fitted_on, prompt) if strategy.shows_examples else []
    logs = [show(tested["template"][row], prompt) for row in asked]
    found = dict(zip(asked, scorer.verdicts(logs, strategy, examples), strict=True))
    fields = tested.select(TEMPLATE_FIELDS).iter_rows(named=True)
    predictions = [_prediction(name, row, found.get(place)) for place, row in enumerate(fields)]
    return SystemAnswers(name, predictions, {}, reasoned=asked)


def first_rows(tested: pl.DataFrame, rows: int | None) -> tuple[int, ...]:
    """So many rows, in order: the first by their ids, which are hashes, as `judging_models.plan` takes them."""
    ids = tested["template_id"]
    order = sorted(range(tested.height), key=lambda row: (ids[row], row))
    return tuple(sorted(order if rows is None else order[:rows]))


def labelled_examples(known: pl.DataFrame, prompt: PromptParams) -> list[LabelledText]:
    """The same few labelled templates for every log, of both classes in turn: the first by their ids."""
    ordered = known.sort("template_id")
    by_class = [ordered.filter(pl.col("label") == label)["template"].head(_EXAMPLES).to_list() for label in LABELS]
    return [
        LabelledText(show(templates[place], prompt).text, label)
        for place in range(_EXAMPLES)
        for label, templates in zip(LABELS, by_class, strict=True)
        if place < len(templates)
    ]


def _prediction(name: str, row: Mapping[str, Any], verdict: ChatAnswer | None) -> Prediction:
    """A row that was not asked about is invalid and states nothing; it is not among those that are measured."""
    if verdict is None:
        return Prediction(name, **row, answer="invalid", score=0.0)
    return Prediction(
        name, **row, answer=verdict.answer, score=round(verdict.score, 6), stated=verdict.answer, rationale=verdict.text
    )
