"""TF-IDF over the words of all lines of a session, and logistic regression.

The classical supervised detector of He, Zhu, He and Lyu, "Experience Report: System Log Analysis for Anomaly
Detection", ISSRE 2016, on words instead of event counts: an event that training did not hold still has words that it
held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from rationanomaly.baselines.words import split_words
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.count_regression import check_classes, sigmoid
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import count_keys, distinct

#: C of the regression.
REGULARISATION = 10.0


@dataclass(frozen=True)
class EventRegression:
    """The fitted regression.

    Attributes:
        vocabulary: the column of each word.
        frequency_weights: inverse document frequency of each word among training sessions, shape (words,).
        weights: shape (words,).
        bias: log odds of a session without known words.
    """

    vocabulary: dict[str, int]
    frequency_weights: Floats
    weights: Floats
    bias: float

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """P(abnormal) with balanced classes, shape (n,)."""
        if not len(sessions):
            return np.zeros(0)
        first, places, _ = distinct(count_keys(sessions))
        counts = _word_counts(sessions.take(first), events, self.vocabulary)
        logits = _weighed(counts, self.frequency_weights) @ self.weights + self.bias
        return sigmoid(np.asarray(logits, dtype=np.float64))[places]


def fit_event_regression(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> EventRegression:  # noqa: ARG001 - Fit
    """Fit on all training sessions, both classes weighing the same.

    Raises:
        InputError: the training sessions are of one class.
    """
    check_classes(abnormal)
    words = sorted({word for code in np.unique(train.codes).tolist() for word in split_words(events.texts[code])})
    # Of templates without any word, the column stands for nothing and stays empty.
    vocabulary = {word: place for place, word in enumerate(words or [""])}
    counts = _word_counts(train, events, vocabulary)
    frequencies = np.asarray((counts > 0).sum(axis=0)).ravel()
    frequency_weights = np.asarray(np.log((1 + len(train)) / (1 + frequencies)) + 1, dtype=np.float64)
    regression = LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000)
    regression.fit(_weighed(counts, frequency_weights), abnormal)
    weights = regression.coef_[0].astype(np.float64)
    return EventRegression(vocabulary, frequency_weights, weights, float(regression.intercept_[0]))


def _word_counts(sessions: SessionBatch, events: Events, vocabulary: dict[str, int]) -> csr_matrix:
    """How often each known word comes in the lines of each session, shape (n, words)."""
    by_event = CountVectorizer(analyzer=split_words, vocabulary=vocabulary).transform(events.texts)
    return csr_matrix(sessions.counts(len(events)) @ by_event)


def _weighed(counts: csr_matrix, frequency_weights: Floats) -> csr_matrix:
    """Sublinear TF-IDF, each row of length 1."""
    weighed = counts.astype(np.float64)
    weighed.data = 1 + np.log(weighed.data)
    return csr_matrix(normalize(weighed.multiply(frequency_weights)))
