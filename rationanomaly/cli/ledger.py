"""The commands `rationanomaly ledger …`: merge, import and export decisions, ask why a label is what it is."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import CorrectOption, ParseOption
from rationanomaly.text.untrusted import for_terminal

ledger = typer.Typer(no_args_is_help=True, help="Merge, import and export decisions; ask why a label is what it is.")

OutputOption = Annotated[Path, typer.Option("--output", help="File to write.")]


class Source(StrEnum):
    """Where decisions are read from."""

    CSV = "csv"
    LABEL_STUDIO = "label-studio"


class Target(StrEnum):
    """What corrections are written as."""

    PATCH = "patch"
    CSV = "csv"


class Rounds(StrEnum):
    """The rounds of a ledger."""

    INDEPENDENT = "independent"
    PANEL = "panel"
    SENIOR = "senior"


@ledger.command()
def why(
    template: Annotated[str, typer.Argument(help="Text or id of a template.")],
    correct: CorrectOption,
) -> None:
    """Print who decided on a template's label, when and why.

    Example:

        rationanomaly ledger why "link <*> down" --correct outputs/laptop/correct
    """
    from rationanomaly.correct.why import explain_label

    typer.echo(for_terminal(explain_label(correct, template), lines=True))


@ledger.command()
def merge(
    ledgers: Annotated[list[Path], typer.Argument(help="Ledgers that grew apart.")], output: OutputOption
) -> None:
    """Put several ledgers together; each decision once, whatever the order in which they are named.

    Example:

        rationanomaly ledger merge ada.jsonl bob.jsonl --output decisions.jsonl
    """
    from rationanomaly.artifacts import write_text
    from rationanomaly.decisions.appending import merge_ledgers
    from rationanomaly.decisions.ledger import write_decision

    merged = merge_ledgers(ledgers)
    write_text(output, "".join(f"{write_decision(one)}\n" for one in merged))
    _say(f"{_counted(len(merged))} merged into {output}")


@ledger.command("import")
def import_decisions(
    file: Annotated[Path, typer.Argument(help="A CSV file or Label Studio's JSON export.")],
    to: Annotated[Path, typer.Option("--ledger", help="Ledger to append to.")],
    source: Annotated[Source, typer.Option("--from", help="What the file is.")] = Source.CSV,
    reviewer: Annotated[str | None, typer.Option("--reviewer", help="Who decided, if a CSV does not say.")] = None,
    round_: Annotated[
        Rounds, typer.Option("--round", help="The round, if the file does not say.")
    ] = Rounds.INDEPENDENT,
) -> None:
    """Append the decisions of another tool to a ledger.

    Examples:

        rationanomaly ledger import export.json --from label-studio --ledger decisions.jsonl

        rationanomaly ledger import labels.csv --reviewer ada --ledger decisions.jsonl
    """
    from rationanomaly.decisions.appending import append_decisions
    from rationanomaly.decisions.exchange import import_csv, import_label_studio

    if source is Source.CSV:
        decisions = import_csv(file, reviewer, round_.value)
    else:
        decisions = import_label_studio(file, round_.value)
    append_decisions(to, decisions)
    passed_over = f"; passed over: {decisions.passed_over}" if decisions.passed_over else ""
    _say(f"{_counted(len(decisions))} imported into {to}{passed_over}")


@ledger.command("export")
def export_labels(
    output: OutputOption,
    correct: CorrectOption,
    target: Annotated[Target, typer.Option("--as", help="patch: corrections only; csv: every label.")] = Target.PATCH,
) -> None:
    """Write the corrections as a patch, or every label as CSV.

    Examples:

        rationanomaly ledger export --correct outputs/laptop/correct --output patch.json

        rationanomaly ledger export --as csv --output labels.csv
    """
    from rationanomaly import artifacts, records
    from rationanomaly.artifacts import write_text
    from rationanomaly.decisions.exchange import export_csv, export_patch

    artifacts.read(correct, "correct", only=[records.LABELLED])
    labelled = records.read_table(correct / records.LABELLED, records.LABELLED_SCHEMA)
    if target is Target.CSV:
        write_text(output, export_csv(labelled))
    else:
        write_text(output, json.dumps(export_patch(labelled), indent=1, ensure_ascii=False) + "\n")


@ledger.command("tasks")
def export_tasks(
    output: OutputOption,
    parse: ParseOption,
    decided: Annotated[Path | None, typer.Option("--ledger", help="Ledger whose decisions become annotations.")] = None,
) -> None:
    """Write the templates as Label Studio tasks, and its labelling interface beside them.

    Example:

        rationanomaly ledger tasks --parse outputs/laptop/parse --ledger decisions.jsonl --output tasks.json
    """
    from rationanomaly import artifacts, records
    from rationanomaly.artifacts import write_text
    from rationanomaly.decisions.exchange import LABEL_STUDIO_CONFIG, export_label_studio
    from rationanomaly.decisions.labels import assign
    from rationanomaly.decisions.ledger import read_ledger

    artifacts.read(parse, "parse", only=[records.TEMPLATES])
    templates = records.read_table(parse / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    decisions = None if decided is None else assign(read_ledger(decided), templates)[0]
    write_text(output, json.dumps(export_label_studio(templates, decisions), indent=1, ensure_ascii=False) + "\n")
    write_text(output.with_suffix(".xml"), LABEL_STUDIO_CONFIG)


def _counted(decisions: int) -> str:
    return f"{decisions:,} decision{'' if decisions == 1 else 's'}"


def _say(message: str) -> None:
    console.STDERR.print(console.inert(message), highlight=False, soft_wrap=True)
