"""Sessions' verdicts out of those of their templates, for all sessions at once.

The rule is that of `sessions`, over flat arrays: a hundred thousand sessions take some milliseconds, and the template
that decides each session comes with its verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

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


def flatten(lists: pl.Series) -> tuple[list[str], Ints, Ints]:
    """The templates of sessions over flat arrays.

    Args:
        lists: template ids of each of n sessions, `pl.List(pl.String)`.

    Returns:
        the ids by code, and ``codes`` and ``starts`` as `judge_sessions` reads them.
    """
    flat = lists.filter(lists.list.len() > 0).explode() if len(lists) else pl.Series("templates", [], pl.String)
    ids = flat.unique(maintain_order=True)
    codes = flat.to_frame("id").join(
        pl.DataFrame({"id": ids, "code": np.arange(len(ids))}), on="id", how="left", maintain_order="left"
    )["code"]
    starts = np.concatenate([[0], lists.list.len().fill_null(0).cum_sum().to_numpy()]).astype(np.int64)
    return ids.to_list(), codes.to_numpy().astype(np.int64), starts


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
