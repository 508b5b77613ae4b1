"""What a sign is: a kind of event, the words by which it is known, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rationanomaly.rulebook.families import Family


@dataclass(frozen=True)
class Sense:
    """What some words of a sign say, and no more than they say.

    Attributes:
        meanings: wordings of it: whole clauses that follow "the log says that".
        words: lower-case words, or a few words with a space between.
    """

    meanings: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True)
class Sign:
    """A kind of event, the words by which it is known, and what is said of it whatever the part that it happens to.

    Attributes:
        name: short, for documentation and tests; no two signs share one.
        family: of the faults that it belongs to; None for an easing and for an activity.
        senses: what its words say; the first one serves where no single word tells.
        sources: where such words are documented.
        risks: for a fault, what may follow: clauses behind "it may be that".
        benign: for a fault, how it may come about where nothing is wrong: clauses behind "it may be that".
        checks: for a fault, what an operator looks at first: imperative, in lower case, without a full stop.
        ordinary: for an activity, why nobody has to act, as clauses.
    """

    name: str
    family: Family | None
    senses: tuple[Sense, ...]
    sources: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    benign: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()

    @property
    def words(self) -> frozenset[str]:
        """All words and phrases by which it is known."""
        return frozenset().union(*(sense.words for sense in self.senses))

    @property
    def meanings(self) -> tuple[str, ...]:
        """All that it may be said to mean."""
        return tuple(clause for sense in self.senses for clause in sense.meanings)

    def sense_of(self, phrase: str) -> Sense:
        """The sense that a word or phrase has; the first one if it is none of this sign."""
        return next((sense for sense in self.senses if phrase in sense.words), self.senses[0])


def sense(*meanings: str, words: str = "", phrases: str = "", others: frozenset[str] = frozenset()) -> Sense:
    """A sense; words stand between spaces, phrases between commas, and others come ready."""
    return Sense(meanings, words_of(words, phrases) | others)


def words_of(words: str, phrases: str = "") -> frozenset[str]:
    """The words between spaces, and the phrases between commas."""
    return frozenset(words.split()) | frozenset(filter(None, (phrase.strip() for phrase in phrases.split(","))))


#: How logs say that something could not be done; a verb follows.
_UNABLE = ("cannot", "can not", "could not", "unable to", "not able to", "failed to", "fails to", "failure to")
#: How they say that it went wrong; a participle follows.
_WRONG = ("error", "error while", "failure", "failed", "errors")


def unable(verbs: str) -> frozenset[str]:
    """``cannot read``, ``failed to read``, … for each of the verbs between spaces."""
    return frozenset(f"{head} {verb}" for verb in verbs.split() for head in _UNABLE)


def error_in(participles: str, nouns: str) -> frozenset[str]:
    """``error reading``, … for the participles between spaces; ``read error``, … for the nouns."""
    return frozenset(_error_in(participles, nouns))


def _error_in(participles: str, nouns: str) -> Iterator[str]:
    for participle in participles.split():
        yield from (f"{head} {participle}" for head in _WRONG)
    for noun in nouns.split():
        yield from (f"{noun} {end}" for end in ("error", "errors", "failed", "failure", "failures", "fails"))
