"""What the engine gives out as lines for people; all text of a log is inert in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rationanomaly.signals.alert import Alert
from rationanomaly.stream.taken import Settled, Taken
from rationanomaly.text.untrusted import for_terminal

#: Characters of a message, or of a rationale, in a line for people.
_LONGEST = 400
_STYLES = {"normal": "dim", "abnormal": "bold red", "invalid": "yellow", "pending": "cyan"}
_MARKS = {"normal": " ", "abnormal": "✗", "invalid": "?", "pending": "…"}


class StyledLine(NamedTuple):
    """A line for a terminal, with the name of a style of rich."""

    text: str
    style: str


def text_view(found: Taken | Settled) -> Iterator[StyledLine]:
    """Every line, then what else is to be said."""
    if isinstance(found, Taken):
        columns = ("time", "node", "level", "answer", "score", "message")
        for at, node, level, answer, score, message in found.lines.select(columns).iter_rows():
            place = " ".join(
                part for part in (f"{at:%Y-%m-%d %H:%M:%S}" if at else "", node or "", level or "") if part
            )
            shown = f"{_MARKS[answer]} {'     ' if score is None else f'{score:.3f}'} {place} {message}"
            yield _line(shown, _STYLES[answer])
        for source, number, raw in found.rejected_lines.iter_rows():
            yield _line(f"! {source}:{number} fits no record: {raw}", "yellow")
    yield from alerts_view(found)


def alerts_view(found: Taken | Settled) -> Iterator[StyledLine]:
    """Alerts, incidents, and verdicts that came later and are abnormal."""
    if isinstance(found, Settled):
        for one in found.corrections:
            if one.verdict.answer != "normal":
                reason = f": {one.verdict.rationale}" if one.verdict.rationale else ""
                lines = f"{one.count} {'line' if one.count == 1 else 'lines'}"
                text = f"↳ {one.verdict.answer} {one.verdict.score:.3f}, {lines} of `{one.template}`{reason}"
                yield _line(text, _STYLES[one.verdict.answer])
    for alert in found.alerts:
        yield _line(f"▲ {alert.kind}: {alert.text}{_cited(alert)}", "bold magenta")
    for incident in found.incidents:
        yield _line(f"■ incident {incident.id} {incident.state}, {incident.lines} lines: {incident.title}", "bold")


def _cited(alert: Alert) -> str:
    lines = ", ".join(f"{line.source}:{line.line}" for line in alert.lines[:3])
    return f" ({lines})" if lines else ""


def _line(text: str, style: str) -> StyledLine:
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return StyledLine(for_terminal(shown), style)
