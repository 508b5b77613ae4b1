"""Texts of messages: Jinja templates in a sandbox; every value that they show is made inert for where it is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rationanomaly.errors import ParamsError, one_line
from rationanomaly.sinks.message import Message
from rationanomaly.text.untrusted import for_terminal

_log = logging.getLogger(__name__)

TITLE = "[{{ change }}] {{ incident.title }}"
TEXT = """\
{{ incident.title }}
{{ change }}{% if incident.resolved is not none %} {{ incident.resolved | time }}{% endif %}; \
opened {{ incident.opened | time }}, {{ incident.lines }} lines\
{% if incident.nodes %} on {{ incident.node_count }} nodes: {{ incident.nodes[:5] | join(", ") }}{% endif %}

First cause, {{ incident.first_cause.time | time }}: {{ incident.first_cause.text }}
{% for sentence in incident.summary %}
- {{ sentence.text }}\
{% if sentence.lines %} [\
{% for line in sentence.lines %}{{ line.source }}:{{ line.line }}{{ "" if loop.last else ", " }}{% endfor %}\
]{% endif %}

{% endfor %}
"""
#: Characters of what a template gives.
_LONGEST = 12_000
_LONGEST_TITLE = 200
#: What a template is tried with before it is taken.
_SAMPLE_LINE = {"source": "app.log", "line": 1, "time": 0.0, "node": "n1", "message": "link down"}
_SAMPLE_ALERT: dict[str, Any] = {
    "kind": "line", "subject": "t1", "time": 0.0, "score": 0.9, "text": "link down", "lines": [_SAMPLE_LINE],
    "template_id": "t1", "template": "link <*>", "node": "n1", "session": None,
    "measures": {"expected": 0.0, "observed": 1.0},
}  # fmt: skip
SAMPLE = Message(
    "i1",
    1,
    "opened",
    {
        "id": "i1", "version": 1, "state": "open", "opened": 0.0, "updated": 0.0, "resolved": None,
        "title": "link down", "first_cause": _SAMPLE_ALERT, "alerts": [_SAMPLE_ALERT],
        "alert_counts": {"line": 1}, "lines": 1,
        "nodes": ["n1"], "sessions": [], "templates": {"t1": 1}, "summary": [{"text": "s", "lines": [_SAMPLE_LINE]}],
        "baseline": {"t1": [1.0, 0.0]}, "muted_until": None, "node_count": 1, "session_count": 0, "template_count": 1,
    },
    "line",
    "n1",
)  # fmt: skip


@dataclass(frozen=True)
class Texts:
    """The templates of one sink, ready to be filled in.

    Where a template can't show an incident, such as for a measure that its kind of alert does not have, the built-in
    one does: a message with another text is better than none.
    """

    _title: Sequence[Template]
    _text: Sequence[Template]

    def title(self, message: Message) -> str:
        """One line, at most 200 characters."""
        return one_line(_filled(self._title, message))[:_LONGEST_TITLE]

    def text(self, message: Message) -> str:
        """Lines, at most 12,000 characters; the link of the incident stands in none of them."""
        return _filled(self._text, message).strip()[:_LONGEST]


def inert(text: str) -> str:
    """A value for plain text, on one line, so that it can't pass for a line of the message."""
    return for_terminal(" ".join(text.splitlines()))


def read_texts(
    name: str, title: str | None, text: str | None, escape: Callable[[str], str] = inert, *, built_in: str = TEXT
) -> Texts:
    """The templates of a sink.

    Args:
        name: of the sink, for errors.
        title, text: templates; None: the built-in ones.
        escape: makes a value inert where it is shown; what the template says itself stays as it is.
        built_in: template of the text where the sink has none.

    Raises:
        ParamsError: a template is no template, or uses what is not there.
    """
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        finalize=lambda value: escape(value if isinstance(value, str) else str(value)),
        trim_blocks=True,
        keep_trailing_newline=False,
    )
    environment.filters["time"] = shown_time
    given = {"title": (title, TITLE), "text": (text, built_in)}
    made: dict[str, list[Template]] = {}
    for key, (own, ours) in given.items():
        made[key] = [_compiled(environment, f"watch.sinks.to.{name}.{key}", one) for one in (own, ours) if one]
        try:
            made[key][0].render(_values(SAMPLE))
        except Exception as error:
            problem = f"the template `watch.sinks.to.{name}.{key}` can't be filled in: {error}"
            raise ParamsError(problem, hint="docs/sinks.md names the values that a template can show") from error
    return Texts(made["title"], made["text"])


def shown_time(seconds: float) -> str:
    """Seconds since 1970 as a time in UTC to the second; as they are where no calendar has them."""
    try:
        return f"{datetime.fromtimestamp(float(seconds), UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s"


def _compiled(environment: ImmutableSandboxedEnvironment, key: str, source: str) -> Template:
    try:
        return environment.from_string(source)
    except TemplateError as error:
        problem = f"`{key}` is no Jinja template: {error}"
        raise ParamsError(problem, hint="docs/sinks.md has an example") from error


def _filled(templates: Sequence[Template], message: Message) -> str:
    for template in templates[:-1]:
        try:
            return template.render(_values(message))
        except Exception as error:
            _log.warning("a template of a message can't show incident %s: %s", message.key, error)
    return templates[-1].render(_values(message))


def _values(message: Message) -> dict[str, Any]:
    return {"change": message.change, "incident": message.row, "link": message.link}
