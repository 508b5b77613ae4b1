"""`rationanomaly clean-state`: remove what runs have left in a state folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from rationanomaly.cli import console
from rationanomaly.cli.options import STATE


def clean_state(
    state: Annotated[Path, typer.Option("--state", help="The state folder.", metavar="DIR")] = STATE,
    older_than: Annotated[
        float, typer.Option("--older-than", min=0, help="Only what has not changed for so many days.", metavar="DAYS")
    ] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it and remove nothing.")] = False,
) -> None:
    """Remove what runs have left: checkpoints of runs that will not be continued, marks of finished ones.

    A run that is under way keeps its state, and a teacher's paid answers stay.

    Example:

        rationanomaly clean-state --older-than 7 --dry-run
    """
    from rationanomaly.runs import run_state

    table = Table("step", "state", "MB", "days", "", box=box.SIMPLE_HEAD, pad_edge=False)
    if not state.exists():
        console.STDERR.print(f"nothing to remove: there is no folder {console.inert(str(state))}")
        return
    for part in run_state.find(state, older_than):
        if part.in_use or (not dry_run and not run_state.remove(part)):
            done = "in use, kept"
        else:
            done = "would be removed" if dry_run else "removed"
        name = part.folder.name if len(part.folder.name) < 24 else f"{part.folder.name[:16]}…"
        table.add_row(console.inert(part.step), console.inert(name), f"{part.megabytes:,.1f}", f"{part.days:.1f}", done)
    console.STDERR.print(table if table.row_count else "nothing to remove")
