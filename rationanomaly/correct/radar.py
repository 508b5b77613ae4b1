"""The radar: which labels are most likely wrong, and why one would think so.

Labels that come from alert tags miss faults far more often than they invent them. Four kinds of evidence speak
against a label:

- a classifier on words (characters add .02 at most and cost a hundred times as much), fitted on the labels that can
  be believed most: decided ones, abnormal ones, and templates with an alert word taken for abnormal. Each template is
  judged by a model that has not seen it or its near-duplicates, in the manner of confident learning (Northcutt et al.
  2021);
- alert words, grave ones twice, and words of routine against them;
- near-duplicates with the opposite label;
- a deployed detector that disagrees, where there is one.

They are added up as log odds of "this template is abnormal", in round weights. The form and the weights were chosen
when variants had been measured on the published corrections; `benchmarks/radar.py` therefore chooses the weights anew
on one half of the table and shows the other half.

`suspicion` is the probability that the evidence gives to the opposite of the label; it ranks, it is not calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rationanomaly.baselines.blend import fit_words
from rationanomaly.baselines.keywords import GRAVE_STEMS, ROUTINE_WORDS, alert_words
from rationanomaly.baselines.scorer import Floats, log_odds
from rationanomaly.baselines.words import split_words
from rationanomaly.correct.alert_words import reasons_by_words
from rationanomaly.records import Label
from rationanomaly.text.similarity import SimilarityIndex, normalise

_FOLDS = 5
#: From this similarity on a template with the opposite label counts as a near-duplicate.
_NEAR = 0.8
_SHOWN = 70


@dataclass(frozen=True)
class Weights:
    """What each kind of evidence adds to the classifier's log odds.

    Attributes:
        alert: for a template with an alert word.
        grave: for each of up to two grave ones among them.
        routine: against, for each of up to two words of routine.
        near_duplicates: times the share of near-duplicates that bear the other label; counts against any label.
    """

    alert: float = 1.0
    grave: float = 1.0
    routine: float = 1.0
    near_duplicates: float = 1.0


@dataclass(frozen=True)
class Evidence:
    """What is known about the label of each template; all arrays have the shape (templates,).

    Attributes:
        abnormal: whether the label says so.
        classifier: log odds of abnormal by the other templates' labels.
        alert: 1 with an alert word, else 0.
        grave: number of grave alert words, at most 2.
        routine: number of words of routine, at most 2.
        opposite: share of the near-duplicates that bear the other label.
        near_duplicates: text of one of those; empty where there is none.
    """

    abnormal: npt.NDArray[np.bool_]
    classifier: Floats
    alert: Floats
    grave: Floats
    routine: Floats
    opposite: Floats
    near_duplicates: tuple[str, ...]

    def against(self, weights: Weights) -> Floats:
        """Log odds that the label is wrong."""
        abnormal = self.classifier + weights.alert * self.alert + weights.grave * self.grave
        abnormal = abnormal - weights.routine * self.routine
        return np.where(self.abnormal, -abnormal, abnormal) + weights.near_duplicates * self.opposite


@dataclass(frozen=True)
class Suspicion:
    """What speaks against the label of one template.

    Attributes:
        suspicion: in [0, 1]; from .5 on the evidence is against the label.
        reasons: in words, strongest kind of evidence first; empty if nothing speaks against it.
    """

    suspicion: float
    reasons: tuple[str, ...]


def suspect_labels(
    templates: Sequence[str],
    labels: Sequence[Label],
    seed: int,
    decided: Sequence[bool] | None = None,
    detector: Sequence[float] | None = None,
) -> list[Suspicion]:
    """Judge the label of every template by what the other templates teach.

    Args:
        templates: the texts.
        labels: the labels in question.
        seed: of the folds.
        decided: whether experts have settled the label, so that the classifier takes it as it is.
        detector: P(abnormal) by a deployed detector, for each template.

    Returns:
        one `Suspicion` for each template.
    """
    evidence = gather(templates, labels, seed, decided)
    against = evidence.against(Weights())
    if detector is not None:
        odds = log_odds(np.asarray(detector, dtype=np.float64))
        against = against + np.where(evidence.abnormal, -odds, odds)
    found = []
    for row, (template, label) in enumerate(zip(templates, labels, strict=True)):
        reasons = _reasons(template, label, evidence.classifier[row], None if detector is None else detector[row])
        if evidence.near_duplicates[row]:
            reasons.append(f"near-duplicate with the other label: {evidence.near_duplicates[row][:_SHOWN]!r}")
        found.append(Suspicion(float(1 / (1 + np.exp(-against[row]))), tuple(reasons)))
    return found


def gather(
    templates: Sequence[str], labels: Sequence[Label], seed: int, decided: Sequence[bool] | None = None
) -> Evidence:
    """The evidence on every label, each template judged by a classifier that saw neither it nor its near-duplicates.

    Args: as of `suspect_labels`.
    """
    settled = np.zeros(len(templates), dtype=bool) if decided is None else np.asarray(decided, dtype=bool)
    index = SimilarityIndex(templates)
    return _evidence(templates, labels, _out_of_fold(templates, labels, settled, index.groups(_NEAR), seed), index)


def gather_on_others(
    known: Sequence[str], known_labels: Sequence[Label], templates: Sequence[str], labels: Sequence[Label]
) -> Evidence:
    """Evidence on the labels of ``templates`` by a classifier fitted on ``known`` alone. For measuring the radar."""
    believed = _believed(known, known_labels, np.zeros(len(known), dtype=bool))
    return _evidence(templates, labels, _fit_and_score(known, believed, templates), SimilarityIndex(templates))


def _evidence(
    templates: Sequence[str], labels: Sequence[Label], classifier: Floats, index: SimilarityIndex
) -> Evidence:
    alerts = [alert_words(template) for template in templates]
    grave = [min(sum(word.startswith(GRAVE_STEMS) for word in words), 2) for words in alerts]
    routine = [min(len(set(split_words(template)).intersection(ROUTINE_WORDS)), 2) for template in templates]
    opposite, near_duplicates = _opposite_near_duplicates(labels, index)
    return Evidence(
        abnormal=np.array([label == "abnormal" for label in labels], dtype=bool),
        classifier=classifier,
        alert=np.array([bool(words) for words in alerts], dtype=np.float64),
        grave=np.array(grave, dtype=np.float64),
        routine=np.array(routine, dtype=np.float64),
        opposite=opposite,
        near_duplicates=near_duplicates,
    )


def _reasons(template: str, label: Label, classifier: float, detector: float | None) -> list[str]:
    reasons = reasons_by_words(template, label)
    other = "abnormal" if label == "normal" else "normal"
    if (classifier > 0) != (label == "abnormal"):
        reasons.append(f"reads like the {other} ones ({1 / (1 + np.exp(-abs(classifier))):.2f})")
    if detector is not None and (detector >= 0.5) != (label == "abnormal"):
        reasons.append(f"the detector says {other} ({max(detector, 1 - detector):.2f})")
    return reasons


def _believed(templates: Sequence[str], labels: Sequence[Label], settled: npt.NDArray[np.bool_]) -> list[Label]:
    """The labels that the classifier learns from: alert words make an unsettled normal label abnormal."""
    return [
        "abnormal" if label == "normal" and not fixed and alert_words(template) else label
        for template, label, fixed in zip(templates, labels, settled, strict=True)
    ]


def _out_of_fold(
    templates: Sequence[str],
    labels: Sequence[Label],
    settled: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    seed: int,
) -> Floats:
    """Log odds of abnormal of each template, by a classifier fitted on the other folds; groups stay whole."""
    believed = _believed(templates, labels, settled)
    folds = np.random.default_rng(seed).integers(0, _FOLDS, int(groups.max(initial=-1)) + 1)[groups]
    scores = np.zeros(len(templates))
    for fold in range(_FOLDS):
        inside, outside = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
        scores[outside] = _fit_and_score(
            [templates[row] for row in inside], [believed[row] for row in inside], [templates[row] for row in outside]
        )
    return scores


def _fit_and_score(known: Sequence[str], believed: Sequence[Label], templates: Sequence[str]) -> Floats:
    """Log odds of abnormal; 0 throughout where there is but one class to learn from."""
    if len(set(believed)) < 2 or not templates:
        return np.zeros(len(templates))
    # A family of a hundred register dumps teaches no more than one of them.
    distinct = {(normalise(template), label): template for template, label in zip(known, believed, strict=True)}
    classifier = fit_words(list(distinct.values()), [label for _, label in distinct])
    return log_odds(classifier.scores(templates))


def _opposite_near_duplicates(labels: Sequence[Label], index: SimilarityIndex) -> tuple[Floats, tuple[str, ...]]:
    """For each template the share of its near-duplicates that bear the other label, and the text of one of them."""
    abnormal = np.array([label == "abnormal" for label in labels], dtype=np.float64)
    texts = len(index.texts)
    totals = np.bincount(index.text_of, minlength=texts).astype(np.float64)
    positives = np.bincount(index.text_of, weights=abnormal, minlength=texts)
    near = index.similar(_NEAR)
    near.data[:] = 1
    around, around_positive = (totals + near @ totals)[index.text_of] - 1, (positives + near @ positives)[index.text_of]
    around_positive -= abnormal
    others = np.where(abnormal > 0, around - around_positive, around_positive)
    shares = np.divide(others, around, out=np.zeros(len(abnormal)), where=around > 0)
    mixed = [positives, totals - positives]
    near_duplicates = [""] * len(abnormal)
    for row in np.flatnonzero(shares > 0):
        text = index.text_of[row]
        candidates = [text, *near.indices[near.indptr[text] : near.indptr[text + 1]]]
        counts = mixed[int(abnormal[row])]
        near_duplicates[row] = next(index.texts[candidate] for candidate in candidates if counts[candidate] > 0)
    return shares, tuple(near_duplicates)
