"""Write an analysis of a log: what it names, what that means where it happened, and what to do about it.

    write_analysis(show("EDAC MC0: 1 UE memory read error", settings), None, random.Random(0))

An analysis has two or three sentences and, with its conclusion (`text.prompt.conclude`), `SHORTEST` to `LONGEST` words;
of a log without words its three sentences are written whole, 48 words at most.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rationanomaly.records import Label
from rationanomaly.rulebook import phrases
from rationanomaly.rulebook.domains import GENERAL, Domain, domain_of, sure_domain
from rationanomaly.rulebook.families import Family
from rationanomaly.rulebook.quoting import Text, choose_quotes, easing_quote
from rationanomaly.rulebook.signs import MENTION, VALUES, Reading, read
from rationanomaly.rulebook.specials import SPECIAL
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.prompt import CONCLUSION, Shown, conclude

#: Words of an analysis with its conclusion, as `str.split` counts them.
SHORTEST, LONGEST = 20, 45
_CONCLUSION_WORDS = len(CONCLUSION.split()) + 1
#: Where the first sentence is longer than this it has no other words than it needs.
_LONGEST_OPENING = 18
#: How often an analysis of the right length is drawn before the shortest wordings are taken.
_DRAWS = 36
#: In the first draws what the part does may be said; then what is known of just this failure in this part; then what
#: follows.
_ROLES, _SPECIALS, _IMPLIED = 6, 12, 28
#: Share of the analyses that say what the part does, and of those of a failure that say what it comes from.
_WITH_ROLE, _WITH_SPECIAL = 0.4, 0.4
#: What is checked where a line goes with faults and doesn't say with which.
_UNNAMED: Family = "operation"

#: Of these nothing is said in the first sentence: no word tells what happens.
_NO_EVENT = (MENTION, VALUES)

#: Chooses one of several wordings.
Choice = Callable[[Sequence[str]], str]


def write_analysis(shown: Shown, argue: Label | None, rng: random.Random) -> str:
    """An analysis of a shown log, without a conclusion.

    Args:
        shown: the log; what is quoted is literal in its text.
        argue: the label to argue for, honestly where the words say otherwise; None: what the words say by themselves.
        rng: chooses the wording. The first sentence is chosen before `argue` is looked at.
    """
    text = Text.of(shown)
    if required_quotes(shown) == 0:
        return _wordless(argue, rng)
    reading = read(text.words, text.values)
    quotes = choose_quotes(text, reading, domain_of(text.words))
    eased = len(quotes) == 2 and quotes[1] == easing_quote(text, reading)
    opening = _opening(reading, quotes, eased, rng)
    case = _Case(reading, sure_domain(text.words), argue or reading.label, eased)
    return f"{opening} {_fitting(case, len(opening.split()), rng)}"


def write_rationale(shown: Shown, label: Label, rng: random.Random) -> str:
    """An analysis that argues for the label, with its conclusion; see `write_analysis`."""
    return conclude(write_analysis(shown, label, rng), label)


def label_by_words(shown: Shown) -> Label:
    """What the words of a shown log say by themselves: what `write_analysis` argues for unless asked otherwise."""
    text = Text.of(shown)
    return read(text.words, text.values).label


def _wordless(argue: Label | None, rng: random.Random) -> str:
    endings = phrases.NO_EVIDENCE_ALARM if argue == "abnormal" else phrases.NO_EVIDENCE_CALM
    groups = (phrases.NO_EVIDENCE_OPENINGS, phrases.NO_EVIDENCE_IMPLICATIONS, endings)
    return " ".join(rng.choice(group) for group in groups)


def _opening(reading: Reading, quotes: Sequence[str], eased: bool, rng: random.Random) -> str:
    """What is quoted and what it says."""
    if eased:
        forms = phrases.EASED_OPENINGS
    elif reading.tone == "plain":
        forms = (phrases.MENTION_OPENINGS if reading.event in _NO_EVENT else phrases.PLAIN_OPENINGS)[len(quotes)]
    else:
        forms = phrases.FAULT_OPENINGS[len(quotes)]

    def written(choose: Choice) -> str:
        easing = "" if reading.easing is None else choose(reading.easing.meanings)
        return choose(forms).format(*quotes, clause=choose(reading.sense.meanings), easing=easing)

    opening = written(rng.choice)
    return opening if len(opening.split()) <= _LONGEST_OPENING else written(_shortest)


def _shortest(wordings: Sequence[str]) -> str:
    return min(wordings, key=lambda wording: (len(wording.split()), len(wording)))


@dataclass(frozen=True)
class _Extent:
    """How much is said: what follows, what the part does, and what is known of just this failure in this part."""

    implication: bool = True
    role: bool = False
    special: bool = False


@dataclass(frozen=True)
class _Case:
    """What is to be said: of which reading, in which domain, for which label; and whether the easing was said."""

    reading: Reading
    domain: Domain
    argued: Label
    eased: bool

    def written(self, choose: Choice, extent: _Extent) -> str:
        """The sentences behind the first one."""
        if self.argued == "normal":
            return self._calm(choose, extent)
        family = self.reading.event.family
        if family is None:
            domain = GENERAL if self.reading.event is VALUES else self.domain
            check = _check(domain, _UNNAMED, phrases.SUSPICION_CHECKS, choose)
            return f"{self._suspicion(choose, extent)} {check}" if extent.implication else check
        check = _check(self.domain, family, self.reading.event.checks, choose)
        return f"{self._implication(family, choose, extent)} {check}" if extent.implication else check

    def _calm(self, choose: Choice, extent: _Extent) -> str:
        """Why nobody has to act."""
        event = self.reading.event
        if event.family is None:
            ordinary = choose(phrases.ORDINARY_FORMS).format(ordinary=choose(event.ordinary))
            if not extent.role or self.domain is GENERAL:
                return ordinary
            part = choose(phrases.PART_FORMS).format(topic=self.domain.topic, role=choose(self.domain.roles))
            return f"{part} {ordinary}"
        if self.eased or not extent.implication:
            return choose(phrases.LEFT_ALONE)
        if self.reading.easing is None:
            reason = choose(phrases.EXCUSE_FORMS).format(excuse=choose(event.benign))
        else:
            reason = choose(phrases.EASING_FORMS).format(easing=choose(self.reading.easing.meanings))
        return f"{reason} {choose(phrases.LEFT_ALONE)}"

    def _suspicion(self, choose: Choice, extent: _Extent) -> str:
        """What a line that names no failure may go with."""
        if self.domain is GENERAL or self.reading.event is VALUES or not extent.special:
            return choose(phrases.SUSPICION_FORMS)
        risk = choose(self.domain.harms[_UNNAMED])
        return choose(phrases.SUSPICION_HARM_FORMS).format(topic=self.domain.topic, risk=risk)

    def _implication(self, family: Family, choose: Choice, extent: _Extent) -> str:
        """What may follow: in the part that the log is surely about, else whatever the part."""
        known = SPECIAL.get((self.domain.name, self.reading.event.name), ()) if extent.special else ()
        risks = self.reading.event.risks if self.domain is GENERAL else self.domain.harms[family]
        if self.reading.easing is not None:
            forms = phrases.UNEASED_FORMS
        elif known:
            forms, risks = phrases.SPECIAL_FORMS, known
        elif extent.role and self.domain is not GENERAL:
            forms = phrases.HARM_FORMS
        else:
            forms = phrases.RISK_FORMS
        role = choose(self.domain.roles) if self.domain.roles else ""
        return choose(forms).format(topic=self.domain.topic, role=role, risk=choose(risks))


def _check(domain: Domain, family: Family, otherwise: Sequence[str], choose: Choice) -> str:
    """What an operator does first: in the domain, if it is known, else whatever the part."""
    checks = otherwise if domain is GENERAL else domain.checks[family]
    return choose(phrases.CHECK_FORMS).format(check=choose(checks))


def _fitting(case: _Case, taken: int, rng: random.Random) -> str:
    """The sentences behind the first one, which took some words; as drawn, or the shortest where no draw fits."""
    lower, upper = SHORTEST - _CONCLUSION_WORDS - taken, LONGEST - _CONCLUSION_WORDS - taken
    for draw in range(_DRAWS):
        role = draw < _ROLES and rng.random() < _WITH_ROLE
        special = draw < _SPECIALS and rng.random() < _WITH_SPECIAL
        written = case.written(rng.choice, _Extent(draw < _IMPLIED, role, special))
        if lower <= len(written.split()) <= upper:
            return written
    return case.written(_shortest, _Extent(implication=False))
