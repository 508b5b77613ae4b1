"""Which session model judges: the simplest of those that rank validation sessions best.

Validation sessions are few where it counts: a handful of distinct sets of events is abnormal. So what is better by less
than a standard error is not better, and of such models the simplest is taken (Breiman, Friedman, Olshen and Stone:
Classification and Regression Trees, 1984, the one standard error rule). The error is that of a bootstrap over distinct
sets of events.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from sklearn.metrics import average_precision_score

from rationanomaly.errors import InputError
from rationanomaly.session_models.background import fit_background
from rationanomaly.session_models.batch import Events, Floats
from rationanomaly.session_models.boosted import fit_boosted
from rationanomaly.session_models.chosen import ChosenSessionModel
from rationanomaly.session_models.combined import fit_combined
from rationanomaly.session_models.count_neighbours import fit_count_neighbours
from rationanomaly.session_models.count_regression import fit_count_regression
from rationanomaly.session_models.maximum import fit_maximum
from rationanomaly.session_models.model import Fit, SessionModel
from rationanomaly.session_models.new_event import fit_new_event
from rationanomaly.session_models.next_event import fit_next_event
from rationanomaly.session_models.per_session import count_keys, distinct
from rationanomaly.session_models.tables import LabelledSessions
from rationanomaly.thresholds import Threshold, ThresholdRule, choose_threshold

_log = logging.getLogger(__name__)

_DRAWS = 200
#: Ours, the simplest first.
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
    """Fit all candidates, and take the first whose average precision on validation is the highest or nearly so.

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
    found: dict[str, Floats] = {}
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
            fitted[name], found[name] = (model, threshold), scores
            at = {key: threshold.validation[key] for key in ("f1", "precision", "recall")}
            ap = float(average_precision_score(validation.abnormal, scores))
            metrics[name] = {"ap": ap, **at, "threshold": threshold.value}
    if not fitted:
        return None
    best = max(fitted, key=lambda name: metrics[name]["ap"])
    # With room for the last bits of a sum.
    enough = metrics[best]["ap"] - _standard_error(found[best], validation, seed) - 1e-9
    name = next(name for name in fitted if metrics[name]["ap"] >= enough)
    background = fit_background(train.batch, train.abnormal, known, seed)
    return ChosenSessionModel(name, *fitted[name], metrics, background, known)


def _standard_error(scores: Floats, sessions: LabelledSessions, seed: int) -> float:
    """Of average precision, over draws of distinct sets of events."""
    _, places, _ = distinct(count_keys(sessions.batch))
    sets = int(places.max(initial=-1)) + 1
    random, values = np.random.default_rng(seed), list[float]()
    for drawn in random.multinomial(sets, np.full(sets, 1 / sets), size=_DRAWS):
        weights = drawn[places].astype(np.float64)
        # A draw without an abnormal session has no average precision.
        if weights[sessions.abnormal].any():
            values.append(float(average_precision_score(sessions.abnormal, scores, sample_weight=weights)))
    return float(np.std(values)) if values else 0.0


def first_events(events: Events, count: int) -> Events:
    """The first ``count`` events."""
    return Events(events.ids[:count], events.texts[:count], events.scores[:count])
