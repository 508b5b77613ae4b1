"""The sentences that the built-in teacher writes with, as one list: what a base from scratch learns words from."""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.rulebook import domains, phrases, signs
from rationanomaly.text.evidence import NO_EVIDENCE

#: What is learnt from, in this order. A tokenizer is made of it: what is added or moved here changes every base.
SOURCES: Mapping[str, object] = {
    "NO_EVIDENCE": NO_EVIDENCE,
    "FAULT_OPENINGS": phrases.FAULT_OPENINGS,
    "PLAIN_OPENINGS": phrases.PLAIN_OPENINGS,
    "NO_EVIDENCE_OPENINGS": phrases.NO_EVIDENCE_OPENINGS,
    "IMPLICATIONS": phrases.IMPLICATIONS,
    "PART_IMPLICATION": phrases.PART_IMPLICATION,
    "NO_EVIDENCE_IMPLICATIONS": phrases.NO_EVIDENCE_IMPLICATIONS,
    "NO_EVIDENCE_ABNORMAL": phrases.NO_EVIDENCE_ABNORMAL,
    "CONCLUSIONS": phrases.CONCLUSIONS,
    "GENERAL": domains.GENERAL,
    "DOMAINS": domains.DOMAINS,
    "FAULTS": signs.FAULTS,
    "EASINGS": signs.EASINGS,
    "ACTIVITIES": signs.ACTIVITIES,
    "RULED_OUT": signs.RULED_OUT,
    "VALUES": signs.VALUES,
    # One of the faults, a second time: every tokenizer so far has counted its words twice.
    "ABSENT": signs.ABSENT,
}


def general_sentences() -> list[str]:
    """Every text of more than one word in `SOURCES`, in their order, so that a rationale is words and not pieces."""
    return [text for value in SOURCES.values() for text in _texts(value)]


def _texts(value: object) -> list[str]:
    """All strings inside nested mappings, sequences, sets and dataclasses, but for the titles of their sources."""
    if isinstance(value, str):
        return [value] if " " in value else []
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, tuple | list | frozenset):
        return [text for part in (sorted(value) if isinstance(value, frozenset) else value) for text in _texts(part)]
    fields = getattr(value, "__dataclass_fields__", None)
    if fields and not isinstance(value, type):
        return [text for name in fields if name != "sources" for text in _texts(getattr(value, name))]
    return []
