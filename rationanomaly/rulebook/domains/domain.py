"""What a domain is: a part of a computer system in which faults have their own causes, effects and first checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rationanomaly.rulebook.families import Family

#: Harms and checks of one family.
Entry = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Domain:
    """A part of a computer system.

    Attributes:
        name: short, for documentation, tests and `specials`.
        topic: a singular noun phrase with its article.
        roles: what the part does: predicates that follow "which".
        harms: by family, what may follow from a fault there for jobs, data or hardware, as clauses behind "if".
        checks: by family, what an operator looks at first: imperative sentences, in lower case, without a full stop.
        words: lower-case words that belong to it.
        hints: those of them that are used of other parts, too: one of them alone doesn't tell what a log is about.
        sources: manual pages, sources and documentation that tell more, by name.
        broad: whether it covers parts that are domains of their own; it loses ties to them.
    """

    name: str
    topic: str
    roles: tuple[str, ...]
    harms: Mapping[Family, tuple[str, ...]] = field(hash=False)
    checks: Mapping[Family, tuple[str, ...]] = field(hash=False)
    words: frozenset[str]
    sources: tuple[str, ...]
    hints: frozenset[str] = frozenset()
    broad: bool = False


def domain(
    name: str,
    topic: str,
    roles: tuple[str, ...],
    *,
    capacity: Entry,
    integrity: Entry,
    availability: Entry,
    access: Entry,
    absence: Entry,
    operation: Entry,
    degradation: Entry,
    words: str,
    sources: tuple[str, ...],
    hints: str = "",
    broad: bool = False,
) -> Domain:
    """A `Domain`; for each family its harms and its checks, ``words`` and ``hints`` with spaces between."""
    entries: dict[Family, Entry] = {
        "capacity": capacity,
        "integrity": integrity,
        "availability": availability,
        "access": access,
        "absence": absence,
        "operation": operation,
        "degradation": degradation,
    }
    harms = {family: harms for family, (harms, _) in entries.items()}
    checks = {family: checks for family, (_, checks) in entries.items()}
    return Domain(name, topic, roles, harms, checks, frozenset(words.split()), sources, frozenset(hints.split()), broad)
