"""Similarity of templates: near-duplicate groups, and the nearest known templates of a new one.

Mining leaves families of templates that differ in a number, a name or a word. They must not stand on both sides of
a split, and they are what a reviewer or a reader of a verdict wants to see beside a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, vstack
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize

from rationanomaly.params import PromptParams
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.prompt import show

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: The view of a template that small models get, with room for long ones: what looks equal to a model is equal here.
_VIEW = PromptParams(style="compact", normalise=True, max_words=256, max_characters=20_000, few_shot_examples=0)
#: Characters of the longest template that is seen whole where a difference at the end matters.
LONGEST = _VIEW.max_characters
_WHOLE = _VIEW.model_copy(update={"max_words": LONGEST})
_LETTERS = re.compile(r"[^\W\d_]+")
#: Rows of the similarity matrix that are in memory at a time.
_BLOCK = 512
#: Rounding must not part two texts whose similarity is the threshold itself.
_EPSILON = 1e-9


@lru_cache(maxsize=32_768)
def normalise(template: str, whole: bool = False) -> str:
    """The text that similarity is measured on: as small models see it, runs of wildcards written as one.

    Args:
        template: any text.
        whole: up to its `LONGEST` characters; else no more than its first 256 words.
    """
    kept: list[str] = []
    for word in show(template, _WHOLE if whole else _VIEW).text.split():
        if word != WILDCARD or kept[-1:] != [WILDCARD]:
            kept.append(word)
    return " ".join(kept)


def wording(template: str) -> tuple[str, ...]:
    """The words of a template in their order, lower-case, without values and signs.

    Two templates of one wording differ in values alone. A template without words has its normalised text as wording.
    """
    text = normalise(template, whole=True)
    return tuple(_LETTERS.findall(text)) or (text,)


class PairSimilarity:
    """Templates that others are held against, pair by pair.

    The cosine of logarithmic counts of character 3- to 5-grams, those across words too, so that order counts. Unlike
    in `SimilarityIndex` every n-gram weighs the same, also one that no template has: the similarity of two texts
    depends on nothing but the two, so that one more template here changes nothing for the others.
    """

    def __init__(self, templates: Sequence[str]) -> None:
        self._vectors = _unweighted(templates)

    def to(self, template: str) -> Floats:
        """The similarity of a template with each of these, shape (templates,), in [0, 1]."""
        found: Floats = (self._vectors @ _unweighted([template]).T).toarray().ravel()
        return np.clip(found, 0, 1)


def _unweighted(templates: Sequence[str]) -> csr_matrix:
    vectorizer = HashingVectorizer(
        analyzer="char", ngram_range=(3, 5), lowercase=False, alternate_sign=False, norm=None
    )
    # Its ends are n-grams too, so that every text has one and is equal to itself.
    counts = vectorizer.transform([f"|{normalise(template, whole=True)}||" for template in templates])
    counts.data = 1 + np.log(counts.data)
    return normalize(counts)


class SimilarityIndex:
    """An index of templates by similarity.

    The similarity of two templates is the cosine of their TF-IDF vectors of character 3- to 5-grams within word
    bounds, of the normalised texts: 1 for equal texts, 0 for texts that share nothing. The weights (IDF) come from
    the templates of the index, so what they all share counts little.

    Attributes:
        texts: the distinct normalised texts, in order of first appearance.
        text_of: for each template the position of its text in ``texts``.
    """

    def __init__(self, templates: Sequence[str]) -> None:
        normalised = [normalise(template) for template in templates]
        positions = {text: position for position, text in enumerate(dict.fromkeys(normalised))}
        self.texts: tuple[str, ...] = tuple(positions)
        self.text_of: Integers = np.array([positions[text] for text in normalised], dtype=np.int64)
        # A template that starts with a blank is possible; one without any n-gram ("" or "a") must not stop the fit.
        self._vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, lowercase=False)
        self._vectorizer.fit([*self.texts, "any text"])

    @cached_property
    def _vectors(self) -> csr_matrix:
        return self._vectorizer.transform(self.texts)

    def similar(self, threshold: float) -> csr_matrix:
        """Similarities of ``threshold`` or more, (len(texts), len(texts)), symmetric, without the diagonal."""
        if not self.texts:
            return csr_matrix((0, 0))
        blocks = []
        for start, block in self._blocks(self._vectors):
            block.data[block.data < threshold - _EPSILON] = 0
            block.setdiag(0, start)
            block.eliminate_zeros()
            blocks.append(block)
        return vstack(blocks, format="csr")

    def groups(self, threshold: float) -> Integers:
        """Number of the near-duplicate group of each template, shape (templates,), counted from 0 in their order.

        Templates are near-duplicates when a chain of pairs with a similarity of ``threshold`` or more joins them.
        """
        if not self.texts:
            return np.zeros(0, dtype=np.int64)
        _, components = connected_components(self.similar(threshold), directed=False)
        numbers = {component: number for number, component in enumerate(dict.fromkeys(components[self.text_of]))}
        return np.array([numbers[component] for component in components[self.text_of]], dtype=np.int64)

    def nearest(self, queries: Sequence[str], k: int) -> tuple[Integers, Floats]:
        """The ``k`` most similar distinct texts for each query.

        Returns:
            positions in ``texts`` and similarities, both (len(queries), min(k, len(texts))), best first; of equally
            similar texts the earlier one comes first.
        """
        k = min(k, len(self.texts))
        positions, similarities = np.zeros((len(queries), k), dtype=np.int64), np.zeros((len(queries), k))
        if k == 0:
            return positions, similarities
        vectors = self._vectorizer.transform([normalise(query) for query in queries])
        for start, block in self._blocks(vectors):
            for row, values in enumerate(block.toarray(), start=start):
                candidates = np.flatnonzero(values >= np.partition(values, -k)[-k])
                best = candidates[np.argsort(-values[candidates], kind="stable")[:k]]
                positions[row], similarities[row] = best, np.clip(values[best], 0, 1)
        return positions, similarities

    def _blocks(self, vectors: csr_matrix) -> Iterator[tuple[int, csr_matrix]]:
        """Similarities of ``vectors`` with the distinct texts: (first row, block)."""
        transposed = self._vectors.T.tocsr()
        for start in range(0, vectors.shape[0], _BLOCK):
            yield start, (vectors[start : start + _BLOCK] @ transposed).tocsr()


def near_duplicates(texts: Sequence[str], protected: Sequence[str], threshold: float) -> list[bool]:
    """Which of some texts are near-duplicates of a protected one, shape (len(texts),).

    Held against an index of the protected texts alone, which overlooks what only the others hold, and against one of
    both, as a later user of both would: a text that either calls close is.

    Args:
        texts: any templates or messages.
        protected: the templates that they must not be close to.
        threshold: similarity from which on they are, as in ``correct.split.near_duplicate``.
    """
    close = np.zeros(len(texts), dtype=bool)
    if not texts or not protected:
        return close.tolist()
    shown = list(dict.fromkeys(map(normalise, protected)))
    for index in (SimilarityIndex(protected), SimilarityIndex([*protected, *texts])):
        vectors = index._vectorizer.transform(shown).T.tocsr()
        for start in range(0, len(texts), _BLOCK):
            block = index._vectorizer.transform([normalise(text) for text in texts[start : start + _BLOCK]]) @ vectors
            close[start : start + _BLOCK] |= block.max(axis=1).toarray().ravel() >= threshold - _EPSILON
    return close.tolist()
