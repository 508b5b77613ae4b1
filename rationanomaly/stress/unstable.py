"""Unstable logs: the same events in other words, as new versions of a program write them.

The kinds and the rates are those of LogRobust (Zhang et al., "Robust Log-Based Anomaly Detection on Unstable Log Data",
2019): words inserted, removed and replaced, and others that change places. Words by which the rulebook knows what
happened are neither removed nor replaced by words of another meaning, and a denial stays where it is, so that the
answer stays what it was.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest

from rationanomaly.rulebook.support import telling_words
from rationanomaly.stress.cases import Case, flipped
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.neutral import NEUTRAL
from rationanomaly.stress.unstable_words import ABBREVIATIONS, SYNONYMS
from rationanomaly.text.prompt import Shown

#: Shares of the words that are altered.
SHARES = (0.05, 0.10, 0.20)

#: Without one of these, or with it elsewhere, a log says something else.
_DENIALS = frozenset(("no", "not", "never", "nor", "neither", "without", "cannot"))

#: Alters so many of the words, in place; the words that tell what happened are given.
Alteration = Callable[[list[str], int, frozenset[str], random.Random], list[str]]


def unstable_cases(alarms: Sequence[Tested], normals: Sequence[Tested], rows: int, seed: int) -> Iterator[Case]:
    """Logs with altered words, so many of each kind and share, alarms and normal logs in turn.

    Rates: ``unstable/changed``, ``unstable/KIND/changed`` and ``unstable/NN_percent/changed``; ``unstable/missed`` of
    alarms alone.
    """
    logs = [log for log in chain.from_iterable(zip_longest(alarms, normals)) if log is not None]
    for kind, alteration in KINDS.items():
        for share in SHARES:
            for log in logs[:rows]:
                rng = random.Random(f"{seed}/{kind}/{share}/{log.template!a}")  # noqa: S311 - draws no secret
                altered = alter(log.template, alteration, share, rng)
                if altered == log.template:
                    continue
                rates = [
                    "unstable/changed",
                    f"unstable/{kind}/changed",
                    f"unstable/{share:.0%}/changed".replace("%", "_percent"),
                ]
                if log.truth == "abnormal":
                    rates.append("unstable/missed")
                yield Case(tuple(rates), f"unstable/{kind}", altered, flipped, "as before", log)


def alter(template: str, alteration: Alteration, share: float, rng: random.Random) -> str:
    """The template with a share of its words altered, one word at least."""
    words = template.split(" ")
    count = max(1, round(share * len(words)))
    telling = telling_words(Shown.as_it_is(template.lower()))
    return " ".join(word for word in alteration(words, count, telling, rng) if word)


def _tells(word: str, telling: frozenset[str]) -> bool:
    return not telling.isdisjoint(_letters(word).split())


def _letters(word: str) -> str:
    return "".join(one if one.isalpha() else " " for one in word.lower())


def _denied(words: list[str]) -> frozenset[int]:
    """Places of denials and of the words that they deny."""
    places = [place for place, word in enumerate(words) if not _DENIALS.isdisjoint(_letters(word).split())]
    return frozenset(one for place in places for one in (place, place + 1))


def _reorder(words: list[str], count: int, _: frozenset[str], rng: random.Random) -> list[str]:
    kept = _denied(words)
    free = [place for place in range(len(words) - 1) if kept.isdisjoint((place, place + 1))]
    for place in rng.sample(free, min(count, len(free))):
        words[place], words[place + 1] = words[place + 1], words[place]
    return words


def _drop(words: list[str], count: int, telling: frozenset[str], rng: random.Random) -> list[str]:
    kept = _denied(words)
    free = [place for place, word in enumerate(words) if place not in kept and not _tells(word, telling)]
    # A log without any word left says nothing.
    gone = set(rng.sample(free, min(count, len(free), len(words) - 1)))
    return [word for place, word in enumerate(words) if place not in gone]


def _insert(words: list[str], count: int, _: frozenset[str], rng: random.Random) -> list[str]:
    for _number in range(count):
        words.insert(rng.randint(0, len(words)), rng.choice(NEUTRAL))
    return words


def _replace(table: Mapping[str, str]) -> Alteration:
    def exchanged(words: list[str], count: int, _: frozenset[str], rng: random.Random) -> list[str]:
        known = [place for place, word in enumerate(words) if word.lower().strip(".,:;()[]") in table]
        for place in rng.sample(known, min(count, len(known))):
            bare = words[place].strip(".,:;()[]")
            other = table[bare.lower()]
            words[place] = words[place].replace(bare, other.upper() if bare.isupper() else other, 1)
        return words

    return exchanged


KINDS: Mapping[str, Alteration] = {
    "reordered": _reorder,
    "abbreviated": _replace(ABBREVIATIONS),
    "synonyms": _replace(SYNONYMS),
    "dropped": _drop,
    "inserted": _insert,
}
