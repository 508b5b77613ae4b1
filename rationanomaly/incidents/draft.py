"""An incident while alerts come: the row of it that the database holds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from rationanomaly.incidents.incident import IncidentState
from rationanomaly.signals.alert import Alert

#: Letters and digits that nobody takes for another.
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_ID_LENGTH = 8


@dataclass
class Draft:
    """One row of the table `incidents`, see there and `Incident`.

    Attributes:
        ending: why it is over, where somebody said so; empty: it was quiet, or is not over.
        sent_kinds, sent_nodes, sent_lines: what it held when its version was raised last.
        changed: whether the row has to be stored.
    """

    id: str
    state: IncidentState
    version: int
    announced: int
    opened: float
    updated: float
    resolved: float | None = None
    muted_until: float | None = None
    whole_mute: bool = False
    ending: str = ""
    sent_kinds: tuple[str, ...] = ()
    sent_nodes: int = 0
    sent_lines: int = 0
    alerts: int = 0
    baseline: dict[str, tuple[float, float]] = field(default_factory=dict)
    changed: bool = False

    @property
    def live(self) -> bool:
        """Whether it is not over."""
        return self.state != "resolved"

    def gap(self, start: float, end: float) -> float:
        """Seconds between it and a span of time; 0 if they overlap."""
        return max(0.0, start - self.updated, self.opened - end)

    def raise_version(self) -> None:
        """Let sinks speak of it once more."""
        self.version += 1
        self.changed = True

    def resolve(self, at: float, ending: str = "") -> None:
        """Let it be over."""
        self.state, self.resolved, self.ending = "resolved", max(at, self.updated), ending
        self.raise_version()

    def open_again(self) -> None:
        """Let it be open, after it was over or muted."""
        self.state, self.resolved, self.muted_until, self.whole_mute, self.ending = "open", None, None, False, ""
        self.raise_version()


_COLUMNS = (
    "id, state, version, announced, opened, updated, resolved, muted_until, whole_mute, ending, sent_kinds, sent_nodes,"
    " sent_lines, alerts, baseline"
)


def read_drafts(connection: sqlite3.Connection, condition: str, values: tuple[object, ...] = ()) -> list[Draft]:
    """The incidents that fulfil a condition.

    Args:
        connection: to the database.
        condition: SQL behind WHERE; of ours, never of a log.
        values: of its parameters.
    """
    rows = connection.execute(f"SELECT {_COLUMNS} FROM incidents WHERE {condition}", values)  # noqa: S608 - names and marks are ours
    return [_draft(*row) for row in rows]


def store_drafts(connection: sqlite3.Connection, drafts: Iterable[Draft]) -> None:
    """Write the rows of drafts that changed."""
    marks = ", ".join("?" * (_COLUMNS.count(",") + 1))
    connection.executemany(f"INSERT OR REPLACE INTO incidents ({_COLUMNS}) VALUES ({marks})", map(_row, drafts))  # noqa: S608 - names and marks are ours


def resolve_quiet(drafts: Iterable[Draft], now: float, quiet: float) -> None:
    """Let those be over that were quiet for so many seconds before a time, in seconds since 1970."""
    for draft in drafts:
        if draft.updated + quiet < now and draft.live:
            draft.resolve(draft.updated + quiet)


def new_id(connection: sqlite3.Connection, alert: Alert) -> str:
    """A short word for the incident that an alert opens: the same when the same stream is read again."""
    for number in range(1000):
        seed = f"{alert.kind}\0{alert.subject}\0{alert.time!r}\0{number}".encode("utf-8", "surrogatepass")
        value = int.from_bytes(blake2b(seed, digest_size=8).digest(), "big")
        word = "".join(_ALPHABET[value // len(_ALPHABET) ** place % len(_ALPHABET)] for place in range(_ID_LENGTH))
        if connection.execute("SELECT 1 FROM incidents WHERE id = ?", (word,)).fetchone() is None:
            return word
    raise RuntimeError("no free id for an incident")


def _draft(*row: object) -> Draft:
    values = dict(zip(_COLUMNS.replace(" ", "").split(","), row, strict=True))
    values["whole_mute"] = bool(values["whole_mute"])
    values["sent_kinds"] = tuple(json.loads(str(values["sent_kinds"])))
    values["baseline"] = {name: (now, usual) for name, (now, usual) in json.loads(str(values["baseline"])).items()}
    return Draft(**values)  # type: ignore[arg-type]


def _row(draft: Draft) -> tuple[object, ...]:
    kinds, baseline = json.dumps(draft.sent_kinds), json.dumps(draft.baseline)
    return (
        draft.id, draft.state, draft.version, draft.announced, draft.opened, draft.updated, draft.resolved,
        draft.muted_until, draft.whole_mute, draft.ending, kinds, draft.sent_nodes, draft.sent_lines, draft.alerts,
        baseline,
    )  # fmt: skip
