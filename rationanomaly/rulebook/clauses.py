"""The rulebook's clauses, found in the sentences of any text.

A clause is in a sentence that holds the larger part of its words, some of them side by side in their order: a slightly
different wording is still read, a heap of the same words is not. One with a single word that has a meaning is in a
sentence that holds all of it. A sentence denies a clause where it holds another number of negations than the clause.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Literal

from rationanomaly.records import Label
from rationanomaly.rulebook import phrases
from rationanomaly.rulebook.activities import ACTIVITIES, EASINGS, MENTION, RULED_OUT, VALUES
from rationanomaly.rulebook.domains import DOMAINS
from rationanomaly.rulebook.families import Family
from rationanomaly.rulebook.faults import FAULTS
from rationanomaly.rulebook.specials import SPECIAL
from rationanomaly.rulebook.vocabulary import is_content, stem, words

#: Words and marks, and those of them that part the clauses of a sentence.
_UNIT = re.compile(r"[^\W_]+|[,;:…]")
_PARTING = frozenset((",", ";", ":", "…", "and", "but", "yet", "because"))
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)|\n")
_PLACEHOLDER = re.compile(r"\{[a-z0-9]*\}")
#: The share of a clause's words, weighted by how rare they are, that a sentence must hold.
_HELD = 0.65
#: The share of its words and pairs of words from which on a clause is taken word by word.
_VERBATIM = 0.85
#: One in so many pairs of neighbouring words must stand in the sentence as in the clause, and two of more than a few.
_PAIRS, _FEW_PAIRS = 4, 3
#: How many clauses a word may stand in and still be looked up: commoner ones tell none apart.
_COMMON = 200

#: Words that deny; the "t" of "can't" is one.
NEGATIONS = frozenset(
    ("no", "not", "nothing", "nobody", "none", "without", "never", "neither", "nor", "cannot", "hardly", "t")
)
#: What calls a statement untrue.
DISAVOWALS = frozenset(
    (
        *("lie", "lies", "untrue", "false", "falsehood", "nonsense", "fiction", "hoax", "joke", "invented"),
        *("fabricated", "opposite", "contrary"),
    )
)
#: What says that something can't or shall not be: of a clause it is the opposite, by itself it may be said of any log.
EXCLUSIONS = frozenset(("impossible", "excludes", "precludes", "avoid", "refrain"))
_DENIALS = NEGATIONS | DISAVOWALS | EXCLUSIONS

#: What a clause says of the side: it argues for it, or it fits it and the other one may follow.
Weight = Literal["strong", "weak"]
#: What a sentence says of the wording of a log: that it names a failure, or that it names none.
Wording = Literal["alarming", "calm"]


@dataclass(frozen=True)
class Clause:
    """A clause of the rulebook, and what it stands for.

    Attributes:
        stems: of its content words.
        pairs: its neighbouring words, in order; small words, too.
        negations: how many words in it deny.
        side: the label that it speaks for; None for neither.
        weight: how much it does so.
        sign, domain, family: what it claims, by name; None: nothing of the kind.
        wording: what it says of the wording of the log.
    """

    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    negations: int
    side: Label | None
    weight: Weight
    sign: str | None = None
    domain: str | None = None
    family: Family | None = None
    wording: Wording | None = None


@dataclass(frozen=True)
class Found:
    """A clause in a sentence.

    Attributes:
        clause: which.
        amount: how much of the sentence it accounts for.
        verbatim: whether nearly all of it is there.
        denied: whether the sentence denies it.
    """

    clause: Clause
    amount: float
    verbatim: bool
    denied: bool


@dataclass(frozen=True)
class Sentence:
    """A sentence without what stands in double quotes.

    Attributes:
        text: as it was written.
        words: lower-case, in order.
        parts: for each word the number of the clause that it stands in, as marks and conjunctions part them.
    """

    text: str
    words: tuple[str, ...]
    parts: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> Sentence:
        """Cut up a sentence."""
        found: list[str] = []
        parts: list[int] = []
        part = 0
        for unit in _UNIT.findall(text.lower()):
            part += unit in _PARTING
            if unit not in ",;:…":
                found.append(unit)
                parts.append(part)
        return cls(text, tuple(found), tuple(parts))


def sentences_in(text: str) -> list[Sentence]:
    """The sentences of a text, without what stands in double quotes."""
    unquoted = " … ".join(text.split('"')[::2])
    return [Sentence.of(piece.strip()) for piece in _SENTENCE_END.split(unquoted) if piece.strip()]


def clauses_in(sentence: Sentence) -> list[Found]:
    """The clauses that a sentence holds, no word of it counted for two of them; those that explain most come first."""
    index = _index()
    stemmed = [stem(word) for word in sentence.words]
    free = {one for one, word in zip(stemmed, sentence.words, strict=True) if is_content(word)}
    stems_held = frozenset(free)
    counted: Counter[int] = Counter()
    for one in free:
        counted.update(index.places.get(one, ()))
    pairs: dict[tuple[str, str], set[int]] = defaultdict(set)
    for pair, part in zip(pairwise(stemmed), sentence.parts, strict=False):
        pairs[pair].add(part)
    likely = []
    for place, number in counted.items():
        clause = index.clauses[place]
        few = 2 * number < len(clause.stems) and number < index.looked_up[place]
        if few or not _stands_in_order(clause, pairs):
            continue
        amount = index.amount(clause, free)
        if amount >= _HELD * index.totals[place]:
            likely.append((-amount * amount / index.totals[place], place))
    taken: list[tuple[int, float]] = []
    for _, place in sorted(likely):
        amount = index.amount(index.clauses[place], free)
        if amount >= _HELD * index.totals[place]:
            taken.append((place, amount))
            free -= index.clauses[place].stems
    denials = Counter(part for word, part in zip(sentence.words, sentence.parts, strict=True) if word in _DENIALS)
    covers = [_cover(index.clauses[place], pairs) for place, _ in taken]
    found = []
    for (place, amount), cover in zip(taken, covers, strict=True):
        clause = index.clauses[place]
        side_by_side = len(clause.pairs & pairs.keys()) >= _VERBATIM * len(clause.pairs)
        verbatim = side_by_side and amount >= _VERBATIM * index.totals[place]
        beside = (index.clauses[other] for (other, _), parts in zip(taken, covers, strict=True) if parts & cover)
        denying = sum(denials[part] for part in cover)
        # Of a clause that is there in part its own negation may be what is not, unless all else is.
        whole = verbatim or clause.stems - _DENIALS <= stems_held
        denied = denying > sum(one.negations for one in beside) or (whole and denying < clause.negations)
        found.append(Found(clause, amount, verbatim, denied))
    return found


def _stands_in_order(clause: Clause, pairs: Mapping[tuple[str, str], object]) -> bool:
    held, of = len(clause.pairs & pairs.keys()), len(clause.pairs)
    if len(clause.stems) == 1:
        return held == of
    return _PAIRS * held >= of and (held > 1 or of <= _FEW_PAIRS)


def _cover(clause: Clause, pairs: Mapping[tuple[str, str], Collection[int]]) -> set[int]:
    """The parts of a sentence that a clause stands in, by where its pairs do: one that denies, or many others."""
    held = Counter(part for pair in clause.pairs if not clause.stems.isdisjoint(pair) for part in pairs.get(pair, ()))
    highest = max(held.values(), default=0)
    denying = {part for pair in clause.pairs if not _DENIALS.isdisjoint(pair) for part in pairs.get(pair, ())}
    return denying.union(part for part, number in held.items() if 2 * number >= highest)


@dataclass(frozen=True)
class _Index:
    """All clauses, and by what they are found.

    Attributes:
        clauses: all of them.
        places: for each word that is looked up (`_COMMON`) the places of the clauses that hold it.
        weights: what each word weighs.
        totals: what all words of a clause weigh, by its place.
        looked_up: how many of them are looked up, by its place.
    """

    clauses: tuple[Clause, ...]
    places: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, float]
    totals: tuple[float, ...]
    looked_up: tuple[int, ...]

    def amount(self, clause: Clause, held: Collection[str]) -> float:
        """What the words of a clause weigh that are among those held."""
        return sum(self.weights[one] for one in clause.stems if one in held)


@cache
def _index() -> _Index:
    clauses = tuple(_merged(_all_clauses()))
    places: dict[str, list[int]] = defaultdict(list)
    for place, clause in enumerate(clauses):
        for one in clause.stems:
            places[one].append(place)
    weights = {one: math.log(1 + len(clauses) / len(where)) for one, where in places.items()}
    totals = tuple(sum(weights[one] for one in clause.stems) for clause in clauses)
    kept = {one: tuple(where) for one, where in places.items() if len(where) <= _COMMON}
    looked_up = tuple(sum(one in kept for one in clause.stems) for clause in clauses)
    return _Index(clauses, kept, weights, totals, looked_up)


def _merged(clauses: Iterable[Clause]) -> Iterator[Clause]:
    """Clauses of the same words in the same order once; what all of the same words don't agree on is left open."""
    groups: dict[frozenset[str], list[Clause]] = defaultdict(list)
    for clause in clauses:
        if len(clause.stems) > 1 or (clause.stems and len(clause.pairs) > 1):
            groups[clause.stems].append(clause)
    for group in groups.values():
        first = group[0]
        agreed = replace(
            first,
            side=first.side if len({one.side for one in group}) == 1 else None,
            sign=first.sign if len({one.sign for one in group}) == 1 else None,
            domain=first.domain if len({one.domain for one in group}) == 1 else None,
            family=first.family if len({one.family for one in group}) == 1 else None,
        )
        for pairs, negations in dict.fromkeys((one.pairs, one.negations) for one in group):
            yield replace(agreed, pairs=pairs, negations=negations)


