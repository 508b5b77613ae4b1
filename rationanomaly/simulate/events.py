"""The catalogue: every message that the made-up machine can log.

One CSV file per subsystem in ``catalogue/``, one row per event. The text holds typed placeholders such as
``{node}``; `values.POOLS` says what stands at each. To add a message, add a row; to add a subsystem, a file.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from string import Formatter

from rationanomaly.records import Label

COLUMNS = ("event", "severity", "label", "domain", "rate", "text")


@dataclass(frozen=True)
class Event:
    """One kind of message.

    Attributes:
        name: unique in the catalogue.
        subsystem: what logs it: the name of its file.
        severity: what the message claims of itself; the truth is in ``label``.
        label: abnormal if it is a sign of a fault that needs attention.
        domain: the kind of fault that brings it (`faults.DOMAINS`); benign events may have one too: they come
            all the time, but more often around such a fault. Empty for all others.
        rate: how often it comes, relative to the other benign events, or to the other faults of its domain.
        text: the message with placeholders.
    """

    name: str
    subsystem: str
    severity: str
    label: Label
    domain: str
    rate: int
    text: str

    @property
    def fault(self) -> bool:
        """Whether it is a sign of a fault."""
        return self.label == "abnormal"

    def pieces(self) -> list[tuple[str, str | None]]:
        """The text cut into pairs of literal text and the name of the placeholder behind it, if any."""
        return [(literal, name) for literal, name, _, _ in Formatter().parse(self.text)]


def load_catalogue() -> tuple[Event, ...]:
    """Read all events, by file name and then in file order."""
    files = resources.files("rationanomaly.simulate.catalogue")
    events: list[Event] = []
    for file in sorted(files.iterdir(), key=lambda entry: entry.name):
        subsystem, _, suffix = file.name.partition(".")
        if suffix == "csv":
            rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines(), strict=True)
            events += (_event(subsystem, row) for row in rows)
    return tuple(events)


def _event(subsystem: str, row: dict[str, str]) -> Event:
    if tuple(row) != COLUMNS or None in row.values() or row["label"] not in ("normal", "abnormal"):
        raise ValueError(f"catalogue/{subsystem}.csv: not a row of {', '.join(COLUMNS)}: {row}")
    label: Label = "abnormal" if row["label"] == "abnormal" else "normal"
    return Event(row["event"], subsystem, row["severity"], label, row["domain"], int(row["rate"]), row["text"])
