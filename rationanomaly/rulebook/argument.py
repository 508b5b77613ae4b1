"""Read what an analysis argues for and what it claims, whoever wrote it.

The rulebook's own clauses are what is looked for: in each sentence those whose words it holds for the larger part, some
of them side by side, so that a slightly different wording is still read. Where none is found, single words hint at a
side.

Every sentence is looked up in an index by its words, so the time is linear in the length of a text, whatever it holds.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Literal, NamedTuple

from rationanomaly.records import Label
from rationanomaly.rulebook import phrases
from rationanomaly.rulebook.activities import ACTIVITIES, EASINGS, MENTION, RULED_OUT, VALUES
from rationanomaly.rulebook.domains import DOMAINS, GENERAL, Domain, domain_of
from rationanomaly.rulebook.events import Sign
from rationanomaly.rulebook.faults import FAULTS
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.signs import STOP_WORDS, named_activities, named_easings, named_faults, read
from rationanomaly.rulebook.specials import SPECIAL
from rationanomaly.text.prompt import CONCLUSION, Shown, split_conclusion

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)|\n")
_PLACEHOLDER = re.compile(r"\{[a-z0-9]*\}")
#: The share of a clause's words, weighted by how rare they are, that a sentence must hold.
_HELD = 0.65
#: How many clauses a word may stand in and still be looked up: commoner ones tell none apart.
_COMMON = 200

#: What a clause says of the side: it argues for it, or it fits it and the other one may follow.
Weight = Literal["strong", "weak"]


@dataclass(frozen=True)
class Argument:
    """What an analysis argues for.

    Attributes:
        side: the label; None where it argues for none or for both.
        signs: names of the signs that it claims; failures, easings and activities.
        domains: names of the domains that it claims.
    """

    side: Label | None
    signs: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)


class _Clause(NamedTuple):
    """A clause of the rulebook, and what it stands for."""

    stems: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    side: Label | None
    weight: Weight
    sign: str | None
    domain: str | None


class _Found(NamedTuple):
    """A clause in a sentence, and how much of the sentence it accounts for."""

    amount: float
    clause: _Clause


def read_argument(analysis: str) -> Argument:
    """Read any text: the side that it argues for, the signs and domains that it claims.

    What stands in double quotes is the log's, not an argument; a conclusion is what an argument is for, not one itself.
    """
    bare, _ = split_conclusion(analysis)
    sentences = [sentence for sentence in _sentences(bare) if not sentence.startswith(CONCLUSION)]
    if not sentences:
        return Argument(None)
    found = [_clauses_in(_stems(sentence)) for sentence in sentences]
    signs = {name for clauses in found for name in _best_signs(clauses)}
    domains = {name for clauses in found if (name := _best_domain(clauses)) is not None}
    if not domains:
        domains = {name for sentence in sentences for name in _topics_in(_words(sentence))}
    if not signs:
        signs = {sign.name for sign in named_faults(_words(" ".join(sentences)))[:1] if sign.name not in _VAGUE}
    return Argument(_side(found, sentences), frozenset(signs), frozenset(domains))


def supported(argument: Argument, shown: Shown) -> bool | None:
    """Whether all that is claimed is borne out by the words of the log; None where nothing known is claimed.

    A failure is if the log names it or one of its family; an activity or easing if the log holds a word of it; a domain
    if the log holds a word of it, speaks of it most, or of none.
    """
    text = Text.of(shown)
    known = [name for name in argument.signs if name in _SIGNS]
    domains = [_DOMAINS[name] for name in argument.domains if name in _DOMAINS]
    if not known and not domains:
        return None
    return _signs_hold(known, text) and all(_domain_holds(domain, text) for domain in domains)


_SIGNS: Mapping[str, Sign] = {sign.name: sign for sign in (*FAULTS, *EASINGS, *ACTIVITIES, RULED_OUT, VALUES, MENTION)}
_DOMAINS: Mapping[str, Domain] = {domain.name: domain for domain in (*DOMAINS, GENERAL)}
_FAULT_NAMES = frozenset(sign.name for sign in FAULTS)
#: Signs whose words stand in any text on failures.
_VAGUE = frozenset(("failed", "invalid", "degraded", "lost", "exception", "absent", "stopped"))


def _signs_hold(names: Iterable[str], text: Text) -> bool:
    reading = read(text.words, text.values)
    faults = [*named_faults(text.words)]
    if reading.event is not None:
        faults.append(reading.event)
    families = {sign.family for sign in faults if sign.family is not None}
    held = {sign.name for sign in (*faults, *named_easings(text.words), *named_activities(text.words))}
    if reading.tone == "plain":
        held.add(MENTION.name)
    return all(name in held or _SIGNS[name].family in families for name in names)


def _domain_holds(domain: Domain, text: Text) -> bool:
    if domain is GENERAL or any(word in domain.words for word in text.words):
        return True
    spoken_of = domain_of(text.words)
    return spoken_of in (domain, GENERAL)


# Sides -------------------------------------------------------------------------------------------------------------

#: Words that hint at a side where no clause is known.
_ALARMING = frozenset(
    (
        *(
            "fail",
            "failure",
            "fault",
            "broken",
            "damage",
            "risk",
            "danger",
            "replace",
            "investigate",
            "inspect",
            "crash",
        ),
        *(
            "lost",
            "loss",
            "outage",
            "repair",
            "urgent",
            "critical",
            "serious",
            "severe",
            "trouble",
            "attention",
            "problem",
        ),
        *("error", "unable", "cannot", "stop", "corrupt", "threat", "attack", "defect", "wrong", "alarm"),
    )
)
_CALMING = frozenset(
    (
        *(
            "routine",
            "ordinary",
            "expected",
            "expect",
            "harmless",
            "healthy",
            "usual",
            "fine",
            "informational",
            "benign",
        ),
        *(
            "success",
            "successful",
            "successfully",
            "regular",
            "planned",
            "safe",
            "ok",
            "uneventful",
            "everyday",
            "daily",
        ),
    )
)
_NEGATIONS = frozenset(
    ("no", "not", "nothing", "nobody", "none", "without", "never", "neither", "nor", "cannot", "hardly")
)
#: What nothing is said of before "no": "no action", "nothing to do".
_ACTIONS = frozenset(
    ("action", "act", "do", "need", "needs", "needed", "attention", "concern", "worry", "reason", "doing")
)
#: How many words a negation reaches.
_REACH = 3


def _side(found: Sequence[Sequence[_Found]], sentences: Sequence[str]) -> Label | None:
    strong = [side for clauses in found if (side := _best_side(clauses, "strong")) is not None]
    if strong:
        if _best_side(found[-1], "strong") is None and (hinted := _hinted(sentences[-1])) is not None:
            strong.append(hinted)
        return strong[0] if len(set(strong)) == 1 else None
    weak = {(item.clause.side, item.clause.sign) for clauses in found for item in clauses if item.clause.side}
    sides: set[Label] = {side for side, _ in weak if side is not None}
    if len(sides) == 1:
        return sides.pop()
    if sides:
        # A failure with what it was coped with is none to act on; with an activity beside it, it is neither.
        return "normal" if any(sign in _EASED for _, sign in weak) else None
    return _hinted(" ".join(sentences))


_EASED = frozenset(sign.name for sign in EASINGS)


def _hinted(text: str) -> Label | None:
    """The side that single words hint at; None where they hint at none or at both."""
    alarming = calming = 0
    negated = 0
    for word in _words(text):
        if word in _NEGATIONS:
            negated = _REACH
            continue
        stem = _stem(word)
        if word in _ALARMING or stem in _ALARMING or (negated and (word in _ACTIONS or stem in _ACTIONS)):
            alarming += not negated
            calming += bool(negated)
        elif word in _CALMING or stem in _CALMING:
            calming += not negated
            alarming += bool(negated)
        negated = max(0, negated - 1)
    if alarming > 2 * calming:
        return "abnormal"
    return "normal" if calming > 2 * alarming else None


# Clauses -----------------------------------------------------------------------------------------------------------


def _best_side(clauses: Iterable[_Found], weight: Weight) -> Label | None:
    best = max(
        (item for item in clauses if item.clause.side and item.clause.weight == weight), default=None, key=_amount
    )
    return best.clause.side if best else None


def _best_signs(clauses: Sequence[_Found]) -> Iterator[str]:
    """The failure and the easing or activity that a sentence speaks of, one of each at most."""
    for is_fault in (True, False):
        claims = (item for item in clauses if item.clause.sign and (item.clause.sign in _FAULT_NAMES) == is_fault)
        best = max(claims, default=None, key=_amount)
        if best and best.clause.sign:
            yield best.clause.sign


def _best_domain(clauses: Iterable[_Found]) -> str | None:
    best = max((item for item in clauses if item.clause.domain), default=None, key=_amount)
    return best.clause.domain if best else None


def _amount(found: _Found) -> float:
    return found.amount


def _clauses_in(stems: Sequence[str]) -> list[_Found]:
    """The clauses that a sentence holds, no word of it counted for two of them; those that explain most come first."""
    index = _index()
    counted: Counter[int] = Counter()
    free = set(stems)
    for stem in free:
        counted.update(index.places.get(stem, ()))
    pairs = set(pairwise(stems))
    likely = []
    for place, number in counted.items():
        clause = index.clauses[place]
        if 2 * number < len(clause.stems) or 3 * len(pairs & clause.pairs) < len(clause.pairs):
            continue
        amount = index.amount(clause, free)
        if amount >= _HELD * index.totals[place]:
            likely.append((-amount * amount / index.totals[place], place))
    found = []
    for _, place in sorted(likely):
        clause = index.clauses[place]
        amount = index.amount(clause, free)
        if amount >= _HELD * index.totals[place]:
            found.append(_Found(amount, clause))
            free -= clause.stems
    return found


@dataclass(frozen=True)
class _Index:
    """All clauses, where each word stands, what it weighs, and what all words of a clause weigh."""

    clauses: tuple[_Clause, ...]
    places: Mapping[str, tuple[int, ...]]
    weights: Mapping[str, float]
    totals: tuple[float, ...]

    def amount(self, clause: _Clause, held: Collection[str]) -> float:
        """What the words of a clause weigh that are among those held."""
        return sum(self.weights[stem] for stem in clause.stems if stem in held)


@cache
def _index() -> _Index:
    clauses = tuple(_merged(_all_clauses()))
    places: dict[str, list[int]] = defaultdict(list)
    for place, clause in enumerate(clauses):
        for stem in clause.stems:
            places[stem].append(place)
    weights = {stem: math.log(1 + len(clauses) / len(where)) for stem, where in places.items()}
    totals = tuple(sum(weights[stem] for stem in clause.stems) for clause in clauses)
    kept = {stem: tuple(where) for stem, where in places.items() if len(where) <= _COMMON}
    return _Index(clauses, kept, weights, totals)


def _merged(clauses: Iterable[_Clause]) -> Iterator[_Clause]:
    """Clauses of the same words once; what they don't agree on is left open."""
    groups: dict[frozenset[str], list[_Clause]] = defaultdict(list)
    for clause in clauses:
        if len(clause.stems) > 1:
            groups[clause.stems].append(clause)
    for group in groups.values():
        first = group[0]
        if any(clause.side != first.side for clause in group):
            first = first._replace(side=None)
        if any(clause.sign != first.sign for clause in group):
            first = first._replace(sign=None)
        if any(clause.domain != first.domain for clause in group):
            first = first._replace(domain=None)
        yield first


