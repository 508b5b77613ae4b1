"""The teacher that labels the SFT pool: the reference classifier blended with classifiers on words and on meaning.

Characters generalise over spelling, words over what stands between them, sentence vectors over words that no training
template holds; the blend of the logits is steadier than each. It is fitted on training templates only, so that nothing
held out reaches the model through its pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from rationanomaly.baselines.reference import fit_reference
from rationanomaly.baselines.scorer import Classifier, Floats, log_odds, targets
from rationanomaly.baselines.text_classifier import TextClassifier, balanced_regression, fit_text_classifier
from rationanomaly.baselines.words import words_or_marker
from rationanomaly.text.encoder import Encoder


@dataclass(frozen=True)
class Blend:
    """(2 × logit of the characters + logit of the words) / 3, and the mean of that and the logit of the meaning.

    Attributes:
        characters: the reference classifier.
        words: fitted by `fit_words`.
        embedding: fitted by `fit_embedding`; None where there is no encoder.
    """

    characters: Classifier
    words: Classifier
    embedding: Classifier | None = None

    def logits(self, templates: Sequence[str]) -> Floats:
        """The blended log odds of abnormal, shape (len(templates),)."""
        characters, words = log_odds(self.characters.scores(templates)), log_odds(self.words.scores(templates))
        seen = (2 * characters + words) / 3
        return seen if self.embedding is None else (seen + log_odds(self.embedding.scores(templates))) / 2

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),)."""
        return np.asarray(1 / (1 + np.exp(-self.logits(templates))), dtype=np.float64)


def fit_words(templates: Sequence[str], labels: Sequence[str]) -> Classifier:
    """Fit a balanced logistic regression (C = 0.5) on binary words.

    Raises:
        InputError: an unknown label, or only one class.
    """
    return fit_text_classifier(CountVectorizer(analyzer=words_or_marker, binary=True), templates, labels, c=0.5)


def fit_embedding(templates: Sequence[str], labels: Sequence[str], encoder: Encoder) -> Classifier:
    """Fit a balanced logistic regression (C = 10) on sentence vectors.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(templates, labels)
    regression = balanced_regression(c=10)
    regression.fit(encoder.vectors(templates), y)
    return TextClassifier(encoder.vectors, regression)


def fit_blend(templates: Sequence[str], labels: Sequence[str], encoder: Encoder | None = None) -> Blend:
    """Fit the blend on training templates.

    Raises:
        InputError: an unknown label, or only one class.
    """
    embedded = None if encoder is None else fit_embedding(templates, labels, encoder)
    return Blend(fit_reference(templates, labels), fit_words(templates, labels), embedded)
