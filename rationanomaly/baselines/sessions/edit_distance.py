"""How many edits lie between a session and the nearest normal training session.

Landauer, Skopik and Wurzenberger, "A Critical Review of Common Log Data Sets Used for Evaluation of Sequence-Based
Anomaly Detection Techniques", FSE 2024: the Levenshtein distance of event sequences, over the length of the longer one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import distinct, sequence_keys

#: Distinct normal sequences that are kept: the most frequent, among equals a random choice.
MAX_REFERENCES = 1000
#: Events of a session that are compared; what comes behind them is cut off.
MAX_EVENTS = 512
#: Sessions compared at once, at 4 bytes per reference.
_AT_ONCE = 4096


@dataclass(frozen=True)
class EditDistance:
    """The references, each a text with one character for an event."""

    references: tuple[str, ...]
    events: int

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:  # noqa: ARG002 - SessionModel
        """Distance to the nearest reference, shape (n,), in [0, 1]; 1 without references, 0 between empty sessions.

        Takes MAX_REFERENCES × (events / 8)² steps or fewer for each distinct session.
        """
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist

        first, places, _ = distinct(sequence_keys(sessions))
        if not self.references or not len(first):
            return np.ones(len(sessions))
        texts = _written(sessions.take(first), self.events)
        found = np.concatenate([
            cdist(
                texts[start : start + _AT_ONCE],
                self.references,
                scorer=Levenshtein.normalized_distance,
                dtype=np.float32,
                workers=1,
            ).min(axis=1)
            for start in range(0, len(texts), _AT_ONCE)
        ])  # fmt: skip
        return np.asarray(found[places], dtype=np.float64)


def fit_edit_distance(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> EditDistance:
    """Keep distinct normal training sessions, `MAX_REFERENCES` at most."""
    normal = train.take(np.flatnonzero(~abnormal))
    first, _, counts = distinct(sequence_keys(normal))
    shuffled = np.random.default_rng(seed).permutation(len(first))
    kept = shuffled[np.argsort(-counts[shuffled], kind="stable")][:MAX_REFERENCES]
    return EditDistance(tuple(_written(normal.take(np.sort(first[kept])), len(events))), len(events))


def _written(sessions: SessionBatch, events: int) -> list[str]:
    """Each session as a text; all new events share a character, and surrogates, which texts can't hold, are skipped."""
    codes = np.minimum(sessions.codes, events) + 1
    codes = np.where(codes >= 0xD800, codes + 0x800, codes)
    # Beyond Unicode there are no more characters: over a million templates the rarest-named share one.
    text = np.minimum(codes, 0x10FFFF).astype("<u4").tobytes().decode("utf-32-le")
    ends = np.minimum(sessions.starts[1:], sessions.starts[:-1] + MAX_EVENTS)
    return [text[start:end] for start, end in zip(sessions.starts[:-1].tolist(), ends.tolist(), strict=True)]
