"""The sentences that the built-in teacher writes with, as one list: what a base from scratch learns words from."""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.rulebook import domains, phrases, signs, specials
from rationanomaly.text.evidence import NO_EVIDENCE
from rationanomaly.text.prompt import CONCLUSION

#: What is learnt from, in this order. A tokenizer is made of it: what is added or moved here changes every base.
SOURCES: Mapping[str, object] = {
    "NO_EVIDENCE": NO_EVIDENCE,
    "CONCLUSION": CONCLUSION,
    "FAULT_OPENINGS": phrases.FAULT_OPENINGS,
    "EASED_OPENINGS": phrases.EASED_OPENINGS,
    "PLAIN_OPENINGS": phrases.PLAIN_OPENINGS,
    "MENTION_OPENINGS": phrases.MENTION_OPENINGS,
    "NO_EVIDENCE_OPENINGS": phrases.NO_EVIDENCE_OPENINGS,
    "RISK_FORMS": phrases.RISK_FORMS,
    "HARM_FORMS": phrases.HARM_FORMS,
    "UNEASED_FORMS": phrases.UNEASED_FORMS,
    "SPECIAL_FORMS": phrases.SPECIAL_FORMS,
    "CHECK_FORMS": phrases.CHECK_FORMS,
    "PART_FORMS": phrases.PART_FORMS,
    "ORDINARY_FORMS": phrases.ORDINARY_FORMS,
    "EASING_FORMS": phrases.EASING_FORMS,
    "LEFT_ALONE": phrases.LEFT_ALONE,
    "EXCUSE_FORMS": phrases.EXCUSE_FORMS,
    "SUSPICION_FORMS": phrases.SUSPICION_FORMS,
    "SUSPICION_HARM_FORMS": phrases.SUSPICION_HARM_FORMS,
    "SUSPICION_CHECKS": phrases.SUSPICION_CHECKS,
    "NO_EVIDENCE_IMPLICATIONS": phrases.NO_EVIDENCE_IMPLICATIONS,
    "NO_EVIDENCE_CALM": phrases.NO_EVIDENCE_CALM,
    "NO_EVIDENCE_ALARM": phrases.NO_EVIDENCE_ALARM,
    "DOMAINS": domains.DOMAINS,
    "SPECIAL": specials.SPECIAL,
    "FAULTS": signs.FAULTS,
    "EASINGS": signs.EASINGS,
    "ACTIVITIES": signs.ACTIVITIES,
    "RULED_OUT": signs.RULED_OUT,
    "VALUES": signs.VALUES,
    "MENTION": signs.MENTION,
}
#: Fields that no rationale is written with: the words of logs, which logs teach, and titles of manual pages.
_LEFT_OUT = frozenset(("words", "hints", "sources"))
#: Sources that speak of single parts.
_OF_PARTS = frozenset(("DOMAINS", "SPECIAL"))
#: Sources that speak of single events.
_OF_EVENTS = frozenset(("FAULTS", "EASINGS", "ACTIVITIES", "RULED_OUT"))


def general_sentences() -> list[str]:
    """Every text of more than one word in `SOURCES`, in their order, so that a rationale is words and not pieces."""
    return [text for value in SOURCES.values() for text in _texts(value)]


def sentences_of_any_part() -> list[str]:
    """Those that are written whatever the part that a log speaks of."""
    return [text for name, value in SOURCES.items() if name not in _OF_PARTS for text in _texts(value)]


def sentences_of_no_part() -> list[str]:
    """Those that speak of no event, either: what may be said of a log without words."""
    kept = {name: value for name, value in SOURCES.items() if name not in _OF_PARTS | _OF_EVENTS}
    return [text for value in kept.values() for text in _texts(value)]


def sentences_of(domain: domains.Domain) -> list[str]:
    """Those that are written of a part; its special ones, too."""
    special = [text for (name, _), texts in specials.SPECIAL.items() if name == domain.name for text in texts]
    return [*_texts(domain), *special]


def _texts(value: object) -> list[str]:
    """All strings inside nested mappings, sequences, sets and dataclasses, but for the fields that are left out."""
    if isinstance(value, str):
        return [value] if " " in value else []
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, tuple | list | frozenset):
        return [text for part in (sorted(value) if isinstance(value, frozenset) else value) for text in _texts(part)]
    fields = getattr(value, "__dataclass_fields__", None)
    if fields and not isinstance(value, type):
        return [text for name in fields if name not in _LEFT_OUT for text in _texts(getattr(value, name))]
    return []
