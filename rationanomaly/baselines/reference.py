"""The reference classifier: what a language model has to beat.

TF-IDF of character 2- to 5-grams within word bounds, sublinear term frequency, and a balanced logistic regression
with C = 10, at threshold .5. It never changes, so that results stay comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from rationanomaly.baselines.scorer import Classifier, Floats, targets


@dataclass(frozen=True)
class CharacterClassifier:
    """A fitted reference classifier."""

    vectorizer: TfidfVectorizer
    regression: LogisticRegression

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),)."""
        if not templates:
            return np.zeros(0)
        return np.asarray(self.regression.predict_proba(self.vectorizer.transform(templates))[:, 1], dtype=np.float64)


def fit_reference(templates: Sequence[str], labels: Sequence[str]) -> Classifier:
    """Fit the reference classifier.

    Args:
        templates: training and validation templates.
        labels: ``normal`` or ``abnormal`` for each.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(templates, labels)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    regression = LogisticRegression(C=10, class_weight="balanced", max_iter=1000)
    regression.fit(vectorizer.fit_transform(templates), y)
    return CharacterClassifier(vectorizer, regression)