def _all_clauses() -> Iterator[Clause]:
    for domain in DOMAINS:
        for family, harms in domain.harms.items():
            yield from (_clause(text, "abnormal", "strong", domain=domain.name, family=family) for text in harms)
        for family, checks in domain.checks.items():
            yield from (_clause(text, "abnormal", "strong", domain=domain.name, family=family) for text in checks)
        for role in domain.roles:
            yield _clause(role, None, "weak", domain=domain.name)
    for sign in FAULTS:
        yield from (_clause(text, "abnormal", "weak", sign=sign.name) for text in sign.meanings)
        yield from (_clause(text, "abnormal", "strong", sign=sign.name) for text in (*sign.risks, *sign.checks))
        yield from (_clause(text, "normal", "strong", sign=sign.name) for text in sign.benign)
    for (domain_name, sign_name), special in SPECIAL.items():
        yield from (_clause(text, "abnormal", "weak", sign=sign_name, domain=domain_name) for text in special)
    for sign in (*EASINGS, *ACTIVITIES, RULED_OUT, VALUES, MENTION):
        yield from (_clause(text, "normal", "weak", sign=sign.name) for text in sign.meanings)
        yield from (_clause(text, "normal", "strong", sign=sign.name) for text in sign.ordinary)
    for calm in (*phrases.ORDINARY_FORMS, *phrases.LEFT_ALONE, *phrases.NO_EVIDENCE_CALM):
        yield from (_clause(sentence, "normal", "strong") for sentence in _SENTENCE_END.split(calm))
    for alarm in (*phrases.SUSPICION_CHECKS, *phrases.NO_EVIDENCE_ALARM):
        yield from (_clause(sentence, "abnormal", "strong") for sentence in _SENTENCE_END.split(alarm))
    for form in phrases.EXCUSE_FORMS:
        yield _clause(form, None, "weak", wording="alarming")
    for form in (*phrases.SUSPICION_FORMS, *phrases.SUSPICION_HARM_FORMS):
        yield _clause(form, "abnormal", "strong", wording="calm")
    openings = (
        form
        for forms in (phrases.FAULT_OPENINGS, phrases.PLAIN_OPENINGS, phrases.MENTION_OPENINGS)
        for few in forms.values()
        for form in few
    )
    wordless = (*phrases.NO_EVIDENCE_OPENINGS, *phrases.NO_EVIDENCE_IMPLICATIONS)
    for form in (*openings, *phrases.EASED_OPENINGS, *phrases.PART_FORMS, *wordless):
        yield _clause(form, None, "weak")


def _clause(
    text: str,
    side: Label | None,
    weight: Weight,
    *,
    sign: str | None = None,
    domain: str | None = None,
    family: Family | None = None,
    wording: Wording | None = None,
) -> Clause:
    parts = [words(part) for part in _PLACEHOLDER.split(text)]
    pairs = frozenset(pair for part in parts for pair in pairwise(map(stem, part)))
    held = frozenset(stem(word) for part in parts for word in part if is_content(word))
    negations = sum(word in _DENIALS for part in parts for word in part)
    return Clause(held, pairs, negations, side, weight, sign, domain, family, wording)
