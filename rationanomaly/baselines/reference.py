"""The reference classifier: what a language model has to beat.

TF-IDF of character 2- to 5-grams within word bounds, sublinear term frequency, and a balanced logistic regression
with C = 10, at threshold .5. It never changes, so that results stay comparable.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer

from rationanomaly.baselines.scorer import Classifier
from rationanomaly.baselines.text_classifier import fit_text_classifier


def fit_reference(templates: Sequence[str], labels: Sequence[str]) -> Classifier:
    """Fit the reference classifier.

    Args:
        templates: training and validation templates.
        labels: ``normal`` or ``abnormal`` for each.

    Raises:
        InputError: an unknown label, or only one class.
    """
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return fit_text_classifier(vectorizer, templates, labels, c=10)
