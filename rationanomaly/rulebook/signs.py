"""What the built-in teacher reads from the words of a log: what failed, whether that was coped with, what goes on.

Signs are whole lower-case words, or a few in a row, so a log is read in one pass whatever it holds. What is known of
them stands in `faults` and `activities`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rationanomaly.records import Label
from rationanomaly.rulebook.activities import ACTIVITIES, EASINGS, MENTION, RULED_OUT, VALUES
from rationanomaly.rulebook.events import Sense, Sign, words_of
from rationanomaly.rulebook.faults import FAULTS

__all__ = [
    "ABSENT",
    "ACTIVITIES",
    "EASINGS",
    "FAULTS",
    "MENTION",
    "RULED_OUT",
    "STOP_WORDS",
    "VALUES",
    "Reading",
    "Sense",
    "Sign",
    "Tone",
    "named_activities",
    "named_easings",
    "named_faults",
    "read",
]

#: What the words of a log say by themselves: a failure, a failure that was coped with, or neither.
Tone = Literal["fault", "eased", "plain"]

#: Words that carry no meaning of their own; never quoted alone.
STOP_WORDS = words_of(
    "a about according after again all also although an and any are as at be because been being but by can caught "
    "could did do does doing due during else for from get given gives got had has have having he her his if in into "
    "is it its let may maybe more most must my near need no nor not now of off on only or other our out over own per "
    "said since so some such than that the their them then there these they this those through to too trying under "
    "until up upon us using via was we were what when where whether which while who whose will with within without "
    "would yes yet you your"
)

#: Behind one of these a failure is said not to be there, if it comes within `_REACH` words.
_DENIALS = words_of("no without zero nor")
_REACH = 3
#: Words that most failures are reported with; another word of the same sign says more.
_COMMONPLACE = words_of("error errors err fatal not problem problems")
ABSENT = next(sign for sign in FAULTS if sign.name == "absent")


def _by_phrase(signs: Sequence[Sign]) -> Mapping[str, tuple[Sign, ...]]:
    """The signs that each of their words and phrases tells of."""
    found: dict[str, list[Sign]] = defaultdict(list)
    for sign in signs:
        for phrase in sign.words:
            found[phrase].append(sign)
    return {phrase: tuple(owners) for phrase, owners in found.items()}


@dataclass(frozen=True)
class _Index:
    """Signs by phrase, with the most words that a phrase starting with a word can have."""

    signs: tuple[Sign, ...]
    by_phrase: Mapping[str, tuple[Sign, ...]]
    longest: Mapping[str, int]

    @classmethod
    def of(cls, signs: tuple[Sign, ...]) -> _Index:
        by_phrase = _by_phrase(signs)
        longest: dict[str, int] = {}
        for phrase in by_phrase:
            head, *tail = phrase.split()
            longest[head] = max(longest.get(head, 0), 1 + len(tail))
        return cls(signs, by_phrase, longest)


_FAULTS = _Index.of(FAULTS)
_EASINGS = _Index.of(EASINGS)
_ACTIVITIES = _Index.of(ACTIVITIES)


@dataclass(frozen=True)
class Reading:
    """What the words of a log say.

    Attributes:
        tone: see `Tone`.
        event: the failure or else the activity that they tell of; `MENTION` if they tell of none.
        sense: which of its senses.
        span: places of the words that do so; None where no single words do.
        easing: in which sense a failure was coped with; None where it was not, or where there is none.
        easing_span: places of the words that tell of the easing.
    """

    tone: Tone
    event: Sign
    sense: Sense
    span: range | None = None
    easing: Sense | None = None
    easing_span: range | None = None

    @property
    def label(self) -> Label:
        """The teacher's rule: abnormal if a failure is named that nobody coped with."""
        return "abnormal" if self.tone == "fault" else "normal"


def read(words: Sequence[str], values: int = 0) -> Reading:
    """Read the lower-case ``words`` of a log, in order, which stand among ``values`` numbers and variable parts.

    An empty word stands where punctuation parts two words, so that they are no phrase.
    """
    faults = _found(words, _FAULTS)
    real = [(sign, span) for sign, span in faults if not _denial(words, span)]
    if real:
        event, where = real[0]
        # "Exhausted" is less than "retries exhausted".
        event, where = next(((sign, span) for sign, span in real[1:] if _holds(span, where)), (event, where))
        sense = event.sense_of(_phrase(words, where))
        for easing, span in _found(words, _EASINGS):
            if not any(_overlap(span, fault) for _, fault in real):
                return Reading("eased", event, sense, where, easing.sense_of(_phrase(words, span)), span)
        return Reading("fault", event, sense, where)
    if faults:
        where = faults[0][1]
        where = range(where.start - _denial(words, where), where.stop)
        return Reading("plain", RULED_OUT, RULED_OUT.senses[0], where)
    if values > 2 * sum(map(bool, words)):
        return Reading("plain", VALUES, VALUES.senses[0])
    for event, where in _found(words, _ACTIVITIES):
        denied = _denial(words, where)
        if not denied:
            return Reading("plain", event, event.sense_of(_phrase(words, where)), where)
        if event.name == "start":
            return Reading("fault", ABSENT, ABSENT.senses[0], range(where.start - denied, where.stop))
    return Reading("plain", MENTION, MENTION.senses[0])


def _phrase(words: Sequence[str], span: range) -> str:
    return " ".join(words[span.start : span.stop])


def named_faults(words: Sequence[str]) -> tuple[Sign, ...]:
    """All failures that the ``words`` name and don't deny, the most telling first."""
    return tuple(sign for sign, span in _found(words, _FAULTS) if not _denial(words, span))


def named_easings(words: Sequence[str]) -> tuple[Sign, ...]:
    """All easings that the ``words`` hold a word of."""
    return tuple(sign for sign, _ in _found(words, _EASINGS))


def named_activities(words: Sequence[str]) -> tuple[Sign, ...]:
    """All activities that the ``words`` hold a word of."""
    return tuple(sign for sign, _ in _found(words, _ACTIVITIES))


def _found(words: Sequence[str], index: _Index) -> list[tuple[Sign, range]]:
    """The most telling place of each sign: of most words, no commonplace, the first; in the order of the signs."""
    best: dict[str, tuple[int, bool, int]] = {}
    for first, word in enumerate(words):
        for length in range(1, min(index.longest.get(word, 0), len(words) - first) + 1):
            phrase = " ".join(words[first : first + length])
            owners = index.by_phrase.get(phrase)
            if owners is None:
                continue
            rank = (-length, phrase in _COMMONPLACE, first)
            for sign in owners:
                best[sign.name] = min(rank, best.get(sign.name, rank))
    places = {name: range(first, first - length) for name, (length, _, first) in best.items()}
    return [(sign, places[sign.name]) for sign in index.signs if sign.name in places]


def _denial(words: Sequence[str], span: range) -> int:
    """How many words before a failure it is said not to be there; 0 if it is not."""
    for distance in range(1, min(_REACH, span.start) + 1):
        word = words[span.start - distance]
        if not word:
            return 0
        if word in _DENIALS:
            return distance
    return 0


def _holds(span: range, other: range) -> bool:
    return span != other and span.start <= other.start and other.stop <= span.stop


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
