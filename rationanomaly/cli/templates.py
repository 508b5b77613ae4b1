"""The commands `rationanomaly templates …`: share the templates that have names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import ParseOption

templates = typer.Typer(no_args_is_help=True, help="Export and import templates with fixed wordings.")


@templates.command("export")
def export_templates(
    output: Annotated[Path, typer.Option("--output", help="File to write, JSON.")],
    parse: ParseOption,
    named_only: Annotated[bool, typer.Option("--named-only", help="Leave out templates without a name.")] = False,
) -> None:
    """Write the templates of a log with their names; one without a name is named by its id.

    Who imports the file has the same wordings and ids, whatever else their logs hold.

    Example:

        rationanomaly templates export --parse outputs/laptop/parse --output templates.json
    """
    from rationanomaly.parse.named_templates import write_named
    from rationanomaly.parse.sharing import shared_templates

    found = shared_templates(parse, named_only=named_only)
    write_named(output, found)
    _say(f"{_count(len(found))} exported to {output}")


@templates.command("import")
def import_templates(
    file: Annotated[Path, typer.Argument(help="What `templates export` wrote, or a file by hand.")],
    into: Annotated[
        Path, typer.Option("--into", help="File of named templates to add them to: parse.named_templates.")
    ],
) -> None:
    """Add the named templates of a file to those that parse uses; what is there stays as it is.

    Example:

        rationanomaly templates import templates.json --into named.json
    """
    from rationanomaly.errors import InputError
    from rationanomaly.parse.named_templates import NamedTemplates, merge_named, read_named, write_named

    others = read_named(file)
    if not others:
        raise InputError(
            "holds no templates", file=file, hint="Name a file that `rationanomaly templates export` wrote"
        )
    own = read_named(into) if into.exists() else []
    merged = merge_named(own, others)
    NamedTemplates(merged)
    write_named(into, merged)
    taken = len(merged) - len(own)
    _say(f"{_count(taken)} imported into {into}, {len(others) - taken:,} were there already")


def _count(number: int) -> str:
    return f"{number:,} template{'' if number == 1 else 's'}"


def _say(text: str) -> None:
    console.STDERR.print(console.inert(text), highlight=False, soft_wrap=True)
