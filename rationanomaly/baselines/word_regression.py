"""Words weighed by how few templates hold them, and a logistic regression: the first thing that anyone would try.

TF-IDF of single words with sublinear term frequency, and a balanced logistic regression with C = 10: the reference
classifier with words in place of characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer

from rationanomaly.baselines.scorer import Classifier
from rationanomaly.baselines.text_classifier import fit_text_classifier
from rationanomaly.baselines.words import words_or_marker


def fit_word_regression(texts: Sequence[str], labels: Sequence[str]) -> Classifier:
    """Fit it.

    Args:
        texts: labelled templates.
        labels: ``normal`` or ``abnormal`` for each.

    Raises:
        InputError: an unknown label, or only one class.
    """
    vectorizer = TfidfVectorizer(analyzer=words_or_marker, sublinear_tf=True)
    return fit_text_classifier(vectorizer, texts, labels, c=10)
