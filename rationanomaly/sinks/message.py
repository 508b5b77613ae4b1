"""What is told of an incident: a bounded picture of it, as it was when it changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rationanomaly.errors import one_line
from rationanomaly.incidents.incident import Incident

#: What has become of an incident since a sink was last told of it.
Change = Literal["opened", "updated", "resolved"]

#: An incident may hold anything; a message is read by people, and receivers limit it.
_ALERTS, _LINES, _SENTENCES, _NAMES = 20, 3, 20, 50
_CHARACTERS = 500
_SUBJECT = 200


@dataclass(frozen=True)
class Message:
    """One state of one incident.

    Attributes:
        incident: id of the incident.
        version: of the incident.
        change: what has become of it.
        row: the incident as `bounded` leaves it. Hostile input.
        kind: of its first cause when it was opened, which doesn't change with later versions.
        node: of its first cause when it was opened; empty: it has none.
        link: of its page; empty: there is none.
    """

    incident: str
    version: int
    change: Change
    row: Mapping[str, Any]
    kind: str
    node: str
    link: str = ""

    @property
    def key(self) -> str:
        """The same for each attempt to send it, and for nothing else."""
        return f"{self.incident}.{self.version}"

    @property
    def title(self) -> str:
        """Of the incident, in one line."""
        return one_line(str(self.row["title"]))[:_SUBJECT]


def bounded(incident: Incident) -> dict[str, Any]:
    """An incident as JSON of some kB: of many alerts the first and the last, of many names the first.

    Numbers of all of them stand beside: ``alert_counts``, ``lines``, and ``node_count``, ``session_count``,
    ``template_count``.
    """
    row = incident.as_row()
    alerts = [_with_first_lines(one) for one in _ends(row["alerts"], _ALERTS)]
    frequent = sorted(incident.templates.items(), key=lambda item: -item[1])[:_NAMES]
    kept: dict[str, Any] = _cut(
        {
            **row,
            "first_cause": _with_first_lines(row["first_cause"]),
            "alerts": alerts,
            "nodes": list(incident.nodes[:_NAMES]),
            "sessions": list(incident.sessions[:_NAMES]),
            "templates": dict(frequent),
            "summary": [_with_first_lines(one) for one in row["summary"][:_SENTENCES]],
            "baseline": dict(list(row["baseline"].items())[:_NAMES]),
        }
    )
    return kept | {
        "node_count": len(incident.nodes),
        "session_count": len(incident.sessions),
        "template_count": len(incident.templates),
    }


def write_row(row: Mapping[str, Any]) -> str:
    """A row as JSON in ASCII, which every database and every server takes, lone halves of characters included."""
    return json.dumps(row, ensure_ascii=True, separators=(",", ":"))


def _with_first_lines(row: Mapping[str, Any]) -> dict[str, Any]:
    """An alert, or a sentence of a summary."""
    return {**row, "lines": list(row["lines"])[:_LINES]}


def _ends(items: Iterable[Any], count: int) -> Sequence[Any]:
    everything = list(items)
    half = count // 2
    return everything if len(everything) <= count else [*everything[:half], *everything[-half:]]


def _cut(value: Any) -> Any:
    """A JSON value with every text in it cut to `_CHARACTERS`."""
    if isinstance(value, str):
        return value if len(value) <= _CHARACTERS else f"{value[: _CHARACTERS - 1]}…"
    if isinstance(value, Mapping):
        return {_cut(key): _cut(under) for key, under in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(under) for under in value]
    return value
