"""The models of the steps: their verdicts, reasoned and direct, and the texts that they write with nothing ruled out.

An analysis takes most of a step's time. The final model writes one for every tested template, and so does a champion:
they are compared row by row. The others write for so many fixed rows as params say, the same rows for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import Verdict
from rationanomaly.errors import ArtifactError, TrainingError
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import TEMPLATE_FIELDS, Prediction, SystemAnswers
from rationanomaly.evaluate.session_threshold import tune
from rationanomaly.evaluate.sessions import ScoredAnswer
from rationanomaly.evaluate.systems import CHAMPION, FINAL
from rationanomaly.model.budget import TokenBudget, announce
from rationanomaly.model.card import Card
from rationanomaly.params import EvaluateParams, VerdictKind
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.pieces import show_whole
from rationanomaly.thresholds import ThresholdRule


@dataclass(frozen=True)
class Plan:
    """What a model is asked for.

    Attributes:
        reasoned: rows of the tested templates that get an analysis, in order.
        free: of these, the rows for which it also writes a text with nothing ruled out.
        sessions: whether the templates that only sessions need get an analysis, too.
    """

    reasoned: tuple[int, ...]
    free: tuple[int, ...]
    sessions: bool


def plan(name: str, tested: pl.DataFrame, reasons: bool, settings: EvaluateParams) -> Plan:
    """Choose the rows for one model.

    Rows come in the order of their template ids. These are hashes, so the first n are a sample that no seed and no
    model has a part in.

    Args:
        name: base, sft, grpo or champion.
        tested: the tested templates.
        reasons: whether the model's verdicts are reasoned ones; a direct one writes nothing.
        settings: how many rows.
    """
    if not reasons:
        return Plan((), (), sessions=False)
    ids = tested["template_id"]
    order = sorted(range(tested.height), key=lambda row: (ids[row], row))
    chosen = order if name in (FINAL, CHAMPION) else order[: settings.reasoned_rows]
    # The base before any training is no model that anybody would deploy without its constraints; of the champion it
    # was asked when it was evaluated itself.
    free = [] if name in ("base", CHAMPION) else chosen[: settings.free_rows]
    sessions = name in (FINAL, CHAMPION) and settings.session_verdict == "reasoned"
    return Plan(tuple(sorted(chosen)), tuple(sorted(free)), sessions)


def judge_with_detector(
    name: str, folder: Path, held_out: HeldOut, settings: EvaluateParams, threads: int
) -> SystemAnswers:
    """Judge with a model folder, which is loaded once.

    Raises:
        ArtifactError: what `ModelDetector.open` says, or the model has learnt what is tested.
        TrainingError: a score that is no number.
    """
    detector = ModelDetector.open(folder, threads)
    detector.use_memory(settings.scoring_gigabytes)
    card, tested, others = detector.card, held_out.tested, held_out.others
    if card.learnt_validation and (tested["split"] == "validation").any():
        hint = "Train it anew on this split, or set sft.learn_validation to false"
        raise ArtifactError("has learnt the validation templates, which are tested here", file=folder, hint=hint)
    asked = plan(name, tested, card.detect.verdict == "reasoned", settings)
    announce(_budget(name, asked, held_out, card), detector.base_files)

    verdicts = _verdicts(name, detector, tested["template"].to_list(), asked.reasoned)
    rows = tested.select(TEMPLATE_FIELDS).iter_rows(named=True)
    predictions = [_prediction(name, row, verdict, card) for row, verdict in zip(rows, verdicts, strict=True)]
    texts = detector.free_texts([predictions[row].template for row in asked.free]) if asked.free else []

    # ---- what sessions need: all by one kind of verdict
    kind: VerdictKind = "reasoned" if asked.sessions else "direct"
    more = _judge(name, detector, others["template"].to_list(), kind)
    by_id = {p.template_id: _for_sessions(p, kind) for p in predictions}
    direct = {p.template_id: float(p.direct_score or 0.0) for p in predictions}
    for template_id, verdict in zip(others["template_id"], more, strict=True):
        by_id[template_id] = ScoredAnswer(verdict.answer, verdict.score)
        direct[template_id] = round(float(verdict.direct_score), 6)
    # Sessions of templates that a model has learnt say nothing about those that it has not.
    threshold = None
    if not card.learnt_validation:
        rule = ThresholdRule.of(settings.session_threshold)
        threshold = tune(held_out.calibration, {key: verdict.score for key, verdict in by_id.items()}, rule)
    free = dict(zip(asked.free, texts, strict=True))
    return SystemAnswers(name, predictions, by_id, threshold, asked.reasoned, free, card.prompt, direct)


def _verdicts(name: str, detector: ModelDetector, templates: Sequence[str], reasoned: Sequence[int]) -> list[Verdict]:
    """A reasoned verdict for the rows ``reasoned``, a direct one for the others, in the order of the rows."""
    direct = sorted(set(range(len(templates))) - set(reasoned))
    found = dict(zip(reasoned, _judge(name, detector, [templates[row] for row in reasoned], "reasoned"), strict=True))
    found |= zip(direct, _judge(name, detector, [templates[row] for row in direct], "direct"), strict=True)
    return [found[row] for row in range(len(templates))]


def _judge(name: str, detector: ModelDetector, templates: Sequence[str], kind: VerdictKind) -> list[Verdict]:
    verdicts = detector.judge(templates, kind) if templates else []
    if not all(math.isfinite(score) for verdict in verdicts for score in (verdict.score, verdict.direct_score)):
        raise TrainingError(f"the model `{name}` gives a score that is no number", hint="Train it again")
    return verdicts


def _prediction(name: str, row: Mapping[str, Any], verdict: Verdict, card: Card) -> Prediction:
    return Prediction(
        name,
        **row,
        answer=verdict.answer,
        score=round(float(verdict.score), 6),
        direct_score=round(float(verdict.direct_score), 6),
        direct_answer="abnormal" if verdict.direct_score >= card.direct_threshold.value else "normal",
        stated=verdict.stated,
        consistent=verdict.consistent,
        rationale=verdict.rationale or None,
        evidence=[asdict(span) for span in verdict.evidence],
        grounded=verdict.grounded,
        wordless=required_quotes(show_whole(row["template"], card.prompt)) == 0,
    )


def _for_sessions(prediction: Prediction, kind: VerdictKind) -> ScoredAnswer:
    if kind == "reasoned" or prediction.direct_score is None:
        return ScoredAnswer(prediction.answer, prediction.score)
    return ScoredAnswer(str(prediction.direct_answer), prediction.direct_score)


def _budget(name: str, asked: Plan, held_out: HeldOut, card: Card) -> TokenBudget:
    """At most so many: an analysis ends where it is done. What is only read takes little beside it."""
    more = held_out.others.height if asked.sessions else 0
    texts = (len(asked.reasoned) + more) * card.detect.at_most + len(asked.free)
    return TokenBudget(f"evaluate {name}, at most", generated=texts * card.max_completion)
