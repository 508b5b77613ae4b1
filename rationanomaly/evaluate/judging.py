"""Let each model judge the templates: trained ones through `ModelDetector`, the reference classifier by its scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import Verdict
from rationanomaly.errors import ArtifactError, TrainingError
from rationanomaly.evaluate.metrics import Judged
from rationanomaly.evaluate.session_threshold import tune
from rationanomaly.evaluate.sessions import ScoredAnswer
from rationanomaly.params import PromptParams
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.prompt import show

REFERENCE = "reference"
#: Model folders by name, weakest first; the last is the one that is registered.
TRAINED = ("base", "sft", "grpo")
FINAL = TRAINED[-1]
MODELS = (*TRAINED, REFERENCE)
#: What the models are called in front of people.
TITLES: Mapping[str, str] = {
    "base": "base, zero-shot",
    "sft": "SFT",
    "grpo": "SFT + GRPO",
    "reference": "reference classifier",
}


@dataclass(frozen=True)
class Prediction:
    """What one model says of one tested template; a line of predictions.jsonl.

    Attributes:
        model: base, sft, grpo or reference.
        truth: what the answer is held against; ``label`` is the corrected label.
        answer: normal, abnormal or invalid.
        score: probability of abnormal.
        stated: what the generated text concludes; None where none was asked for.
        rationale: the generated analysis; None where there is none.
        evidence: quotes that were found, with offsets into the template.
        grounded: whether the rationale's quotes hold (`evidence.check_evidence`).
        wordless: the template holds no words to quote.
    """

    model: str
    template_id: str
    template: str
    dataset: str
    split: str
    truth: str
    label: str
    mixed: bool
    answer: str
    score: float
    stated: str | None = None
    rationale: str | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)
    grounded: bool = False
    wordless: bool = False


@dataclass(frozen=True)
class ModelAnswers:
    """What one model says.

    Attributes:
        predictions: on the tested templates.
        by_id: verdicts by template id, on all that sessions need.
        session_threshold: chosen on validation sessions; None where these are too few.
    """

    name: str
    predictions: list[Prediction]
    by_id: dict[str, ScoredAnswer]
    session_threshold: float | None = None

    def judged(self, groups: Sequence[int], rows: Sequence[int] | None = None, column: str = "truth") -> Judged:
        """The predictions (those of ``rows``) as the metrics want them, against ``truth`` or ``label``."""
        chosen = range(len(self.predictions)) if rows is None else rows
        mine = [self.predictions[row] for row in chosen]
        return Judged(
            [getattr(p, column) for p in mine],
            [p.answer for p in mine],
            [p.score for p in mine],
            [groups[row] for row in chosen],
        )


def judge_with_detector(
    name: str, folder: Path, tested: pl.DataFrame, others: pl.DataFrame, calibration: pl.DataFrame, threads: int
) -> ModelAnswers:
    """Judge with a model folder.

    Args:
        tested: templates that get a rationale: `records.LABELLED_SCHEMA` and ``truth``.
        others: ``template_id`` and ``template`` of those that only sessions need: no rationale.
        calibration: validation sessions.
        threads: of torch.

    Raises:
        ArtifactError: what `ModelDetector.open` says, or the model has learnt what is tested.
    """
    detector = ModelDetector.open(folder, threads)
    if detector.card.learnt_validation and (tested["split"] == "validation").any():
        hint = "Train it anew on this split, or set sft.learn_validation to false"
        raise ArtifactError("has learnt the validation templates, which are tested here", file=folder, hint=hint)
    verdicts = detector.judge(tested["template"].to_list())
    predictions = [
        _prediction(name, row, verdict, detector.card.prompt)
        for row, verdict in zip(tested.iter_rows(named=True), verdicts, strict=True)
    ]
    more = detector.judge(others["template"].to_list(), "direct") if others.height else []
    by_id = {p.template_id: ScoredAnswer(p.answer, p.score) for p in predictions}
    for template_id, verdict in zip(others["template_id"], more, strict=True):
        by_id[template_id] = ScoredAnswer(verdict.answer, _finite(name, verdict.score))
    # Sessions of templates that a model has learnt say nothing about those that it has not.
    threshold = None
    if not detector.card.learnt_validation:
        threshold = tune(calibration, {key: verdict.score for key, verdict in by_id.items()})
    return ModelAnswers(name, predictions, by_id, threshold)


def judge_with_reference(
    fitted_on: pl.DataFrame, tested: pl.DataFrame, others: pl.DataFrame, calibration: pl.DataFrame
) -> ModelAnswers:
    """Fit the reference classifier on corrected labels and judge at threshold .5.

    Its threshold for sessions comes from a fit on the training split alone.
    """
    from rationanomaly.baselines.reference import fit_reference

    scorer = fit_reference(fitted_on["template"].to_list(), fitted_on["label"].to_list())
    scores = [round(float(score), 6) for score in scorer.scores(tested["template"].to_list())]
    predictions = [
        Prediction(REFERENCE, **_row(row), answer=_answer(score), score=score)
        for row, score in zip(tested.iter_rows(named=True), scores, strict=True)
    ]
    by_id = {p.template_id: ScoredAnswer(p.answer, p.score) for p in predictions}
    for template_id, score in zip(others["template_id"], scorer.scores(others["template"].to_list()), strict=True):
        by_id[template_id] = ScoredAnswer(_answer(float(score)), float(score))
    threshold = None
    if calibration.height:
        train = fitted_on.filter(pl.col("split") == "train")
        unseen = fit_reference(train["template"].to_list(), train["label"].to_list())
        scores = [float(score) for score in unseen.scores(others["template"].to_list())]
        threshold = tune(calibration, dict(zip(others["template_id"], scores, strict=True)))
    return ModelAnswers(REFERENCE, predictions, by_id, threshold)


def text_metrics(predictions: Sequence[Prediction]) -> dict[str, float]:
    """How the generated texts are: form, grounding, agreement with the score.

    Returns:
        ``format/rate``: share that parses; ``grounding/rate``: share with sound evidence among the templates that
        have words, ``grounding/templates`` how many these are; ``evidence/wordless``: templates without words, and
        ``evidence/wordless_stated`` how many of them are said to be so; ``disagreement/rate``: share of the parsed
        texts whose label isn't the answer; ``rationale/words``: mean length.
    """
    generated = [p for p in predictions if p.stated is not None]
    if not generated:
        return {}
    parsed = [p for p in generated if p.stated != "invalid"]
    worded = [p for p in generated if not p.wordless]
    found = {
        "format/rate": len(parsed) / len(generated),
        "grounding/templates": float(len(worded)),
        "evidence/wordless": float(len(generated) - len(worded)),
        "evidence/wordless_stated": float(sum(p.grounded for p in generated if p.wordless)),
    }
    if worded:
        found["grounding/rate"] = sum(p.grounded for p in worded) / len(worded)
    if parsed:
        found["disagreement/count"] = float(sum(p.stated != p.answer for p in parsed))
        found["disagreement/rate"] = found["disagreement/count"] / len(parsed)
        found["rationale/words"] = sum(len((p.rationale or "").split()) for p in parsed) / len(parsed)
    return found


def rows_of(models: Sequence[ModelAnswers]) -> Iterator[dict[str, Any]]:
    """All predictions of all models as JSON objects."""
    for model in models:
        for prediction in model.predictions:
            yield asdict(prediction)


def _prediction(name: str, row: dict[str, Any], verdict: Verdict, prompt: PromptParams) -> Prediction:
    return Prediction(
        name,
        **_row(row),
        answer=str(verdict.answer),
        score=round(_finite(name, verdict.score), 6),
        stated=verdict.stated,
        rationale=verdict.rationale or None,
        evidence=[asdict(span) for span in verdict.evidence],
        grounded=verdict.grounded,
        wordless=required_quotes(show(row["template"], prompt)) == 0,
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("template_id", "template", "dataset", "split", "truth", "label", "mixed")}


def _answer(score: float) -> str:
    return "abnormal" if score >= 0.5 else "normal"


def _finite(name: str, score: float) -> float:
    if not math.isfinite(score):
        raise TrainingError(f"the model `{name}` gives a score that is no number", hint="Train it again")
    return float(score)
