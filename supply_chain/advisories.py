"""The vendored list of advisories, and which of them touch a version.

`advisories.json` holds the day it was made, the service that was asked, which versions it was asked about, and what it
knew of them, in OSV's form (https://ossf.github.io/osv-schema/) without the texts. `accepted.json` says why an advisory
that touches one of ours may stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from supply_chain.pins import canonical

HERE = Path(__file__).parent
LIST, ACCEPTED = HERE / "advisories.json", HERE / "accepted.json"


@dataclass(frozen=True)
class Advisory:
    """What is known to be wrong with a package.

    Attributes:
        id: for example GHSA-w8v5-vhqr-4h9v.
        aliases: of other databases.
        affected: packages and versions, as OSV writes them.
        fixed: versions that have it no more, where the service says so.
    """

    id: str
    aliases: tuple[str, ...]
    affected: tuple[Mapping[str, Any], ...]
    fixed: tuple[str, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Advisory:
        """Out of a document of OSV."""
        affected = tuple(document.get("affected", ()))
        events = [event for one in affected for span in one.get("ranges", ()) for event in span["events"]]
        fixed = [event["fixed"] for event in events if "fixed" in event]
        fixed += document.get("database_specific", {}).get("fixed_in", [])
        return cls(document["id"], tuple(document.get("aliases", ())), affected, tuple(dict.fromkeys(fixed)))

    @property
    def names(self) -> frozenset[str]:
        """All that it is called."""
        return frozenset({self.id, *self.aliases})

    def touches(self, name: str, version: str) -> bool:
        """Whether a version of a package has it."""
        mine = [one for one in self.affected if _is_of(one["package"], name)]
        return any(version in one.get("versions", ()) or _in_ranges(version, one.get("ranges", ())) for one in mine)


@dataclass(frozen=True)
class Known:
    """The vendored list.

    Attributes:
        date: when it was made, YYYY-MM-DD.
        service: who was asked.
        looked_up: (name, version) that it was asked about.
        advisories: what it knew.
    """

    date: str
    service: str
    looked_up: frozenset[tuple[str, str]]
    advisories: tuple[Advisory, ...]

    @classmethod
    def read(cls, path: Path = LIST) -> Known:
        """The list in a file."""
        document = json.loads(path.read_text(encoding="utf-8"))
        asked = frozenset(tuple(pin.split("==")) for pin in document["looked_up"])
        return cls(document["date"], document["service"], asked, tuple(map(Advisory.of, document["advisories"])))


@dataclass(frozen=True)
class Finding:
    """A pinned version that an advisory touches."""

    name: str
    version: str
    advisory: Advisory

    def __str__(self) -> str:
        called = ", ".join([self.advisory.id, *self.advisory.aliases])
        fixed = ", ".join(self.advisory.fixed)
        return f"{self.name} {self.version}: {called}; {f'fixed in {fixed}' if fixed else 'no version without it'}"


@dataclass(frozen=True)
class Acceptance:
    """Why an advisory may stay: of one version, so that another one is looked at again."""

    id: str
    package: str
    version: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this."""
        return self.id in finding.advisory.names and (self.package, self.version) == (finding.name, finding.version)


def read_accepted(path: Path = ACCEPTED) -> list[Acceptance]:
    """What was accepted."""
    return [Acceptance(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def find(pins: Iterable[tuple[str, str]], advisories: Iterable[Advisory]) -> list[Finding]:
    """The pins that are touched; of advisories about the same thing the first one."""
    found, known = list[Finding](), set[tuple[str, str, str]]()
    for name, version in sorted(pins):
        for advisory in advisories:
            called = {(name, version, alias) for alias in advisory.names}
            if advisory.touches(name, version) and not called & known:
                found.append(Finding(name, version, advisory))
                known |= called
    return found


def _is_of(package: Mapping[str, str], name: str) -> bool:
    return package.get("ecosystem") == "PyPI" and canonical(package["name"]) == name


def _in_ranges(version: str, ranges: Iterable[Mapping[str, Any]]) -> bool:
    return any(_inside(Version(version), span["events"]) for span in ranges if span["type"] == "ECOSYSTEM")


def _inside(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """By OSV's rule: the events in their order, each of which lets the version in or out."""
    inside = False
    for event in sorted(events, key=_place):
        ((kind, text),) = event.items()
        if kind == "introduced":
            inside = inside or version >= _version(text)
        elif kind == "fixed":
            inside = inside and version < _version(text)
        elif kind == "last_affected":
            inside = inside and version <= _version(text)
    return inside


def _place(event: Mapping[str, str]) -> Version:
    return _version(next(iter(event.values())))


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:  # One that pip could not install either.
        return Version("0")
