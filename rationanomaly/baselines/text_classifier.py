"""A logistic regression on what a vectoriser makes of a template's text: the shape of several baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from rationanomaly.baselines.scorer import Floats


@dataclass(frozen=True)
class TextClassifier:
    """Both of them, fitted."""

    vectorizer: TfidfVectorizer
    regression: LogisticRegression

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),)."""
        if not templates:
            return np.zeros(0)
        return np.asarray(self.regression.predict_proba(self.vectorizer.transform(templates))[:, 1], dtype=np.float64)
