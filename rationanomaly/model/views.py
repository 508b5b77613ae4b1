"""What a model is asked of a log: the log, and what is left of it without some of its clauses.

Whoever can write into a log can write beside a fault that all is well, and a model that reads both believes it often
enough. Without the clause that hides it the fault stands there as it did before, so a log is as suspicious as the most
suspicious of its views: erase and check (Kumar et al. 2023, arXiv 2309.02705) with clauses in place of tokens, for a
piece torn out of the middle of a statement often reads like a fault.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rationanomaly.baselines.keywords import ALERT_STEMS
from rationanomaly.model.scoring import Scorer
from rationanomaly.params import PromptParams
from rationanomaly.text.canonical import Canonical, canonical, ends_of
from rationanomaly.text.claims import claims_in
from rationanomaly.text.clauses import clauses_of
from rationanomaly.text.pieces import show_pieces
from rationanomaly.text.prompt import Shown, holds_verdict, show_canonical
from rationanomaly.text.words import word_places

#: Views of a log without some of its clauses, at most; and of a log that is longer than a prompt shows.
MOST_ERASED, MOST_WINDOWS = 12, 64
#: How many-fold a prompt's room is of the beginnings and ends of a longer log that are looked at alone.
_ENDS = (12, 8, 6, 4, 3, 2)
#: A log that fills more than a half of the room is so long that they are looked at: words without a clause's end in
#: front of a fault may be all of it.
_LONG = 2
#: Of an enormous log: places with alert words in its middle, and characters before and behind each.
_MOST_PLACES, _BEFORE, _BEHIND = 32, 40, 200
#: Characters up to which nothing is suspicious: programs pad tables, and write in their users' languages.
_INNOCENT: Mapping[str, int] = {"padding": 1000, "foreign text": sys.maxsize}
#: Marks of a chat that each event of Windows holds, too: they are shown as marks are, and are no reason for suspicion.
_OF_EVENTS = ("<System>", "</System>")
_ALERT = re.compile("|".join(ALERT_STEMS), re.IGNORECASE)


@dataclass(frozen=True)
class Views:
    """What is asked of one log.

    Attributes:
        whole: the pieces of the log, of most logs one.
        parts: what is left of it without some clauses; of a long log short pieces of it.
        suspicions: of what the log is suspicious, whatever a model says of it: reasons of `canonical.Sign`, sorted.
        unseen: characters of it that stand in none of these, but for blanks and what can't be seen.
    """

    whole: tuple[Shown, ...]
    parts: tuple[Shown, ...]
    suspicions: tuple[str, ...]
    unseen: int


@dataclass(frozen=True)
class ScoredViews:
    """The views of a log with P(abnormal) of each by the direct verdict.

    Attributes:
        views: of the log.
        whole, parts: the score of each of its views.
    """

    views: Views
    whole: tuple[float, ...]
    parts: tuple[float, ...]

    @property
    def score(self) -> float:
        """The log's: the highest of all."""
        return max((*self.whole, *self.parts))

    @property
    def most_abnormal(self) -> Shown:
        """The view that has it."""
        scored = zip((*self.whole, *self.parts), (*self.views.whole, *self.views.parts), strict=True)
        return max(scored, key=lambda one: one[0])[1]


def score_views(
    scorer: Scorer, logs: Sequence[str], settings: PromptParams, *, clauses: bool = True
) -> list[ScoredViews]:
    """The views of each log, scored by a model's direct verdict.

    Args:
        scorer: of the model.
        logs: any texts.
        settings: what a prompt has room for.
        clauses: whether also those without some clauses are asked (``detect.clauses``).
    """
    views = [views_of(log, settings, clauses=clauses) for log in logs]
    scores = iter(scorer.direct_scores([view for one in views for view in (*one.whole, *one.parts)]).tolist())
    return [ScoredViews(one, *(tuple(next(scores) for _ in part) for part in (one.whole, one.parts))) for one in views]


