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

They are added up as log odds of "this template is abnormal", in round weights. No weight is fitted to corrections, but
this form was chosen among some sixty by its curve on the published ones, so that curve is not a held-out figure.
`suspicion` is the probability that these give to the opposite of the label; it ranks, it is not calibrated.
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
from rationanomaly.neighbours import Neighbours, normalise
from rationanomaly.records import Label

_FOLDS = 5
#: From this similarity on a template with the opposite label counts as a near-duplicate.
_NEAR = 0.8
_SHOWN = 70


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
    settled = np.zeros(len(templates), dtype=bool) if decided is None else np.asarray(decided, dtype=bool)
    index = Neighbours(templates)
    classifier = _out_of_fold(templates, labels, settled, index.groups(_NEAR), seed)
    return _judge(templates, labels, classifier, index, detector)


def suspect_others(
    known: Sequence[str],
    known_labels: Sequence[Label],
    templates: Sequence[str],
    labels: Sequence[Label],
) -> list[Suspicion]:
    """Judge the labels of ``templates`` by a classifier fitted on ``known`` alone. For measuring the radar."""
    believed = _believed(known, known_labels, np.zeros(len(known), dtype=bool))
    return _judge(templates, labels, _fit_and_score(known, believed, templates), Neighbours(templates), None)


def _judge(
    templates: Sequence[str],
    labels: Sequence[Label],
    classifier: Floats,
    index: Neighbours,
    detector: Sequence[float] | None,
) -> list[Suspicion]:
    """Add the evidence up. ``classifier`` holds log odds of abnormal."""
    opposite, twins = _opposite_twins(labels, index)
    found = []
    for row, (template, label) in enumerate(zip(templates, labels, strict=True)):
        abnormal = classifier[row] + _words_evidence(template)
        if detector is not None:
            abnormal += float(log_odds(np.array([detector[row]]))[0])
        against = float(-abnormal if label == "abnormal" else abnormal) + opposite[row]
        reasons = _reasons(template, label, classifier[row], None if detector is None else detector[row])
        if opposite[row] > 0:
            reasons.append(f"near-duplicate with the other label: {index.texts[twins[row]][:_SHOWN]!r}")
        found.append(Suspicion(float(1 / (1 + np.exp(-against))), tuple(reasons)))
    return found


def _words_evidence(template: str) -> float:
    """Log odds of abnormal by words: 1 for any alert word, 1 more for each of two grave ones, less the routine ones."""
    alerts = alert_words(template)
    grave = sum(word.startswith(GRAVE_STEMS) for word in alerts)
    routine = len({word for word in split_words(template) if word in ROUTINE_WORDS})
    return float(bool(alerts)) + min(grave, 2) - min(routine, 2)


def _reasons(template: str, label: Label, classifier: float, detector: float | None) -> list[str]:
    alerts = alert_words(template)
    reasons = []
    if label == "normal" and alerts:
        reasons.append("alert words in a normal template: " + ", ".join(alerts))
    if label == "abnormal" and not alerts:
        reasons.append("an abnormal template without an alert word")
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


def _opposite_twins(labels: Sequence[Label], index: Neighbours) -> tuple[Floats, npt.NDArray[np.int64]]:
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
    twins = np.zeros(len(abnormal), dtype=np.int64)
    for row in np.flatnonzero(shares > 0):
        text = index.text_of[row]
        candidates = [text, *near.indices[near.indptr[text] : near.indptr[text + 1]]]
        counts = mixed[int(abnormal[row])]
        twins[row] = next(candidate for candidate in candidates if counts[candidate] > 0)
    return shares, twins