def _all_clauses() -> Iterator[_Clause]:
    for domain in (*DOMAINS, GENERAL):
        for harm in (harm for harms in domain.harms.values() for harm in harms):
            yield _clause(harm, "abnormal", "strong", domain=domain.name)
        for check in (check for checks in domain.checks.values() for check in checks):
            yield _clause(check, "abnormal", "strong", domain=domain.name)
        for role in domain.roles:
            yield _clause(role, None, "weak", domain=domain.name)
    for sign in FAULTS:
        yield from (_clause(meaning, "abnormal", "weak", sign=sign.name) for meaning in sign.meanings)
    for (domain_name, sign_name), meanings in SPECIAL.items():
        yield from (_clause(each, "abnormal", "weak", sign=sign_name, domain=domain_name) for each in meanings)
    for sign in (*EASINGS, *ACTIVITIES, RULED_OUT, VALUES, MENTION):
        yield from (_clause(meaning, "normal", "weak", sign=sign.name) for meaning in sign.meanings)
        yield from (_clause(clause, "normal", "strong", sign=sign.name) for clause in sign.ordinary)
    for calm in (*phrases.ORDINARY_FORMS, *phrases.LEFT_ALONE, *phrases.EXCUSES, *phrases.NO_EVIDENCE_CALM):
        yield _clause(calm, "normal", "strong")
    for alarm in (*phrases.SUSPICIONS, *phrases.NO_EVIDENCE_ALARM):
        yield _clause(alarm, "abnormal", "strong")


