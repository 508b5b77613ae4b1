"""Alerts: what the detector and the signals hand on to incidents, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

AlertKind = Literal[
    "line",  # a template whose verdict is abnormal
    "new_template",  # a template never seen before
    "burst",  # a rate above its own history
    "drop",  # a rate below its own history
    "heartbeat",  # a regular message that has stopped
    "silent_node",  # a node from which nothing comes
    "unlike_peers",  # a node that does not do as its peers do
    "parameter",  # a number out of its range
    "session",  # events of a session are missing or out of order
    "drift",  # the stream is no longer what the model was trained on
]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)


@dataclass(frozen=True, slots=True)
class LineRef:
    """A line of a stream, as evidence.

    Attributes:
        source: the file or stream, as users name it.
        line: number of its first line in the source, from 1; it keeps counting when a file is rotated.
        time: seconds since 1970, UTC; None if the line names none.
        node: where it comes from; None if the line names none.
        message: without the format's header, at most `MAX_MESSAGE` characters of it. Hostile input.
    """

    source: str
    line: int
    time: float | None
    node: str | None
    message: str


#: Characters of a message that evidence keeps.
MAX_MESSAGE = 2000


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that wants attention.

    Attributes:
        kind: what kind of thing it is.
        subject: what it is about, such as a template id, a node, or both: with ``kind`` it is the identity of a thing
            that continues, so that a repetition of it updates an incident and opens none.
        time: seconds since 1970, UTC: when it showed, by the log's clock; by ours where the log has none.
        score: how sure and how grave, in [0, 1]; of a line its verdict's score.
        text: one sentence that an operator can check. It may quote log text, so it is hostile input.
        lines: evidence, oldest first; at least one but for what is silent.
        template_id, template: what it is about, where it is about one template.
        node: where, if on one node.
        session: in which, if in one.
        measures: numbers behind the sentence by name, such as ``expected`` and ``observed``.
    """

    kind: AlertKind
    subject: str
    time: float
    score: float
    text: str
    lines: tuple[LineRef, ...] = ()
    template_id: str | None = None
    template: str | None = None
    node: str | None = None
    session: str | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """One JSON object."""
        lines = tuple(_by_name(line) for line in self.lines)
        return _by_name(self) | {"lines": lines, "measures": dict(self.measures)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Alert:
        """The alert that `as_row` wrote."""
        return cls(**{**row, "lines": tuple(LineRef(**line) for line in row["lines"])})


def _by_name(one: Alert | LineRef) -> dict[str, Any]:
    """The attributes by name; `dataclasses.asdict` copies each value besides, and is many times slower."""
    return {attribute.name: getattr(one, attribute.name) for attribute in fields(one)}
