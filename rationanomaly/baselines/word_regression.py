"""Words weighed by how few templates hold them, and a logistic regression: the first thing that anyone would try.

TF-IDF of single words with sublinear term frequency, and a balanced logistic regression with C = 10: the reference
classifier with words in place of characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from rationanomaly.baselines.scorer import Classifier, targets
from rationanomaly.baselines.text_classifier import TextClassifier
from rationanomaly.baselines.words import split_words

#: Stands for a text without words, so that the vocabulary is never empty.
_NO_WORDS = "<no words>"


def fit_word_regression(texts: Sequence[str], labels: Sequence[str]) -> Classifier:
    """Fit it.

    Args:
        texts: labelled templates.
        labels: ``normal`` or ``abnormal`` for each.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(texts, labels)
    vectorizer = TfidfVectorizer(analyzer=_words_or_marker, sublinear_tf=True)
    regression = LogisticRegression(C=10, class_weight="balanced", max_iter=1000)
    regression.fit(vectorizer.fit_transform(texts), y)
    return TextClassifier(vectorizer, regression)


def _words_or_marker(text: str) -> list[str]:
    return split_words(text) or [_NO_WORDS]
