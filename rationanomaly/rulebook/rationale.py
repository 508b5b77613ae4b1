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
from rationanomaly.text.prompt import CONCLUSION, Shown

#: Words of an analysis with its conclusion, as `str.split` counts them.
SHORTEST, LONGEST = 20, 45
_CONCLUSION_WORDS = len(CONCLUSION.split()) + 1
#: How often an analysis of the right length is drawn before the shortest wordings are taken.
_DRAWS = 16
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
    case = _Case(reading, domain, argue or ("abnormal" if reading.tone == "fault" else "normal"))
    return f"{opening} {_fitting(case, len(opening.split()), rng)}"


def _wordless(argue: Label | None, rng: random.Random) -> str:
    endings = phrases.NO_EVIDENCE_ALARM if argue == "abnormal" else phrases.NO_EVIDENCE_CALM
    groups = (phrases.NO_EVIDENCE_OPENINGS, phrases.NO_EVIDENCE_IMPLICATIONS, endings)
    return " ".join(rng.choice(group) for group in groups)


#: Chooses one of several wordings.
Choice = Callable[[Sequence[str]], str]


def _shortest(wordings: Sequence[str]) -> str:
    return min(wordings, key=lambda wording: (len(wording.split()), len(wording)))


@dataclass(frozen=True)
class _Case:
    """What is to be said: of which reading, in which domain, and for which label."""

    reading: Reading
    domain: Domain
    argued: Label

    def written(self, choose: Choice, *, with_role: bool, with_harm: bool = True, special: bool = True) -> str:
        """The second and third sentence, as long as asked for."""
        fault = self.reading.event if self.reading.event and self.reading.event.family else None
        if fault is None:
            return self._calm(choose, with_role) if self.argued == "normal" else self._suspicious(choose)
        if self.argued == "normal":
            return self._excused(fault, choose, special)
        meaning = self._meaning(fault, choose, with_role, special)
        harm = choose(self.domain.harms[fault.family or _UNNAMED])
        if self.reading.easing is None:
            form = choose(phrases.FAULT_FORMS if with_harm else phrases.PLAIN_FORMS)
            implication = form.format(meaning=meaning, harm=harm)
        else:
            easing = self._about(choose(self.reading.easing.meanings))
            form = choose(phrases.UNEASED_FORMS if with_harm else phrases.BARE_UNEASED_FORMS)
            implication = form.format(meaning=meaning, harm=harm, easing=easing)
        return f"{implication} {self._check(fault.family or _UNNAMED, choose)}"

    def _calm(self, choose: Choice, with_role: bool) -> str:
        activity = self.reading.event or MENTION
        meaning = self._about(choose(activity.meanings), choose(self.domain.roles) if with_role else None)
        ordinary = choose(phrases.ORDINARY_FORMS).format(ordinary=choose(activity.ordinary))
        return f"{choose(phrases.PLAIN_FORMS).format(meaning=meaning)} {ordinary}"

    def _suspicious(self, choose: Choice) -> str:
        suspicion = self._about(choose(phrases.SUSPICIONS))
        implication = choose(phrases.SUSPICION_FORMS).format(suspicion=suspicion)
        return f"{implication} {self._check(_UNNAMED, choose)}"

    def _excused(self, fault: Sign, choose: Choice, special: bool) -> str:
        meaning = self._meaning(fault, choose, False, special)
        if self.reading.easing is None:
            form, but = choose(phrases.EXCUSE_FORMS), {"excuse": choose(phrases.EXCUSES)}
        else:
            form, but = choose(phrases.EASED_FORMS), {"easing": self._about(choose(self.reading.easing.meanings))}
        return f"{form.format(meaning=meaning, **but)} {choose(phrases.LEFT_ALONE)}"

    def _meaning(self, fault: Sign, choose: Choice, with_role: bool, special: bool) -> str:
        """What a failure means in this domain: what is known of just these two, else of the failure."""
        known = SPECIAL.get((self.domain.name, fault.name), ()) if special else ()
        return self._about(choose(known or fault.meanings), choose(self.domain.roles) if with_role else None)

    def _check(self, family: Family, choose: Choice) -> str:
        return choose(phrases.CHECK_FORMS).format(check=choose(self.domain.checks[family]))

    def _about(self, clause: str, role: str | None = None) -> str:
        """A clause with the name of the part and, on demand, what this part does."""
        topic = self.domain.topic if role is None else f"{self.domain.topic}, which {role},"
        return clause.replace("{topic}", topic)


def _fitting(case: _Case, taken: int, rng: random.Random) -> str:
    """The sentences behind the first one, which took some words; as drawn, or the shortest where no draw fits."""
    least, most = SHORTEST - _CONCLUSION_WORDS - taken, LONGEST - _CONCLUSION_WORDS - taken
    for draw in range(_DRAWS):
        with_role = draw < 6 and rng.random() < _WITH_ROLE
        written = _tidied(case.written(rng.choice, with_role=with_role, with_harm=draw < 12, special=draw < 9))
        if least <= len(written.split()) <= most:
            return written
    return _tidied(case.written(_shortest, with_role=False, with_harm=False, special=False))


def _tidied(text: str) -> str:
    """What a role in the middle of a clause leaves: one comma where two met, none before a full stop."""
    return text.replace(",,", ",").replace(",.", ".").replace(",;", ";").replace(",:", ":")
