"""The summary of an incident: sentences that can be checked, each with the lines that bear it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rationanomaly.incidents.draft import Draft
from rationanomaly.incidents.evidence import nodes_of
from rationanomaly.incidents.incident import Cited
from rationanomaly.incidents.wording import (
    KINDS,
    amount_in_words,
    count_in_words,
    list_in_words,
    shortened,
    span_in_words,
    time_in_words,
)
from rationanomaly.signals.alert import Alert, AlertKind, LineRef

#: Lines that a sentence cites.
_CITED = 5
#: Kinds of alerts, and templates that differ, each of which gets a sentence.
_KINDS, _DIFFERENT = 4, 4


@dataclass(frozen=True)
class Parts:
    """What a summary is made of.

    Attributes:
        draft: the incident.
        alerts: the kept ones in the order of time; not empty.
        counts: alerts by kind, all of them.
        lines: number of lines.
        nodes, sessions: most lines first.
        templates: template ids → lines, most first.
        texts: template ids → texts.
        baseline: template ids → (lines now, lines expected).
    """

    draft: Draft
    alerts: Sequence[Alert]
    counts: Mapping[str, int]
    lines: int
    nodes: Sequence[str]
    sessions: Sequence[str]
    templates: Mapping[str, int]
    texts: Mapping[str, str]
    baseline: Mapping[str, tuple[float, float]]


def title_of(parts: Parts) -> str:
    """One line for a list: what came first, and how far it spread."""
    first = parts.alerts[0]
    what = shortened(f"{KINDS[first.kind].capitalize()}: {first.template or first.text}", 120)
    if len(parts.nodes) > 1:
        return f"{what} · {count_in_words(len(parts.nodes), 'node')}"
    return f"{what} · {shortened(parts.nodes[0], 60)}" if parts.nodes else what


def summarise(parts: Parts) -> tuple[Cited, ...]:
    """The sentences; one that no line bears out is left out."""
    written = (*_beginning(parts), *_spread(parts), *_size(parts), *_kinds(parts), *_differences(parts), *_end(parts))
    return tuple(sentence for sentence in written if sentence.lines)


def _beginning(parts: Parts) -> Iterator[Cited]:
    first = parts.alerts[0]
    what = f"It began at {time_in_words(first.time)} with {_a(KINDS[first.kind])}: {shortened(first.text, 300)}"
    yield Cited(_sentence(what), first.lines[:_CITED])


def _spread(parts: Parts) -> Iterator[Cited]:
    """In which order nodes had their first alert."""
    shown: dict[str, Alert] = {}
    for alert in parts.alerts:
        for node in nodes_of(alert):
            shown.setdefault(node, alert)
    if len(shown) < 2:
        return
    order = list(shown)
    seconds = shown[order[-1]].time - shown[order[0]].time
    within = f"within {span_in_words(seconds)}" if seconds else "at the same moment"
    text = f"After {order[0]} it showed on {list_in_words(order[1:])}, {within}."
    cited = [line for node in order[:_CITED] for line in _lines_on(shown[node], node)[:1]]
    yield Cited(text, tuple(cited))


def _size(parts: Parts) -> Iterator[Cited]:
    """How many lines of how many templates belong to it."""
    if not parts.templates:
        return
    name, lines = next(iter(parts.templates.items()))
    text = f"{count_in_words(parts.lines, 'line')} of {count_in_words(len(parts.templates), 'template')}"
    text += " belongs to it" if parts.lines == 1 else " belong to it"
    if len(parts.templates) > 1:
        text += f"; most, {lines:,}, are of “{shortened(parts.texts.get(name, name))}”"
    if parts.sessions:
        text += f", in {count_in_words(len(parts.sessions), 'session')}"
    yield Cited(f"{text}.", _lines_of_template(parts, name))


def _kinds(parts: Parts) -> Iterator[Cited]:
    """What else was seen, by kind of alert in the order of time."""
    first: dict[AlertKind, Alert] = {}
    for alert in parts.alerts:
        first.setdefault(alert.kind, alert)
    for kind, alert in list(first.items())[1 : _KINDS + 1]:
        number = parts.counts.get(kind, 1)
        what = f"{number:,} alert{'' if number == 1 else 's'} of the kind “{KINDS[kind]}”"
        text = f"{what} followed, the first at {time_in_words(alert.time)}: {shortened(alert.text, 300)}"
        yield Cited(_sentence(text), alert.lines[:_CITED])


def _differences(parts: Parts) -> Iterator[Cited]:
    """What is other than in quiet hours."""
    hours = "its hours" if parts.draft.opened // 3600 != parts.draft.updated // 3600 else "its hour"
    far = sorted(parts.baseline.items(), key=lambda item: (-abs(item[1][0] - item[1][1]), item[0]))
    for name, (now, expected) in far[:_DIFFERENT]:
        lines = f"{amount_in_words(now)} line{'' if now == 1 else 's'} of “{shortened(parts.texts.get(name, name))}”"
        usual = amount_in_words(expected) if expected else "none"
        yield Cited(f"{lines} came in {hours}, where quiet hours have {usual}.", _lines_of_template(parts, name))


def _end(parts: Parts) -> Iterator[Cited]:
    draft = parts.draft
    if draft.state != "resolved" or draft.resolved is None:
        return
    last = next((alert for alert in reversed(parts.alerts) if alert.lines), parts.alerts[-1])
    if draft.ending:
        yield Cited(_sentence(f"It is over: {draft.ending}"), last.lines[-1:])
        return
    quiet = span_in_words(draft.resolved - draft.updated)
    last_time = time_in_words(draft.updated)
    text = f"The last alert came at {last_time}; nothing followed, and it was resolved {quiet} later."
    yield Cited(text, last.lines[-1:])


def _lines_on(alert: Alert, node: str) -> tuple[LineRef, ...]:
    return tuple(line for line in alert.lines if line.node == node) or alert.lines


def _lines_of_template(parts: Parts, name: str) -> tuple[LineRef, ...]:
    found = [line for alert in parts.alerts if alert.template_id == name for line in alert.lines]
    return tuple(dict.fromkeys(found))[:_CITED]


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _sentence(text: str) -> str:
    """With one full stop at its end."""
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."
