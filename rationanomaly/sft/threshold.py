"""From which score on a template is abnormal, by reasoned and by direct verdict: each by scores of its own."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from rationanomaly.model.card import Threshold
from rationanomaly.model.scoring import Scorer, mean_score
from rationanomaly.params import DetectParams, SftParams
from rationanomaly.thresholds import ThresholdRule, choose_threshold
from rationanomaly.training.validation import Validation

DEFAULT = 0.5
#: Validation templates that get an analysis, or more, until they hold twice the positives that are needed: not every
#: analysis comes to an end.
ANALYSED = 1000


def calibration(validation: Validation, minimum: int) -> Validation:
    """The validation templates that get an analysis, on whose scores the reasoned verdict's threshold is chosen.

    Args:
        validation: the whole split.
        minimum: positives that are needed.

    Returns:
        All, or of very many a fixed sample in which abnormal ones have their share; none where there is nothing to
        choose.
    """
    truth = np.asarray(validation.abnormal, dtype=bool)
    if validation.learnt or not _enough(truth, minimum):
        return Validation((), (), validation.learnt)
    share = min(1.0, max(ANALYSED / len(truth), 2 * minimum / truth.sum()))
    places = sorted([*_spread(np.flatnonzero(truth), share), *_spread(np.flatnonzero(~truth), share)])
    return Validation(
        tuple(validation.logs[place] for place in places), tuple(validation.abnormal[place] for place in places)
    )


def choose_thresholds(
    scorer: Scorer,
    validation: Validation,
    direct_scores: np.ndarray,
    analysed: Validation,
    detect: DetectParams,
    settings: SftParams,
) -> tuple[Threshold, Threshold]:
    """The thresholds of the reasoned and of the direct verdict.

    Args:
        scorer: of the finished model.
        validation: the whole split.
        direct_scores: of all of it.
        analysed: `calibration`.
        detect: how a reasoned verdict is reached. Templates without an analysis that comes to an end are left out:
            their answer is `invalid` at any threshold.
        settings: the rule, and the positives that are needed.
    """
    if validation.learnt:
        default = Threshold(DEFAULT, "default: the validation templates were learnt from")
        return default, default
    direct = _choose(direct_scores, validation.abnormal, settings)
    if not analysed.logs:
        return direct, direct
    found = scorer.scored_analyses(analysed.logs, detect.analyses, detect.temperature, detect.attempts)
    scores = np.array([mean_score(analyses) for analyses in found if analyses])
    abnormal = [truth for truth, analyses in zip(analysed.abnormal, found, strict=True) if analyses]
    return _choose(scores, abnormal, settings), direct


def _choose(scores: np.ndarray, abnormal: Sequence[bool], settings: SftParams) -> Threshold:
    """By the rule of params on validation templates, or .5 where they are too few to tell.

    Args:
        scores: P(abnormal) of each validation template, shape (n,).
        abnormal: the truth, n values.
        settings: with 14 to 27 positives a tuned threshold cost up to .10 of F1, hence so many are needed.
    """
    truth, minimum = np.asarray(abnormal, dtype=bool), settings.threshold_positives
    positives = int(truth.sum())
    rule = ThresholdRule.of(settings.threshold)
    # Scores are probabilities; among equally good thresholds the one with the fewest alarms.
    found = choose_threshold(scores, truth, rule, minimum=minimum, ties="highest", least=0.0)
    if found is None or not _enough(truth, minimum):
        return Threshold(DEFAULT, f"default: {positives} positives in validation, {minimum} needed")
    return Threshold(found.value, f"{found.rule} on validation with {positives} positives")


def _enough(truth: np.ndarray, minimum: int) -> bool:
    return bool(minimum <= truth.sum() < len(truth))


def _spread(places: np.ndarray, share: float) -> list[int]:
    """A share of the places, evenly over all of them."""
    return [int(place) for place in places[np.linspace(0, len(places) - 1, ceil(share * len(places)), dtype=int)]]