def _clause(
    text: str, side: Label | None, weight: Weight, sign: str | None = None, domain: str | None = None
) -> _Clause:
    parts = [_stems(part) for part in _PLACEHOLDER.split(text)]
    pairs = frozenset(pair for part in parts for pair in pairwise(part))
    return _Clause(frozenset(stem for part in parts for stem in part), pairs, side, weight, sign, domain)


# Words -------------------------------------------------------------------------------------------------------------


def _sentences(text: str) -> list[str]:
    """The sentences of a text, without what stands in double quotes."""
    unquoted = " … ".join(text.split('"')[::2])
    return [sentence.strip() for sentence in _SENTENCE_END.split(unquoted) if sentence.strip()]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


#: Words of the index that are no content; less than `STOP_WORDS`, for "nothing" and "no" tell clauses apart.
_EMPTY = STOP_WORDS - frozenset(("no", "not", "nothing", "off", "out", "again", "need", "needs", "without"))


def _stems(text: str) -> list[str]:
    return [_stem(word) for word in _words(text) if word not in _EMPTY]


def _stem(word: str) -> str:
    """A word without the ending of its number or tense."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if len(word) > len(ending) + 3 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


@cache
def _topics() -> Mapping[tuple[str, ...], str]:
    return {tuple(_words(domain.topic)): domain.name for domain in (*DOMAINS, GENERAL)}


def _topics_in(words: Sequence[str]) -> Iterator[str]:
    """The domains whose topic the words name."""
    topics = _topics()
    longest = max(map(len, topics))
    first = 0
    while first < len(words):
        spans = (tuple(words[first : first + length]) for length in range(longest, 1, -1))
        known = next((span for span in spans if span in topics), None)
        if known is not None:
            yield topics[known]
        # A longer name may hold that of another part: "the processor cache".
        first += len(known) if known else 1
