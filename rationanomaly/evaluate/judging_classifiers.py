"""The systems without a language model: rules as they are, classifiers fitted to what the models may learn from.

Another one is a function that returns something with ``scores(templates)``, one entry in `FITS`, its name and title in
`systems`, and one test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rationanomaly.baselines.keywords import KeywordRule
from rationanomaly.baselines.labeller import fit_labeller
from rationanomaly.baselines.reference import fit_reference
from rationanomaly.baselines.scorer import THRESHOLD, Classifier, Floats
from rationanomaly.baselines.teacher_rule import TeacherRule
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import TEMPLATE_FIELDS, Prediction, SystemAnswers
from rationanomaly.evaluate.session_threshold import tune
from rationanomaly.evaluate.sessions import ScoredAnswer
from rationanomaly.evaluate.systems import KEYWORD, LABELLER, REFERENCE, TEACHER_RULE
from rationanomaly.params import Params, PromptParams
from rationanomaly.text.encoder import Encoder
from rationanomaly.text.prompt import show


@dataclass(frozen=True)
class Means:
    """What a classifier may need beside labelled templates: how a prompt shows a log, and the sentence encoder."""

    prompt: PromptParams
    encoder: Encoder | None

    @classmethod
    def of(cls, params: Params, held_out: HeldOut) -> Means:
        """With an encoder, where params name one, that has read all templates once: several fits ask for the same."""
        encoder = Encoder.chosen(params.model)
        if encoder is not None:
            tables = (held_out.fitted_on, held_out.tested, held_out.others)
            templates = [template for table in tables for template in table["template"]]
            texts = list(dict.fromkeys(shown(templates, params.prompt)))
            encoder = encoder.knowing(texts, encoder.vectors(texts, "reading the templates"))
        return cls(params.prompt, encoder)


@dataclass(frozen=True)
class _OfShown:
    """A classifier of texts as a prompt shows them."""

    classifier: Classifier
    prompt: PromptParams

    def scores(self, templates: Sequence[str]) -> Floats:
        return self.classifier.scores(shown(templates, self.prompt))


def _fit_labeller(known: pl.DataFrame, means: Means) -> Classifier:
    texts = shown(known["template"].to_list(), means.prompt)
    fitted = fit_labeller(texts, known["label"].to_list(), known["group"].to_list(), means.encoder)
    return _OfShown(fitted, means.prompt)


def _fit_reference(known: pl.DataFrame, _: Means) -> Classifier:
    return fit_reference(known["template"].to_list(), known["label"].to_list())


#: By system: from labelled templates (`records.LABELLED_SCHEMA`) to what judges a template by its text.
FITS: Mapping[str, Callable[[pl.DataFrame, Means], Classifier]] = {
    KEYWORD: lambda _, __: KeywordRule(),
    TEACHER_RULE: lambda _, means: TeacherRule(means.prompt),
    LABELLER: _fit_labeller,
    REFERENCE: _fit_reference,
}


def shown(templates: Sequence[str], prompt: PromptParams) -> list[str]:
    """The templates as a prompt shows them."""
    return [show(template, prompt).text for template in templates]


def judge_with_classifier(name: str, held_out: HeldOut, means: Means) -> SystemAnswers:
    """Fit one of `FITS` on corrected labels and judge at threshold .5.

    Its threshold for sessions comes from a fit on the training split alone.

    Raises:
        InputError: it has to be fitted, and the labels are all of one class.
    """
    fit, tested, others = FITS[name], held_out.tested, held_out.others
    fitted = fit(held_out.fitted_on, means)
    predictions = []
    for row, score in zip(tested.iter_rows(named=True), _scores(fitted, tested), strict=True):
        kept = {key: row[key] for key in TEMPLATE_FIELDS}
        predictions.append(Prediction(name, **kept, answer=_answer(score), score=score))
    by_id = {p.template_id: ScoredAnswer(p.answer, p.score) for p in predictions}
    for template_id, score in zip(others["template_id"], _scores(fitted, others), strict=True):
        by_id[template_id] = ScoredAnswer(_answer(score), score)
    threshold = None
    if held_out.calibration.height:
        unseen = fit(held_out.fitted_on.filter(pl.col("split") == "train"), means)
        scores = dict(zip(others["template_id"], _scores(unseen, others), strict=True))
        threshold = tune(held_out.calibration, scores)
    return SystemAnswers(name, predictions, by_id, threshold)


def _scores(fitted: Classifier, table: pl.DataFrame) -> list[float]:
    # Rounded as predictions.jsonl holds them, so that whoever counts from that file counts alike.
    return [round(float(score), 6) for score in fitted.scores(table["template"].to_list())]


def _answer(score: float) -> str:
    return "abnormal" if score >= THRESHOLD else "normal"
