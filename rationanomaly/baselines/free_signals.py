"""Three signals that need no label, and a logistic regression that weighs them: what three columns come to.

- rarity: how seldom the template was logged; in a table of templates, which counts no lines, how seldom its words are;
- severity: how near its text is to phrases that say something broke, written down here and never fitted;
- surprise: how badly a language model of the log's own texts foresees it.

Landauer, Skopik and Wurzenberger ("A Critical Review of Common Log Data Sets Used for Evaluation of Sequence-based
Anomaly Detection Techniques", 2023) show that new and rare events alone find most anomalies of the public logs, and Yu
et al. (LightAD, "Deep Learning or Classical Machine Learning? An Empirical Study on Log-Based Anomaly Detection", ICSE
2024) that light classifiers rival deep ones; so a language model has to be held against such a row.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from rationanomaly.baselines.scorer import Floats, targets
from rationanomaly.baselines.words import split_words
from rationanomaly.text.encoder import Encoder

#: The columns of `FreeSignals.signals`.
SIGNALS = ("rarity", "severity", "surprise")
#: Written from general knowledge of what hardware, networks and programs say when they break.
SEVERITY_PHRASES: tuple[str, ...] = (
    "fatal error", "critical failure", "kernel panic", "machine check interrupt", "segmentation fault",
    "uncorrectable memory error", "parity error", "disk failure", "file system corrupted", "read error on device",
    "hardware fault detected", "power supply failed", "fan failure", "temperature too high", "out of memory",
    "process killed", "program aborted", "unhandled exception", "assertion failed", "core dumped",
    "connection refused", "connection timed out", "connection lost", "link down", "host unreachable",
    "no response from node", "packets dropped", "permission denied", "authentication failure", "access violation",
    "device not found", "cannot open file", "unable to start service", "service terminated unexpectedly",
    "resource unavailable", "buffer overflow", "data lost", "checksum mismatch", "node is down", "emergency shutdown",
)  # fmt: skip

#: Weight of a word alone beside the pairs that it ends, and of a word that no text has.
_ALONE, _UNSEEN = 2.0, 0.5
#: Of a text no more is read: a template can hold a whole dump.
_LONGEST = 2000
_START = ""


@dataclass(frozen=True)
class WordModel:
    """A language model of words, each foreseen from the one before it, smoothed with how often it stands anywhere.

    Attributes:
        words: how often each word stands in the texts; the start of a text is a word of its own.
        pairs: how often each pair of neighbours does.
    """

    words: Counter[str]
    pairs: Counter[tuple[str, str]]

    @classmethod
    def of(cls, texts: Iterable[str]) -> WordModel:
        """Count the words of some texts, parted by white space."""
        words: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for text in texts:
            mine = _words(text)
            words.update(mine)
            pairs.update(pairwise(mine))
        return cls(words, pairs)

    @cached_property
    def total(self) -> int:
        """Words of all texts."""
        return self.words.total()

    def surprise(self, text: str, without: WordModel | None = None) -> float:
        """The mean negative log-likelihood of a word, in nats; 0 of a text without words.

        Args:
            text: what is foreseen.
            without: counts of some of the texts that this model was made of, as if it had never seen them.
        """
        less = without or WordModel(Counter(), Counter())
        everything = self.total - less.total + _UNSEEN * (len(self.words) + 1)
        mine = _words(text)
        logs = 0.0
        for before, word in pairwise(mine):
            alone = (self.words[word] - less.words[word] + _UNSEEN) / everything
            pairs = self.pairs[before, word] - less.pairs[before, word]
            logs += math.log((pairs + _ALONE * alone) / (self.words[before] - less.words[before] + _ALONE))
        return -logs / max(1, len(mine) - 1)


@dataclass(frozen=True)
class FreeSignals:
    """The signals, as known templates without their labels make them.

    Attributes:
        texts: the known templates.
        counted: whether it is known how many lines a template has; else the rarity is that of its words.
        encoder: of sentence vectors; None: phrases are compared by their characters.
    """

    texts: tuple[str, ...]
    counted: bool
    encoder: Encoder | None = None

    def signals(self, templates: Sequence[str], lines: Sequence[int], groups: Sequence[int] | None = None) -> Floats:
        """`SIGNALS` of each template, the higher the more it looks abnormal, shape (len(templates), 3).

        Args:
            templates: any texts.
            lines: of the log that each template has; 0 where that is not known.
            groups: given for the known templates themselves, in their order: near-duplicates share a number, and what
                is said of a template comes from those of other groups, as it will for templates that are not known.
        """
        if not templates:
            return np.zeros((0, len(SIGNALS)))
        left_out = self._members(groups) if groups is not None else {}
        own = [None] * len(templates) if groups is None else list(groups)
        surprise = self._surprise(templates, own, left_out)
        rarity = _line_rarity(lines) if self.counted else self._word_rarity(templates, own, left_out)
        return np.column_stack([rarity, self._severity(templates), surprise])

    @cached_property
    def _language(self) -> WordModel:
        return WordModel.of(self.texts)

    @cached_property
    def _documents(self) -> Counter[str]:
        return _document_counts(self.texts)

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
        return vectorizer.fit([*self.texts, *SEVERITY_PHRASES])

    def _members(self, groups: Sequence[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for text, group in zip(self.texts, groups, strict=True):
            found.setdefault(group, []).append(text)
        return found

    def _surprise(
        self, templates: Sequence[str], own: Sequence[int | None], left_out: Mapping[int, Sequence[str]]
    ) -> Floats:
        without = {group: WordModel.of(texts) for group, texts in left_out.items()}
        return np.array(
            [
                self._language.surprise(text, None if group is None else without[group])
                for text, group in zip(templates, own, strict=True)
            ]
        )

    def _word_rarity(
        self, templates: Sequence[str], own: Sequence[int | None], left_out: Mapping[int, Sequence[str]]
    ) -> Floats:
        """The mean over the words of a template of log((n + 1) / (m + 1)): m of n known templates hold the word."""
        without = {group: _document_counts(texts) for group, texts in left_out.items()}
        found = []
        for text, group in zip(templates, own, strict=True):
            less = Counter[str]() if group is None else without[group]
            count = len(self.texts) - (0 if group is None else len(left_out[group]))
            words = set(split_words(text[:_LONGEST]))
            logs = [math.log((count + 1) / (self._documents[word] - less[word] + 1)) for word in sorted(words)]
            found.append(sum(logs) / len(logs) if logs else math.log(count + 1))
        return np.array(found)

    def _severity(self, templates: Sequence[str]) -> Floats:
        """The cosine with the nearest phrase."""
        if self.encoder is not None:
            vectors = self.encoder.vectors(templates)
            return np.asarray((vectors @ self.encoder.vectors(SEVERITY_PHRASES).T).max(axis=1), dtype=np.float64)
        known = [text[:_LONGEST] for text in templates]
        rows: csr_matrix = self._vectorizer.transform(known)
        cosines = rows @ self._vectorizer.transform(SEVERITY_PHRASES).T
        return np.asarray(cosines.max(axis=1).toarray().ravel(), dtype=np.float64)


@dataclass(frozen=True)
class FreeSignalClassifier:
    """The fitted classifier.

    Attributes:
        signals: of the known templates.
        scaler, regression: fitted to their labels.
        lines: by text, how many lines of the log a template has.
    """

    signals: FreeSignals
    scaler: StandardScaler
    regression: LogisticRegression
    lines: Mapping[str, int]

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),)."""
        if not templates:
            return np.zeros(0)
        rows = self.signals.signals(templates, [self.lines.get(text, 0) for text in templates])
        return np.asarray(self.regression.predict_proba(self.scaler.transform(rows))[:, 1], dtype=np.float64)


