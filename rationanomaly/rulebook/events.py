"""What a sign is: a kind of event, the words by which it is known, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rationanomaly.rulebook.families import Family


@dataclass(frozen=True)
class Sign:
    """A kind of event, and the words by which it is known.

    Attributes:
        name: short, for documentation and tests; no two signs share one.
        family: of the faults that it belongs to; None for an easing and for an activity.
        meanings: what the event means, as clauses with ``{topic}`` for the part that it happened to.
        words: lower-case words, or a few words with a space between, that tell of it.
        sources: where such words are documented.
        ordinary: for an activity, why it is part of the work, as clauses.
    """

    name: str
    family: Family | None
    meanings: tuple[str, ...]
    words: frozenset[str]
    sources: tuple[str, ...] = ()
    ordinary: tuple[str, ...] = ()


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
