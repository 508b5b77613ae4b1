"""Whether the words of a log bear out what an analysis claims of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rationanomaly.rulebook.activities import ACTIVITIES, EASINGS, MENTION, RULED_OUT, VALUES
from rationanomaly.rulebook.argument import Argument
from rationanomaly.rulebook.domains import DOMAINS, GENERAL, Domain, sure_domain
from rationanomaly.rulebook.events import Sign
from rationanomaly.rulebook.families import Family
from rationanomaly.rulebook.faults import FAULTS
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.signs import named_activities, named_easings, named_faults, read
from rationanomaly.rulebook.vocabulary import explained_by, explained_without_words
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.prompt import Shown

_SIGNS: Mapping[str, Sign] = {sign.name: sign for sign in (*FAULTS, *EASINGS, *ACTIVITIES, RULED_OUT, VALUES, MENTION)}
_DOMAINS: Mapping[str, Domain] = {domain.name: domain for domain in (*DOMAINS, GENERAL)}
#: So many signs and domains may be named that the log doesn't speak of: an engineer infers more than it says.
_INFERRED = 2
#: A sentence is foreign to a log if more than this share of its content words is; of few foreign words more than half.
_FOREIGN_SHARE, _FEW, _FEW_SHARE = 0.4, 2, 0.5
#: The failure of which nothing more is known: what follows from it may follow from any.
_ANY_FAILURE = "failed"
#: What is checked where a line goes with faults and doesn't say with which.
_UNNAMED: Family = "operation"


def supported(argument: Argument, shown: Shown) -> bool | None:
    """Whether all that is claimed is borne out by the words of the log; None where nothing known is claimed.

    A failure is if the log names it or one of its family, and so are the consequences and checks of that family; an
    activity or easing if the log holds a word of it; a domain if the log holds a word of it, or of none. Not borne out
    are, too: a sentence most of whose words neither the log nor the rulebook explains, a denial of what the log says, a
    text that calls itself untrue, and of a log without words any claim.
    """
    log = _read(shown)
    if log.contradicts(argument):
        return False
    return True if log.claims(argument) else None


def support(argument: Argument, shown: Shown) -> float:
    """How far the words of the log bear out what is claimed. Range: [0, 1].

    1: all of it, and it tells this log from others, by an event or by what follows from it; of a log without words that
    nothing is claimed. ½: a sentence holds nothing that the rulebook knows, or all of them nothing but what is true of
    any log where the rulebook knows more of this one. 0: something is not borne out (`supported`).
    """
    log = _read(shown)
    if log.contradicts(argument):
        return 0.0
    return 1.0 if log.bears_out(argument) or not log.has_words else 0.5


def telling_words(shown: Shown) -> frozenset[str]:
    """The lower-case words of a log by which the rulebook knows what happened."""
    return _read(shown).telling


@dataclass(frozen=True)
class _Log:
    """What the rulebook reads in a log.

    Attributes:
        has_words: whether there is anything to quote.
        signs: names of the failures, easings and activities that it names.
        failures: names of the failures alone.
        families: of the failures that it names.
        domain: that it is surely about; the general one where it leaves that open.
        touched: names of those that it holds a word of.
        acts: whether it names an activity, and doesn't only say that there is none.
        fails: whether its words name a failure.
        explained: stems that may be expected in an analysis of it.
        telling: words that name a sign.
    """

    has_words: bool
    signs: frozenset[str]
    failures: frozenset[str]
    families: frozenset[Family]
    domain: Domain
    touched: frozenset[str]
    acts: bool
    fails: bool
    explained: frozenset[str]
    telling: frozenset[str]

    def _is_foreign(self, sentence: Sequence[str]) -> bool:
        """Whether most of what a sentence is about has nothing to do with the log, as far as the rulebook knows."""
        foreign = sum(one not in self.explained for one in sentence)
        share = _FOREIGN_SHARE if foreign > _FEW else _FEW_SHARE
        return foreign >= _FEW and foreign > share * len(sentence)

    def contradicts(self, argument: Argument) -> bool:
        """Whether a claim is not borne out."""
        if argument.retracted or any(self._is_foreign(sentence) for sentence in argument.contents):
            return True
        if not self.has_words:
            claimed = argument.signs - {VALUES.name} or argument.domains or argument.families or argument.named
            return bool(claimed or argument.wordings)
        named = sum(not self._is_named(name) for name in argument.named)
        return (
            not all(self._sign_holds(name) for name in argument.signs & _SIGNS.keys())
            or not all(name in self.touched or self._is_open(name) for name in argument.domains & _DOMAINS.keys())
            or not argument.families <= (self.families or {_UNNAMED})
            or not argument.wordings <= {"alarming" if self.fails else "calm"}
            or bool(argument.denied & self.signs)
            or named > _INFERRED
        )

    def claims(self, argument: Argument) -> bool:
        """Whether anything is claimed that the rulebook knows of."""
        known = argument.signs & _SIGNS.keys() or argument.domains & _DOMAINS.keys()
        return bool(known) or any(self._is_named(name) for name in argument.named)

    def bears_out(self, argument: Argument) -> bool:
        """Whether a claim that holds tells this log from others, as far as that can be, and every sentence is known."""
        if argument.unread or any(self._is_open(name) for name in argument.domains):
            return False
        events = (argument.signs | argument.named) & _SIGNS.keys()
        telling = any(self._sign_holds(name) and not self._is_vague(name, argument) for name in events)
        suspected = bool(argument.wordings) and not self.fails and not self.acts and self.domain is GENERAL
        return telling or bool(argument.families) or suspected

    def _sign_holds(self, name: str) -> bool:
        return name in self.signs or _SIGNS[name].family in self.families

    def _is_vague(self, name: str, argument: Argument) -> bool:
        """Whether the rulebook knows more of the log than that it mentions something, or what any failure leads to."""
        if name == _ANY_FAILURE:
            return name in argument.implied and (self.domain is not GENERAL or len(self.failures) > 1)
        return name == MENTION.name and self.acts

    def _is_open(self, name: str) -> bool:
        """Whether nothing in the log speaks for or against its being about a domain."""
        return (name == GENERAL.name) != (self.domain is GENERAL)

    def _is_named(self, name: str) -> bool:
        if name in _SIGNS:
            return self._sign_holds(name)
        return name in self.touched


@lru_cache(maxsize=4096)
def _read(shown: Shown) -> _Log:
    text = Text.of(shown)
    reading = read(text.words, text.values)
    faults = [*named_faults(text.words)]
    faults.append(reading.event)
    named = (*faults, *named_easings(text.words), *named_activities(text.words))
    held = {sign.name for sign in named}
    if reading.tone == "plain":
        held.add(MENTION.name)
    spoken_of = sure_domain(text.words)
    touched = {domain.name for domain in DOMAINS if not domain.words.isdisjoint(text.words)}
    return _Log(
        required_quotes(shown) > 0,
        frozenset(held),
        frozenset(sign.name for sign in faults if sign.family is not None),
        frozenset(sign.family for sign in faults if sign.family is not None),
        spoken_of,
        frozenset(touched | {spoken_of.name}),
        reading.event is not MENTION and bool(named_activities(text.words)),
        reading.tone != "plain",
        explained_by(text.words) if required_quotes(shown) else explained_without_words(),
        frozenset(word for sign in named for phrase in sign.words for word in phrase.split()) & set(text.words),
    )
