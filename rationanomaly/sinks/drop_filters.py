"""Filter files of what is safe to drop, for the OpenTelemetry collector and for Vector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from rationanomaly.errors import ParamsError
from rationanomaly.sinks.safe_to_drop import Safe

Target = Literal["otel", "vector"]
#: Where each finds the message, unless it is said otherwise.
FIELDS: dict[Target, str] = {"otel": "body", "vector": ".message"}
#: A path of OTTL or VRL, such as ``attributes["message"]`` or ``.fields.message``.
_FIELD = re.compile(r"[A-Za-z_.][A-Za-z0-9_.]{0,99}(?:\[\"[A-Za-z0-9_.]{1,60}\"\]){0,3}", re.ASCII)
_HEAD = (
    "# Lines that are safe to drop: of templates that experts have settled as normal, that are frequent, and that were",
    "# never part of an incident. Written by `rationanomaly safe-to-drop`; write it anew when decisions have changed.",
)


def filter_file(safe: Sequence[Safe], target: Target, field: str | None = None) -> str:
    """The text of a filter file.

    Args:
        safe: what is to be dropped; none of it makes a filter that drops nothing.
        target: ``otel``: a processor `filter` (OTTL); ``vector``: a transform `filter` (VRL).
        field: where the message stands, without time and level; None: see `FIELDS`.

    Raises:
        ParamsError: the field is none.
    """
    field = FIELDS[target] if field is None else field
    if _FIELD.fullmatch(field) is None:
        hint = 'Write it like body, attributes["message"] or .message'
        raise ParamsError(f"`--field {field}` is no field of a log record", hint=hint)
    lines = _collector(safe, field) if target == "otel" else _vector(safe, field)
    return "\n".join([*_HEAD, *lines, ""])


def _collector(safe: Sequence[Safe], field: str) -> list[str]:
    """https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/filterprocessor"""
    lines = ["processors:", "  filter/safe_to_drop:", "    error_mode: ignore", "    logs:"]
    if not safe:
        return [*lines, "      log_record: []"]
    lines.append("      log_record:")
    for one in safe:
        # A text in OTTL doubles its backslashes; in YAML's single quotes it stays as it is.
        text = one.pattern.regex.replace("\\", "\\\\")
        lines.append(f"        - 'IsMatch({field}, \"{text}\")'  # {_comment(one)}")
    return lines


def _vector(safe: Sequence[Safe], field: str) -> list[str]:
    """https://vector.dev/docs/reference/configuration/transforms/filter/"""
    lines = [
        "transforms:",
        "  safe_to_drop:",
        "    type: filter",
        "    inputs: [logs]  # Name yours.",
        "    condition:",
    ]
    lines += ["      type: vrl", "      source: |"]
    if not safe:
        return [*lines, "        true"]
    lines += [f"        message, error = string({field})", "        error != null || !match_any(message, ["]
    lines += [f"          r'{one.pattern.regex}', # {_comment(one)}" for one in safe]
    return [*lines, "        ])"]


def _comment(one: Safe) -> str:
    """Which template, and how frequent; its text might be anything, and its id finds it."""
    return f"{one.template_id}, {one.lines} lines"
