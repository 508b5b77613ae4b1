"""Write an analysis of a log: what it names, what that means where it happened, and what to do about it.

    write_analysis(show("EDAC MC0: 1 UE memory read error", settings), None, random.Random(0))

An analysis has two or three sentences and, with its conclusion (`text.prompt.conclude`), `SHORTEST` to `LONGEST` words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rationanomaly.records import Label
from rationanomaly.rulebook import phrases
from rationanomaly.rulebook.activities import MENTION
from rationanomaly.rulebook.domains import Domain, domain_of
from rationanomaly.rulebook.families import Family
from rationanomaly.rulebook.quoting import Text, choose_quotes, easing_quote
from rationanomaly.rulebook.signs import Reading, Sign, read
from rationanomaly.rulebook.specials import SPECIAL
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.prompt import CONCLUSION, Shown, conclude

#: Words of an analysis with its conclusion, as `str.split` counts them.
SHORTEST, LONGEST = 20, 45
_CONCLUSION_WORDS = len(CONCLUSION.split()) + 1
#: Where quotes make the first sentence longer than this, it has no other words than it needs.
_LONGEST_OPENING = 12
#: How often an analysis of the right length is drawn before the shortest wordings are taken.
_DRAWS = 24
#: In the first draws the role may be said; then what is known of just this failure in this part; then what follows.
_ROLES, _SPECIALS, _HARMS = 4, 12, 18
#: Share of the analyses of a failure that say what the part does, too.
_WITH_ROLE = 0.4
#: What is checked where a line goes with faults and doesn't say with which.
_UNNAMED: Family = "operation"


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
    reading, domain = read(text.words, text.values), domain_of(text.words)
    quotes = choose_quotes(text, reading, domain)
    if len(quotes) == 2 and quotes[1] == easing_quote(text, reading):
        openings = phrases.EASED_OPENINGS
    else:
        openings = (phrases.PLAIN_OPENINGS if reading.tone == "plain" else phrases.FAULT_OPENINGS)[len(quotes)]
    opening = rng.choice(openings).format(*quotes)
    if len(opening.split()) > _LONGEST_OPENING:
        opening = _shortest(openings).format(*quotes)
    case = _Case(reading, domain, argue or reading.label)
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


#: Chooses one of several wordings.
Choice = Callable[[Sequence[str]], str]


def _shortest(wordings: Sequence[str]) -> str:
    return min(wordings, key=lambda wording: (len(wording.split()), len(wording)))


@dataclass(frozen=True)
class _Extent:
    """How much is said: what the part does, what follows, and what is known of just this failure in this part."""

    role: bool = False
    harm: bool = True
    special: bool = True


@dataclass(frozen=True)
class _Case:
    """What is to be said: of which reading, in which domain, and for which label."""

    reading: Reading
    domain: Domain
    argued: Label

    def written(self, choose: Choice, extent: _Extent) -> str:
        """The second and third sentence."""
        event = self.reading.event
        if event is None or event.family is None:
            return self._calm(choose, extent) if self.argued == "normal" else self._suspicious(choose)
        clause = self._event(event, choose, extent)
        if self.argued == "normal":
            return f"{self._excused(clause, choose, extent)} {choose(phrases.LEFT_ALONE)}"
        harm = choose(self.domain.harms[event.family])
        if self.reading.easing is None:
            form = choose(phrases.FAULT_FORMS if extent.harm else phrases.PLAIN_FORMS)
        else:
            form = choose(phrases.UNEASED_FORMS if extent.harm else phrases.BARE_UNEASED_FORMS)
        implication = form.format(event=clause, harm=harm, easing=self._easing(choose))
        return f"{implication} {self._check(event.family, choose)}"

    def _calm(self, choose: Choice, extent: _Extent) -> str:
        activity = self.reading.event or MENTION
        clause = self._about(choose(activity.meanings), choose(self.domain.roles) if extent.role else None)
        ordinary = choose(phrases.ORDINARY_FORMS).format(ordinary=choose(activity.ordinary))
        return f"{choose(phrases.PLAIN_FORMS).format(event=clause)} {ordinary}"

    def _suspicious(self, choose: Choice) -> str:
        suspicion = self._about(choose(phrases.SUSPICIONS))
        implication = choose(phrases.SUSPICION_FORMS).format(suspicion=suspicion)
        return f"{implication} {self._check(_UNNAMED, choose)}"

    def _excused(self, clause: str, choose: Choice, extent: _Extent) -> str:
        if self.reading.easing is not None:
            return choose(phrases.EASED_FORMS).format(event=clause, easing=self._easing(choose))
        form = choose(phrases.EXCUSE_FORMS if extent.harm else phrases.BARE_EXCUSE_FORMS)
        return form.format(event=clause, excuse=choose(phrases.EXCUSES))

    def _event(self, fault: Sign, choose: Choice, extent: _Extent) -> str:
        """What a failure means in this domain: what is known of just these two, else of the failure."""
        known = SPECIAL.get((self.domain.name, fault.name), ()) if extent.special else ()
        return self._about(choose(known or fault.meanings), choose(self.domain.roles) if extent.role else None)

    def _easing(self, choose: Choice) -> str:
        return "" if self.reading.easing is None else self._about(choose(self.reading.easing.meanings))

    def _check(self, family: Family, choose: Choice) -> str:
        return choose(phrases.CHECK_FORMS).format(check=choose(self.domain.checks[family]))

    def _about(self, clause: str, role: str | None = None) -> str:
        """A clause with the name of the part and, on demand, what this part does."""
        topic = self.domain.topic if role is None else f"{self.domain.topic}, which {role},"
        return clause.replace("{topic}", topic)


def _fitting(case: _Case, taken: int, rng: random.Random) -> str:
    """The sentences behind the first one, which took some words; as drawn, or the shortest where no draw fits."""
    lower, upper = SHORTEST - _CONCLUSION_WORDS - taken, LONGEST - _CONCLUSION_WORDS - taken
    for draw in range(_DRAWS):
        role = draw < _ROLES and rng.random() < _WITH_ROLE
        extent = _Extent(role, harm=draw < _HARMS, special=not _SPECIALS <= draw < _HARMS)
        written = _tidied(case.written(rng.choice, extent))
        if lower <= len(written.split()) <= upper:
            return written
    return _tidied(case.written(_shortest, _Extent(harm=False, special=False)))


def _tidied(text: str) -> str:
    """What a role in the middle of a clause leaves: one comma where two met, none before a full stop."""
    return text.replace(",,", ",").replace(",.", ".").replace(",;", ";").replace(",:", ":")
