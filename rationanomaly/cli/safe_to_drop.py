"""The command `rationanomaly safe-to-drop`: a filter file for collectors, of lines that nobody needs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console


class Collector(StrEnum):
    """What reads the filter file."""

    OTEL = "otel"
    VECTOR = "vector"


def safe_to_drop(
    state: Annotated[Path, typer.Option("--state", help="State folder of detect --follow or serve.")],
    ledger: Annotated[Path, typer.Option("--ledger", help="Decisions of reviewers.")],
    output: Annotated[Path, typer.Option("--output", help="File to write.")],
    target: Annotated[
        Collector, typer.Option("--for", help="otel: the OpenTelemetry collector; vector: Vector.")
    ] = Collector.OTEL,
    min_lines: Annotated[int, typer.Option("--min-lines", min=1, help="From so many lines on it is frequent.")] = 1000,
    max_templates: Annotated[
        int, typer.Option("--max-templates", min=1, max=5000, help="Templates; each costs time on every line.")
    ] = 200,
    field: Annotated[str | None, typer.Option("--field", help="Where the message stands in a log record.")] = None,
) -> None:
    """Write a filter of lines that are safe to drop: reviewed as normal, frequent, never in an incident.

    Examples:

        rationanomaly safe-to-drop --state state --ledger decisions.jsonl --output filter.yaml

        rationanomaly safe-to-drop --state state --ledger decisions.jsonl --for vector --output vector.yaml
    """
    from rationanomaly.artifacts import write_text
    from rationanomaly.sinks.drop_filters import filter_file
    from rationanomaly.sinks.safe_to_drop import choose
    from rationanomaly.stream.database import NAME

    choice = choose(state / NAME, ledger, min_lines, max_templates)
    write_text(output, filter_file(choice.safe, target.value, field))
    kept = "".join(f"; {count} kept: {reason}" for reason, count in sorted(choice.kept.items()))
    said = f"{len(choice.safe)} templates, {choice.share:.1%} of {choice.lines:,} lines, in {output}{kept}"
    console.STDERR.print(console.inert(said), highlight=False)
