"""Which session model judges: the one that ranks validation sessions best."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sklearn.metrics import average_precision_score

from rationanomaly.errors import InputError
from rationanomaly.session_models.background import fit_background
from rationanomaly.session_models.batch import Events
from rationanomaly.session_models.boosted import fit_boosted
from rationanomaly.session_models.chosen import ChosenSessionModel
from rationanomaly.session_models.combined import fit_combined
from rationanomaly.session_models.count_neighbours import fit_count_neighbours
from rationanomaly.session_models.count_regression import fit_count_regression
from rationanomaly.session_models.maximum import fit_maximum
from rationanomaly.session_models.model import Fit, SessionModel
from rationanomaly.session_models.new_event import fit_new_event
from rationanomaly.session_models.next_event import fit_next_event
from rationanomaly.session_models.tables import LabelledSessions
from rationanomaly.session_models.thresholds import Threshold, ThresholdRule, choose_threshold

_log = logging.getLogger(__name__)

#: Ours, the simplest first: of equally good ones the first is chosen.
CANDIDATES: Mapping[str, Fit] = {
    "maximum": fit_maximum,
    "new event": fit_new_event,
    "count neighbours": fit_count_neighbours,
    "count regression": fit_count_regression,
    "next event": fit_next_event,
    "combined": fit_combined,
    "boosted": fit_boosted,
}


def choose(
    candidates: Mapping[str, Fit],
    train: LabelledSessions,
    validation: LabelledSessions,
    events: Events,
    seed: int,
    rule: ThresholdRule | None = None,
) -> ChosenSessionModel | None:
    """Fit all candidates, and take the one with the highest average precision on validation sessions.

    Among equals the one with the better F1 at its threshold, then the first.

    Args:
        candidates: by name, the simplest first.
        train: what they are fitted on.
        validation: what they are compared, and thresholds chosen on.
        events: of both; those of training sessions come first (`tables.events_of`).
        seed: of everything random in a fit.
        rule: of the threshold; the best F1 if left out.

    Returns:
        None where nothing can be compared: validation sessions of one class, fewer than `thresholds.MIN_POSITIVES`
        abnormal ones, or no candidate that could be fitted. The worst template has to judge then.
    """
    known = first_events(events, int(train.batch.codes.max(initial=-1)) + 1)
    fitted: dict[str, tuple[SessionModel, Threshold]] = {}
    metrics: dict[str, dict[str, float]] = {}
    for name, fit in candidates.items() if validation.teaches else ():
        try:
            model = fit(train.batch, train.abnormal, known, seed)
        except InputError as error:
            _log.info("%s is no candidate: %s", name, error.problem)
            continue
        scores = model.scores(validation.batch, events)
        threshold = choose_threshold(scores, validation.abnormal, rule)
        if threshold is not None:
            fitted[name] = model, threshold
            at = {key: threshold.validation[key] for key in ("f1", "precision", "recall")}
            ap = float(average_precision_score(validation.abnormal, scores))
            metrics[name] = {"ap": ap, **at, "threshold": threshold.value}
    if not fitted:
        return None
    # Rounded, so that the last bits of a sum don't decide between equals; `max` takes the first of them.
    best = max(fitted, key=lambda name: (round(metrics[name]["ap"], 9), round(metrics[name]["f1"], 9)))
    background = fit_background(train.batch, train.abnormal, known, seed)
    return ChosenSessionModel(best, *fitted[best], metrics, background, known)


def first_events(events: Events, count: int) -> Events:
    """The first ``count`` events."""
    return Events(events.ids[:count], events.texts[:count], events.scores[:count])
