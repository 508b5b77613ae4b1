"""The systems without a language model: rules as they are, classifiers fitted to what the models may learn from.

Another one is a function that returns something with ``scores(templates)``, one entry in `FITS`, its name and title in
`systems`, and one test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from rationanomaly.baselines.free_signals import fit_free_signals
from rationanomaly.baselines.keywords import KeywordRule
from rationanomaly.baselines.labeller import fit_labeller
from rationanomaly.baselines.nearest import fit_nearest
from rationanomaly.baselines.reference import fit_reference
from rationanomaly.baselines.scorer import THRESHOLD, Classifier, Floats
from rationanomaly.baselines.sequences.template_vectors import TemplateVectors, character_vectors
from rationanomaly.baselines.teacher_rule import TeacherRule
from rationanomaly.baselines.word_regression import fit_word_regression
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import TEMPLATE_FIELDS, Prediction, SystemAnswers
from rationanomaly.evaluate.session_threshold import tune
from rationanomaly.evaluate.sessions import ScoredAnswer
from rationanomaly.evaluate.systems import FREE_SIGNALS, KEYWORD, LABELLER, NEAREST, REFERENCE, TEACHER_RULE, WORDS
from rationanomaly.params import Params, PromptParams
from rationanomaly.text.encoder import Encoder
from rationanomaly.text.prompt import show
from rationanomaly.thresholds import ThresholdRule


@dataclass(frozen=True)
class Means:
    """What a classifier may need beside labelled templates.

    Attributes:
        prompt: how a prompt shows a log.
        encoder: of sentence vectors; None where params name none.
        lines: by text as a prompt shows it, how many lines its templates have; nothing where none is counted.
    """

    prompt: PromptParams
    encoder: Encoder | None
    lines: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, params: Params, held_out: HeldOut) -> Means:
        """With an encoder, where params name one, that has read all templates once: several fits ask for the same."""
        encoder = Encoder.chosen(params.model)
        tables = (held_out.fitted_on, held_out.tested, held_out.others)
        texts = [shown(table["template"].to_list(), params.prompt) for table in tables]
        if encoder is not None:
            distinct = list(dict.fromkeys(text for found in texts for text in found))
            encoder = encoder.knowing(distinct, encoder.vectors(distinct, "reading the templates"))
        lines: Counter[str] = Counter()
        for table, found in zip(tables, texts, strict=True):
            if "lines" in table.columns:
                for text, count in zip(found, table["lines"].fill_null(0), strict=True):
                    lines[text] += count
        return cls(params.prompt, encoder, lines)

    def template_vectors(self, held_out: HeldOut) -> TemplateVectors:
        """Of the encoder; without one, of the characters of what was learnt from."""
        if self.encoder is None:
            return character_vectors(held_out.fitted_on["template"].to_list())
        encoder = self.encoder
        return lambda templates: encoder.vectors(shown(templates, self.prompt), "reading the templates")


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


def _fit_nearest(known: pl.DataFrame, means: Means) -> Classifier:
    texts = shown(known["template"].to_list(), means.prompt)
    return _OfShown(fit_nearest(texts, known["label"].to_list(), known["group"].to_list()), means.prompt)


def _fit_words(known: pl.DataFrame, _: Means) -> Classifier:
    return fit_word_regression(known["template"].to_list(), known["label"].to_list())


def _fit_free_signals(known: pl.DataFrame, means: Means) -> Classifier:
    texts = shown(known["template"].to_list(), means.prompt)
    labels, groups = known["label"].to_list(), known["group"].to_list()
    return _OfShown(fit_free_signals(texts, labels, groups, means.lines, means.encoder), means.prompt)


#: By system: from labelled templates (`records.LABELLED_SCHEMA`) to what judges a template by its text.
FITS: Mapping[str, Callable[[pl.DataFrame, Means], Classifier]] = {
    KEYWORD: lambda _, __: KeywordRule(),
    TEACHER_RULE: lambda _, means: TeacherRule(means.prompt),
    NEAREST: _fit_nearest,
    WORDS: _fit_words,
    FREE_SIGNALS: _fit_free_signals,
    LABELLER: _fit_labeller,
    REFERENCE: _fit_reference,
}


def shown(templates: Sequence[str], prompt: PromptParams) -> list[str]:
    """The templates as a prompt shows them."""
    return [show(template, prompt).text for template in templates]


def judge_with_classifier(name: str, held_out: HeldOut, means: Means, rule: ThresholdRule) -> SystemAnswers:
    """Fit one of `FITS` on corrected labels and judge at threshold .5.

    Its threshold for sessions is chosen by ``rule`` on the scores of a fit on the training split alone.

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
        threshold = tune(held_out.calibration, scores, rule)
    return SystemAnswers(name, predictions, by_id, threshold)


def _scores(fitted: Classifier, table: pl.DataFrame) -> list[float]:
    # Rounded as predictions.jsonl holds them, so that whoever counts from that file counts alike.
    return [round(float(score), 6) for score in fitted.scores(table["template"].to_list())]


def _answer(score: float) -> str:
    return "abnormal" if score >= THRESHOLD else "normal"
