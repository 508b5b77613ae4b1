"""A logistic regression on features of a template's text: the shape of several baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from rationanomaly.baselines.scorer import Floats, targets


@dataclass(frozen=True)
class TextClassifier:
    """A fitted logistic regression and what it reads.

    Attributes:
        features: of texts, one row each.
        regression: on these rows.
    """

    features: Callable[[Sequence[str]], csr_matrix | Floats]
    regression: LogisticRegression

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),)."""
        if not templates:
            return np.zeros(0)
        return np.asarray(self.regression.predict_proba(self.features(templates))[:, 1], dtype=np.float64)


def fit_text_classifier(
    vectorizer: CountVectorizer, templates: Sequence[str], labels: Sequence[str], c: float
) -> TextClassifier:
    """Fit a vectoriser and a balanced logistic regression on what it makes of the templates.

    Args:
        vectorizer: not fitted yet.
        templates: labelled ones.
        labels: ``normal`` or ``abnormal`` for each.
        c: inverse strength of the L2 penalty.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(templates, labels)
    regression = balanced_regression(c)
    regression.fit(vectorizer.fit_transform(templates), y)
    return TextClassifier(vectorizer.transform, regression)


def balanced_regression(c: float) -> LogisticRegression:
    """A logistic regression in which both classes weigh alike."""
    return LogisticRegression(C=c, class_weight="balanced", max_iter=1000)