def fit_free_signals(
    texts: Sequence[str],
    labels: Sequence[str],
    groups: Sequence[int],
    lines: Mapping[str, int],
    encoder: Encoder | None = None,
) -> FreeSignalClassifier:
    """Fit a balanced logistic regression on the three signals.

    Args:
        texts: labelled templates.
        labels: ``normal`` or ``abnormal`` for each.
        groups: near-duplicates share a number.
        lines: by text, also by those that will be judged, how many lines of the log a template has; 0 or nothing where
            that is not known.
        encoder: of sentence vectors.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(texts, labels)
    known = [lines.get(text, 0) for text in texts]
    signals = FreeSignals(tuple(texts), any(known), encoder)
    scaler = StandardScaler()
    rows = scaler.fit_transform(signals.signals(texts, known, groups))
    regression = LogisticRegression(class_weight="balanced", max_iter=1000).fit(rows, y)
    return FreeSignalClassifier(signals, scaler, regression, lines)


def _line_rarity(lines: Sequence[int]) -> Floats:
    """-log of the number of lines; a template of which no line is counted was seen at least once."""
    return np.asarray(-np.log(np.maximum(1, np.asarray(lines, dtype=np.float64))))


def _document_counts(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in set(split_words(text[:_LONGEST])))


def _words(text: str) -> list[str]:
    return [_START, *text[:_LONGEST].split()]
