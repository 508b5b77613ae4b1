"""What is known of the parts of a computer system: what they do, what a fault there leads to, what to check first.

General knowledge of system operations; each domain names its sources, and nothing here was chosen by looking at
labelled data. A domain is found by whole lower-case words, so a log is read in one pass whatever it holds.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

from rationanomaly.rulebook.domains import hardware, jobs, network, software, storage
from rationanomaly.rulebook.domains.domain import Domain
from rationanomaly.rulebook.domains.general import GENERAL

__all__ = ["DOMAINS", "GENERAL", "Domain", "domain_of", "sure_domain"]

DOMAINS: tuple[Domain, ...] = (
    *hardware.PARTS,
    *storage.PARTS,
    *network.PARTS,
    *jobs.PARTS,
    *software.PARTS,
)


#: What stands before "memory" where a process asked for it: the pages of the kernel are meant, not the modules.
_UNMET = (("out", "of"), ("allocate",), ("allocating",), ("enough",), ("insufficient",))


def domain_of(words: Sequence[str]) -> Domain:
    """The domain that the lower-case ``words`` of a log, in order, speak of most; `GENERAL` if of none.

    A word that several domains share counts for each of them in part. On a tie a domain that is not broad wins, then
    the one that is named first. Takes time linear in the number of words, whatever the number of domains.
    """
    places, shares = _places(), _shares()
    votes: dict[int, int] = defaultdict(int)
    for position, word in enumerate(words):
        if word == "memory" and any(tuple(words[max(0, position - len(lead)) : position]) == lead for lead in _UNMET):
            word = "oom"
        named = places.get(word, ())
        for place in named:
            votes[place] += shares[len(named)]
    # `max` keeps the first of equals, and the votes are in the order in which domains came up.
    best = max(votes, key=lambda place: (votes[place], not DOMAINS[place].broad), default=None)
    return GENERAL if best is None else DOMAINS[best]


#: So many different words that also belong elsewhere tell the domain as surely as one that doesn't.
_HINTS = 2


def sure_domain(words: Sequence[str]) -> Domain:
    """The domain that the lower-case ``words`` surely are about; `GENERAL` where they leave it open.

    It is that of `domain_of`, if one of the words belongs to nothing else, or `_HINTS` that do belong to it, too.
    """
    domain = domain_of(words)
    held = domain.words.intersection(words)
    return domain if held - domain.hints or len(held) >= _HINTS else GENERAL


@cache
def _places() -> Mapping[str, tuple[int, ...]]:
    """For each word the places in `DOMAINS` of those that it belongs to."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, domain in enumerate(DOMAINS):
        for word in domain.words:
            found[word].append(place)
    return {word: tuple(places) for word, places in found.items()}


@cache
def _shares() -> Mapping[int, int]:
    """What a word counts for each of the domains that share it, by their number: integers, so that ties are exact."""
    highest = max(map(len, _places().values()))
    return {number: math.lcm(*range(1, highest + 1)) // number for number in range(1, highest + 1)}