def views_of(log: str, settings: PromptParams, *, clauses: bool = True) -> Views:
    """The views of a log; see `score_views`."""
    ends = ends_of(log)
    whole = tuple(show_pieces(log, settings, ends))
    parts: list[Canonical] = []
    if clauses and len(whole) == 1:
        found = ends[0]
        parts = [found.without(*span) for span in islice(_erasures(clauses_of(found)), MOST_ERASED)]
        words = word_places(found.text)
        if len(words) > settings.max_words // _LONG:
            parts += [found.part(*span) for span in _ends(words, settings)]
    elif clauses:
        limit = MOST_WINDOWS // len(ends)
        parts = [end.part(*span) for end in ends for span in _windows(end, clauses_of(end), settings, limit)]
        parts += _alert_places(log, ends)
    shown = [replace(show_canonical(part, settings), original=log) for part in parts]
    # What differs from another view in signs alone is asked once.
    distinct = {view.text: view for view in reversed([*whole, *shown]) if view.text}
    others = tuple(view for view in shown if distinct.get(view.text) is view)
    return Views(whole, others, _suspicions(log, ends), _unseen(log, (*whole, *others)))


def _suspicions(log: str, ends: Sequence[Canonical]) -> tuple[str, ...]:
    every = [sign for end in ends for sign in (*end.signs, *claims_in(end))]
    signs = [sign for sign in every if log[sign.start : sign.end] not in _OF_EVENTS]
    reasons = {sign.reason for sign in signs if sign.end - sign.start >= _INNOCENT.get(sign.reason, 0)}
    return tuple(sorted(reasons | {"verdict" for end in ends if holds_verdict(end.text)}))


def _erasures(clauses: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans to leave out: one clause or two at either end, all others than these, one or two within."""
    count = len(clauses)
    ends = [(0, 1), (count - 1, count), (0, 2), (count - 2, count)]
    others = [(1, count), (0, count - 1), (2, count), (0, count - 2)]
    within = [(first, first + width) for width in (1, 2) for first in range(1, count - width)]
    for first, behind in dict.fromkeys([*ends, *others, *within]):
        if 0 <= first < behind <= count and behind - first < count:
            yield clauses[first][0], clauses[behind - 1][1]


def _windows(
    found: Canonical, clauses: Sequence[tuple[int, int]], settings: PromptParams, limit: int
) -> list[tuple[int, int]]:
    """Spans of a long log to look at alone: beginnings and ends, clauses, and runs of a half and of a quarter of a
    prompt's words.

    What somebody wrote in front of a log leaves the log as an end, however its words run on. Of more than
    ``limit`` these are taken first, then those with alert words, then some at equal distances.
    """
    words = word_places(found.text)
    ends = _ends(words, settings)
    spans = dict.fromkeys(clauses)
    for size in (settings.max_words // 2, settings.max_words // 4):
        starts = range(0, len(words), max(size // 2, 1))
        spans |= dict.fromkeys((words[at][0], words[min(at + size, len(words)) - 1][1]) for at in starts if size)
    every = list(dict.fromkeys([*ends, *spans]))
    if len(every) <= limit:
        return every
    alerts = [span for span in every if _ALERT.search(found.text, *span)]
    some = limit // 4
    spaced = [every[place * (len(every) - 1) // (some - 1)] for place in range(some)]
    first = list(dict.fromkeys([*ends, *alerts]))[: limit - some]
    return list(dict.fromkeys([*first, *spaced]))


def _ends(words: Sequence[tuple[int, int]], settings: PromptParams) -> list[tuple[int, int]]:
    """Spans of beginnings and ends of a log with words at these places."""
    lengths = [length for part in _ENDS if 0 < (length := settings.max_words // part) < len(words)]
    pairs = [((words[-length][0], words[-1][1]), (words[0][0], words[length - 1][1])) for length in lengths]
    return [span for pair in pairs for span in pair]


def _alert_places(log: str, ends: Sequence[Canonical]) -> Iterator[Canonical]:
    """What stands around alert words in the middle of an enormous log, which no piece shows whole."""
    if len(ends) == 1:
        return
    behind, last = ends[0].end, ends[1].offsets[0]
    count = 0
    while count < _MOST_PLACES and (match := _ALERT.search(log, behind, last)):
        start, behind = max(match.start() - _BEFORE, 0), match.end() + _BEHIND
        yield canonical(log[start:behind]).moved(start)
        count += 1


def _unseen(log: str, views: Iterable[Shown]) -> int:
    """Characters outside of all views, but for blanks and what can't be seen."""
    seen, missing = 0, 0
    for start, end in sorted((view.offsets[0], view.end) for view in views if view.offsets):
        if start > seen:
            missing += sum(map(_is_visible, log[seen:start]))
        seen = max(seen, end)
    return missing + sum(map(_is_visible, log[seen:]))


def _is_visible(character: str) -> bool:
    return character.isprintable() and character != " "
