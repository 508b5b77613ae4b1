"""What distillation came to, for people: counts, cost, and examples of accepted and rejected rationales."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from rationanomaly.errors import one_line
from rationanomaly.records import Cost, Rejected, Triplet

T = TypeVar("T")

_ACCEPTED_EXAMPLES = 5
_EXAMPLES_PER_REASON = 2
_LONGEST = 600


def write_report(triplets: Sequence[Triplet], rejected: Sequence[Rejected], cost: Cost) -> str:
    """Markdown; equal results give equal text. Examples are taken evenly over the templates."""
    lines = [
        "# Distillation",
        "",
        f"{cost.accepted} rationales accepted, {cost.rejected} rejected; "
        f"the accepted ones have {cost.target_words} words in the median.",
        f"{cost.calls} calls, {cost.prompt_tokens} prompt and {cost.completion_tokens} completion tokens, "
        f"{cost.spent:.4f} {cost.currency}.",
    ]
    teachers = Counter((triplet.teacher, triplet.prompt_version) for triplet in triplets)
    lines += ["", "| teacher | prompt | accepted |", "| --- | --- | ---: |"]
    lines += [f"| {_cell(name)} | {_cell(version)} | {count} |" for (name, version), count in sorted(teachers.items())]
    reasons = Counter(record.reason for record in rejected)
    lines += ["", "| reason | rejected |", "| --- | ---: |"]
    lines += [f"| {_cell(reason)} | {count} |" for reason, count in sorted(reasons.items())]
    lines += ["", "## Accepted, a sample"]
    for triplet in _spread(triplets, _ACCEPTED_EXAMPLES):
        lines += ["", *_example(triplet.template, triplet.rationale, triplet.label)]
    lines += ["", "## Rejected, a sample"]
    for reason in sorted(reasons):
        for record in _spread([record for record in rejected if record.reason == reason], _EXAMPLES_PER_REASON):
            caption = f"{record.label}; {record.reason}: {record.detail}"
            lines += ["", *_example(record.template, record.rationale, caption)]
    return "\n".join(lines) + "\n"


def _spread(items: Sequence[T], count: int) -> list[T]:
    """Up to ``count`` of the items, evenly spaced."""
    return [items[index * len(items) // count] for index in range(count)] if len(items) > count else list(items)


def _example(template: str, rationale: str, remark: str) -> list[str]:
    """Indented as code, line by line: log text must not become markup."""
    return [f"    {part}" for text in (template, rationale, f"({remark})") for part in _capped(text).split("\n")]


def _capped(text: str) -> str:
    """One paragraph without control characters, not endless."""
    shown = one_line(text)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + " …"


def _cell(text: str) -> str:
    return _capped(text).replace("|", "\\|").replace("<", "‹").replace("`", "'")
