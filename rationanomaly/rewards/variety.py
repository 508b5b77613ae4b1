"""Variety: different logs of a batch get different analyses. The one term that looks at a whole batch."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from scipy.sparse import csr_matrix

from rationanomaly.rewards.sample import Sample
from rationanomaly.rulebook.signs import STOP_WORDS
from rationanomaly.rulebook.vocabulary import words as words_of
from rationanomaly.text.checks import ALIKE, sentences
from rationanomaly.text.evidence import words

#: What stands for words of the log.
_MASK = "…"
Log = frozenset[str]
Prose = frozenset[Hashable]


def variety(samples: Sequence[Sample], others: Sequence[Sample]) -> list[float]:
    """1 − the share of the other logs of the batch that have nearly the same analysis. Range: [0, 1].

    Analyses are held against each other without quotes and words of the log, whole and behind their first sentence, so
    a constant text with words of the log filled in gets 0, whatever its opening. Nearly the same: a Jaccard index of
    word triples of `ALIKE` or more. Logs that differ in values alone are one log.

    Args:
        samples: the completions that are scored.
        others: those that are not, and belong to the same batch (on other ranks).
    """
    batch = [*samples, *others]
    logs = [frozenset(words(sample.source.shown.text.casefold())) for sample in batch]
    alike: list[set[Log]] = [set() for _ in samples]
    for first in (0, 1):
        prose = [_prose(sample, log, first) for sample, log in zip(batch, logs, strict=True)]
        found = _logs_of_alike(prose, logs)
        for place, text in enumerate(prose[: len(samples)]):
            alike[place] |= found[text]
    count = len(set(logs)) - 1
    return [1 - len(same - {log}) / count if count else 1.0 for same, log in zip(alike, logs, strict=False)]


def _prose(sample: Sample, log: Log, first: int) -> Prose:
    """Word triples of the analysis from sentence ``first`` on; a text without any is its own triple.

    Quotes and words of the log are masked, and several of them in a row are one.
    """
    found = sentences(sample.analysis)
    named = log - STOP_WORDS
    masked: list[str] = []
    for word in words_of(" ".join(found[first:] or found)):
        kept = _MASK if word in named else word
        if kept != _MASK or masked[-1:] != [_MASK]:
            masked.append(kept)
    return frozenset(zip(masked, masked[1:], masked[2:], strict=False)) or frozenset([" ".join(masked)])


def _logs_of_alike(prose: Sequence[Prose], logs: Sequence[Log]) -> Mapping[Prose, AbstractSet[Log]]:
    """For each distinct text all logs that it, or one nearly the same, was written about."""
    about: dict[Prose, set[Log]] = {}
    for text, log in zip(prose, logs, strict=True):
        about.setdefault(text, set()).add(log)
    texts = list(about)
    columns: dict[Hashable, int] = {}
    places = [columns.setdefault(triple, len(columns)) for text in texts for triple in text]
    sizes = np.array([len(text) for text in texts])
    ends = np.concatenate([[0], np.cumsum(sizes)])
    held = csr_matrix((np.ones(len(places), dtype=np.int64), places, ends), shape=(len(texts), len(columns)))
    shared = (held @ held.T).tocoo()
    same = shared.data >= ALIKE * (sizes[shared.row] + sizes[shared.col] - shared.data)
    found: dict[Prose, set[Log]] = {text: set() for text in texts}
    for one, other in zip(shared.row[same].tolist(), shared.col[same].tolist(), strict=True):
        found[texts[one]] |= about[texts[other]]
    return found
