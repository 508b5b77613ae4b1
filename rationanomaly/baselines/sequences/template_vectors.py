"""Vectors of templates, by which LogAnomaly and LogRobust know a template that they never saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats32 = npt.NDArray[np.float32]
#: From n templates to vectors of shape (n, d), finite; the same text always has the same vector.
TemplateVectors = Callable[[Sequence[str]], Floats32]
_DIMENSIONS = 128


def character_vectors(corpus: Sequence[str], seed: int = 0) -> TemplateVectors:
    """What stands in where there is no sentence encoder: TF-IDF of runs of characters, by singular values.

    Args:
        corpus: templates that the weights and directions come from.
        seed: of the decomposition.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [_framed(text) for text in dict.fromkeys(corpus)] or [_framed("")]
    weights = TfidfVectorizer(analyzer="char", ngram_range=(3, 5), sublinear_tf=True, dtype=np.float32)
    matrix = weights.fit_transform(texts)
    dimensions = min(_DIMENSIONS, len(texts), matrix.shape[1])
    directions = TruncatedSVD(dimensions, random_state=seed).fit(matrix) if dimensions > 1 else None

    def vectors(wanted: Sequence[str]) -> Floats32:
        if not wanted:
            return np.zeros((0, dimensions), np.float32)
        rows = weights.transform([_framed(text) for text in wanted])
        found = rows.toarray()[:, :dimensions] if directions is None else directions.transform(rows)
        return unit(np.asarray(found, np.float32))

    return vectors


def unit(vectors: Floats32) -> Floats32:
    """These vectors with length 1, shape unchanged; one of length 0, or one that is not finite, is all zeros."""
    finite = np.where(np.isfinite(vectors).all(axis=1, keepdims=True), vectors, 0.0).astype(np.float64)
    length = np.linalg.norm(finite, axis=1, keepdims=True)
    return np.asarray(finite / np.where(length > 0, length, 1.0), np.float32)


def _framed(text: str) -> str:
    # A text without characters still has a run of them, so that the vocabulary is never empty.
    return f"^^{text}$$"
