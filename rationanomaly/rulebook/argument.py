"""Read what an analysis argues for and what it claims, whoever wrote it.

The rulebook's own clauses are what is looked for (`clauses`). Where none is found, single words hint at a side, and
name what happened, unless the sentence is a consequence, advice or a denial: of those nothing is claimed.

Every sentence is looked up in an index by its words, so the time is linear in the length of a text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

from rationanomaly.records import Label
from rationanomaly.rulebook.activities import EASINGS
from rationanomaly.rulebook.clauses import (
    DISAVOWALS,
    EXCLUSIONS,
    NEGATIONS,
    Found,
    Sentence,
    Weight,
    Wording,
    clauses_in,
    sentences_in,
)
from rationanomaly.rulebook.domains import DOMAINS, GENERAL
from rationanomaly.rulebook.families import Family
from rationanomaly.rulebook.faults import FAULTS
from rationanomaly.rulebook.phrases import SUSPICION_CHECKS
from rationanomaly.rulebook.signs import STOP_WORDS, named_faults
from rationanomaly.rulebook.vocabulary import content, stem, words
from rationanomaly.text.prompt import CONCLUSION, split_conclusion


@dataclass(frozen=True)
class Argument:
    """What an analysis argues for.

    Attributes:
        side: the label; None where it argues for none or for both.
        signs: names of the signs that it claims; failures, easings and activities.
        domains: names of the domains that it claims.
        families: of the faults whose consequences or checks it names, word for word.
        wordings: what it says of how the log is worded.
        implied: those of the signs that only what follows from them claims, not what they mean.
        named: names of the signs and domains that its own words name where they say what happened.
        denied: names of the signs that it denies.
        retracted: whether it calls itself untrue.
        unread: how many of its sentences hold no clause of the rulebook.
        contents: for each sentence the stems of its content words.
    """

    side: Label | None
    signs: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)
    families: frozenset[Family] = field(default_factory=frozenset)
    wordings: frozenset[Wording] = field(default_factory=frozenset)
    implied: frozenset[str] = field(default_factory=frozenset)
    named: frozenset[str] = field(default_factory=frozenset)
    denied: frozenset[str] = field(default_factory=frozenset)
    retracted: bool = False
    unread: int = 0
    contents: tuple[tuple[str, ...], ...] = ()


def read_argument(analysis: str) -> Argument:
    """Read any text: the side that it argues for, the signs and domains that it claims.

    What stands in double quotes is the log's, not an argument; a conclusion is what an argument is for, not one itself.
    """
    bare, _ = split_conclusion(analysis)
    sentences = [sentence for sentence in sentences_in(bare) if not sentence.text.startswith(CONCLUSION)]
    if not sentences:
        return Argument(None)
    read = [clauses_in(sentence) for sentence in sentences]
    held = [[one for one in clauses if not one.denied] for clauses in read]
    signs = {name for clauses in held for name in _best_signs(clauses)}
    domains = {name for clauses in held if (name := _best_domain(clauses)) is not None}
    for sentence, clauses in zip(sentences, held, strict=True):
        if not domains and any(one.clause.sign and one.clause.weight == "weak" for one in clauses):
            domains.update(_topics_in(sentence.words, clauses))
    stated = [
        (part, clauses)
        for sentence, clauses in zip(sentences, held, strict=True)
        if not _is_advice(sentence.words)
        for part in _statements(sentence)
    ]
    named = {name for part, _ in stated for name in _telling_faults(part)}
    named.update(name for part, clauses in stated for name in _topics_in(part, clauses))
    meant = {one.clause.sign for clauses in held for one in clauses if one.clause.weight == "weak"}
    verbatim = [one.clause for clauses in held for one in clauses if one.verbatim]
    return Argument(
        _side(read, sentences),
        frozenset(signs),
        frozenset(domains),
        frozenset(clause.family for clause in verbatim if clause.family),
        frozenset(clause.wording for clause in verbatim if clause.wording),
        frozenset(signs - meant),
        frozenset(named),
        frozenset(one.clause.sign for clauses in read for one in clauses if one.denied and one.clause.sign),
        any(_retracts(sentence, clauses) for sentence, clauses in zip(sentences, read, strict=True)),
        sum(not clauses for clauses in held),
        tuple(content(sentence.words) for sentence in sentences),
    )


_FAULT_NAMES = frozenset(sign.name for sign in FAULTS)
#: Signs whose words stand in any text on failures.
_VAGUE = frozenset(("failed", "invalid", "degraded", "lost", "exception", "absent", "stopped"))


def _telling_faults(part: Sequence[str]) -> list[str]:
    """The failures that words name; not those whose words stand in any text on failures."""
    return [sign.name for sign in named_faults(part) if sign.name not in _VAGUE]


def _best_signs(clauses: Sequence[Found]) -> Iterator[str]:
    """The failure and the easing or activity that a sentence speaks of, one of each at most."""
    for is_fault in (True, False):
        claims = (one for one in clauses if one.clause.sign and (one.clause.sign in _FAULT_NAMES) == is_fault)
        best = max(claims, default=None, key=_amount)
        if best and best.clause.sign:
            yield best.clause.sign


def _best_domain(clauses: Iterable[Found]) -> str | None:
    """The domain that a sentence speaks of; of consequences and checks only those that it gives word for word."""
    claims = (one for one in clauses if one.clause.domain and (one.verbatim or one.clause.family is None))
    best = max(claims, default=None, key=_amount)
    return best.clause.domain if best else None


def _amount(found: Found) -> float:
    return found.amount


# Statements --------------------------------------------------------------------------------------------------------

#: What may follow, or may be meant: no statement of what happened.
_MODALS = frozenset(
    (
        *("may", "might", "can", "will", "would", "should", "must", "shall", "if", "when", "unless", "until", "or"),
        *("perhaps", "possibly", "probably", "likely", "usually", "often", "maybe", "so", "as"),
    )
)
_OBLIGING = frozenset(("should", "must", "ought"))
_LEADS = frozenset(("first", "then", "next", "begin", "start", "please", "step", "also", "this", "and"))


#: What anybody may advise, whatever verbs the rulebook chooses.
_ADVISING = frozenset(
    (
        *("ask", "call", "check", "clean", "compare", "contact", "examine", "find", "inspect", "investigate", "look"),
        *("make", "plan", "read", "reboot", "repair", "replace", "restart", "restore", "run", "see", "swap", "test"),
        *("try", "verify", "watch"),
    )
)


@cache
def _imperatives() -> frozenset[str]:
    """The verbs that advice starts with."""
    checks = [check for domain in DOMAINS for few in domain.checks.values() for check in few]
    checks += (check for sign in FAULTS for check in sign.checks)
    return _ADVISING.union(words(check)[0] for check in (*checks, *SUSPICION_CHECKS))


def _is_advice(sentence: Sequence[str]) -> bool:
    """Whether a sentence says what to do, and not that nothing is to be done."""
    if not NEGATIONS.isdisjoint(sentence):
        return False
    if any(word in _OBLIGING for word in sentence[:-1]):
        return True
    verb = next((word for word in sentence if word not in _LEADS and word not in STOP_WORDS), None)
    return verb in _imperatives() and sentence[0] not in ("the", "a", "an", "this", "it")


def _statements(sentence: Sentence) -> Iterator[list[str]]:
    """The parts of a sentence that say what happened, as words."""
    parts: dict[int, list[str]] = {}
    for word, part in zip(sentence.words, sentence.parts, strict=True):
        parts.setdefault(part, []).append(word)
    for held in parts.values():
        if _MODALS.isdisjoint(held) and NEGATIONS.isdisjoint(held):
            yield held


#: "It is not the case that …", of all that follows; "It does not help that …" takes nothing back, nor does "It may be
#: that nothing that …".
_DENYING = "|".join(sorted(NEGATIONS | DISAVOWALS | EXCLUSIONS))
_DISCLAIMER = re.compile(
    rf"(?:it|this|that) (?:(?!that |if )\w+ ){{0,3}}(?:{_DENYING}) (?!help )(?:\w+ ){{0,3}}?that\b"
)
#: What stands before a quote or a colon is no part of what is denied behind it: 'It says "…": no host of that name …'.
_HEAD_END = re.compile("[…:]")


def _retracts(sentence: Sentence, clauses: Sequence[Found]) -> bool:
    """Whether a sentence takes back what it says, or what others do: it calls something untrue, or denies twice."""
    if any(one.denied and one.clause.side is None for one in clauses):
        return True
    head = _HEAD_END.split(sentence.text, maxsplit=1)[0]
    if _DISCLAIMER.match(" ".join(words(head)[:9])):
        return True
    if any(word in NEGATIONS and other in NEGATIONS for word, other in pairwise(sentence.words)):
        return True
    return not clauses and not DISAVOWALS.isdisjoint(sentence.words)


# Sides -------------------------------------------------------------------------------------------------------------

#: Words that hint at a side where no clause is known.
_ALARMING = frozenset(
    (
        *("fail", "failure", "fault", "broken", "damage", "risk", "danger", "replace", "investigate", "inspect"),
        *("crash", "lost", "loss", "outage", "repair", "urgent", "critical", "serious", "severe", "trouble"),
        *("attention", "problem", "error", "unable", "stop", "corrupt", "threat", "attack", "defect", "wrong", "alarm"),
    )
)
_CALMING = frozenset(
    (
        *("routine", "ordinary", "expected", "expect", "harmless", "healthy", "usual", "fine", "informational"),
        *("benign", "success", "successful", "successfully", "regular", "planned", "safe", "ok", "uneventful"),
        *("everyday", "daily"),
    )
)
#: What nothing is said of before "no": "no action", "nothing to do".
_ACTIONS = frozenset(
    ("action", "act", "do", "need", "needs", "needed", "attention", "concern", "worry", "reason", "doing")
)
#: Those that a thing may fail to do, too.
_DEEDS = frozenset(("act", "do", "doing"))
#: What could not be done, rather than what did not happen: "cannot", "could not", "can't".
_ABLE = frozenset(("can", "could", "able"))
#: How many words with a meaning a negation reaches.
_REACH = 3


def _side(read: Sequence[Sequence[Found]], sentences: Sequence[Sentence]) -> Label | None:
    side = _argued(read, sentences)
    # What is denied speaks for the other side.
    denied = {one.clause.side for clauses in read for one in clauses if one.denied and one.clause.side}
    return None if side in denied else side


def _argued(read: Sequence[Sequence[Found]], sentences: Sequence[Sentence]) -> Label | None:
    held = [[one for one in clauses if not one.denied] for clauses in read]
    strong = [side for clauses in held if (side := _best_side(clauses, "strong")) is not None]
    if strong:
        if _best_side(held[-1], "strong") is None and (hinted := _hinted(sentences[-1:])) is not None:
            strong.append(hinted)
        # A failure may be named where it is said to be none; where one is claimed nothing is said to be fine.
        bare = [sentence for sentence, clauses in zip(sentences, read, strict=True) if not clauses]
        strong += [hinted for sentence in bare if (hinted := _hinted([sentence])) == "normal"]
        return strong[0] if len(set(strong)) == 1 else None
    weak = {(one.clause.side, one.clause.sign) for clauses in held for one in clauses if one.clause.side}
    sides: set[Label] = {side for side, _ in weak if side is not None}
    if len(sides) == 1:
        return sides.pop()
    if sides:
        # A failure with what it was coped with is none to act on; with an activity beside it, it is neither.
        return "normal" if any(sign in _EASED for _, sign in weak) else None
    return _hinted(sentences)


_EASED = frozenset(sign.name for sign in EASINGS)


def _best_side(clauses: Iterable[Found], weight: Weight) -> Label | None:
    best = max((one for one in clauses if one.clause.side and one.clause.weight == weight), default=None, key=_amount)
    return best.clause.side if best else None


def _hinted(sentences: Sequence[Sentence]) -> Label | None:
    """The side that single words hint at; None where they hint at none or at both."""
    alarming = calming = 0
    for sentence in sentences:
        advised = _is_advice(sentence.words)
        alarms, calms = _hints(sentence.words)
        # "The surface is worn" alarms as a failure that is named, whatever the words.
        named = not alarms and not advised and any(_telling_faults(part) for part in _statements(sentence))
        alarming += alarms + advised + named
        calming += calms
    if alarming > 2 * calming:
        return "abnormal"
    return "normal" if calming > 2 * alarming else None


def _hints(sentence: Sequence[str]) -> tuple[int, int]:
    """How many words of a sentence alarm and calm."""
    alarming = calming = negated = 0
    deeds = False
    before = ""
    for word in sentence:
        if word in NEGATIONS:
            unable = word == "cannot" or before in _ABLE
            alarming += unable
            negated, deeds = (0, False) if unable else (_REACH, word not in ("not", "t", "never", "hardly"))
            before = word
            continue
        before = word
        form = stem(word)
        is_action = negated and (word in _ACTIONS or form in _ACTIONS) and (deeds or word not in _DEEDS)
        if word in _ALARMING or form in _ALARMING or is_action:
            alarming += not negated
            calming += bool(negated)
        elif word in _CALMING or form in _CALMING:
            calming += not negated
            alarming += bool(negated)
        negated = max(0, negated - (word not in STOP_WORDS))
    return alarming, calming


# Topics ------------------------------------------------------------------------------------------------------------


@cache
def _topics() -> Mapping[tuple[str, ...], str]:
    return {tuple(words(domain.topic)): domain.name for domain in (*DOMAINS, GENERAL)}


def _topics_in(sentence: Sequence[str], clauses: Iterable[Found]) -> Iterator[str]:
    """The domains whose topic the words name, but for a name that belongs to a clause: "the program wants a class"."""
    topics = _topics()
    spoken = {pair for one in clauses if one.clause.domain is None for pair in one.clause.pairs}
    longest = max(map(len, topics))
    first = 0
    while first < len(sentence):
        spans = (tuple(sentence[first : first + length]) for length in range(longest, 1, -1))
        known = next((span for span in spans if span in topics), None)
        if known is not None and not spoken.issuperset(pairwise(map(stem, known))):
            yield topics[known]
        # A longer name may hold that of another part: "the processor cache".
        first += len(known) if known else 1
