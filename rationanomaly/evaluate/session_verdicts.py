"""Sessions' verdicts out of those of their templates, for all sessions at once.

As `sessions.judge_session` and `session_threshold.judge_tuned` have it, over flat arrays: a hundred thousand sessions
take some milliseconds instead of seconds, and the template that decides each session comes with its verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rationanomaly.evaluate.sessions import ScoredAnswer

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: What codes of answers stand for; the highest code among a session's templates is the session's.
ANSWERS = ("normal", "invalid", "abnormal")
_NORMAL, _INVALID, _ABNORMAL = range(3)
_NO_SCORE = -np.inf


@dataclass(frozen=True)
class TemplateVerdicts:
    """Verdicts of all templates by code.

    Attributes:
        scores: shape (templates,); minus infinity without a verdict.
        answers: places in `ANSWERS`, shape (templates,); invalid without a verdict.
    """

    scores: Floats
    answers: Ints

    @classmethod
    def of(cls, ids: Sequence[str], verdicts: Mapping[str, ScoredAnswer]) -> TemplateVerdicts:
        """Of the templates with these ids, in this order; some may have no verdict."""
        found = [verdicts.get(key) for key in ids]
        scores = [_NO_SCORE if one is None else one.score for one in found]
        answers = [_INVALID if one is None else ANSWERS.index(one.answer) for one in found]
        return cls(np.array(scores, dtype=np.float64), np.array(answers, dtype=np.int64))


@dataclass(frozen=True)
class SessionVerdicts:
    """Verdicts of n sessions.

    Attributes:
        answers: places in `ANSWERS`, shape (n,).
        scores: the highest of each session's templates, 0 where none has a verdict, shape (n,).
        deciding: the code of the first template with that score, -1 where none has a verdict, shape (n,).
        incomplete: one of its templates is invalid or has no verdict, shape (n,).
    """

    answers: Ints
    scores: Floats
    deciding: Ints
    incomplete: Flags

    @property
    def labels(self) -> list[str]:
        """The answers in words."""
        return [ANSWERS[code] for code in self.answers.tolist()]

    def tuned(self, threshold: float) -> SessionVerdicts:
        """The same, but abnormal from ``threshold`` on."""
        below = np.where(self.incomplete, _INVALID, _NORMAL)
        answers = np.where(self.scores >= threshold, _ABNORMAL, below)
        return SessionVerdicts(answers.astype(np.int64), self.scores, self.deciding, self.incomplete)


def judge_sessions(codes: Ints, starts: Ints, templates: TemplateVerdicts) -> SessionVerdicts:
    """The verdicts of sessions.

    Args:
        codes: of all templates (or lines) of all sessions, one session after the other.
        starts: where each session begins in ``codes``, and where the last one ends, shape (n + 1,).
        templates: by code.

    Returns:
        also for an empty session: invalid, with score 0.
    """
    lengths = np.diff(starts)
    filled = lengths > 0
    highest = np.full(len(lengths), _NO_SCORE)
    worst = np.full(len(lengths), _INVALID, dtype=np.int64)
    flawed = ~filled
    first = np.full(len(lengths), -1, dtype=np.int64)
    if filled.any():
        begin = starts[:-1][filled]
        scores, answers = templates.scores[codes], templates.answers[codes]
        highest[filled] = np.maximum.reduceat(scores, begin)
        worst[filled] = np.maximum.reduceat(answers, begin)
        flawed[filled] = np.logical_or.reduceat(answers == _INVALID, begin)
        places = np.where(scores == np.repeat(highest, lengths), np.arange(len(codes)), len(codes))
        first[filled] = codes[np.minimum.reduceat(places, begin)]
    known = highest > _NO_SCORE
    return SessionVerdicts(worst, np.where(known, highest, 0.0), np.where(known, first, -1), flawed)


def deciding_groups(verdicts: SessionVerdicts, groups: Ints) -> Ints:
    """The group of the template that decides each session, shape (n,); sessions that none decides are one each.

    Args:
        groups: near-duplicate group of each template by code.
    """
    alone = np.arange(len(verdicts.deciding)) + (groups.max(initial=-1) + 1)
    return np.where(verdicts.deciding >= 0, groups[verdicts.deciding] if len(groups) else alone, alone)
