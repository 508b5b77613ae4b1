"""The command `rationanomaly review`; light to import, for the command line is made of it."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer


def review(
    parse: Annotated[Path, typer.Option("--parse", help="Output folder of parse.")] = Path("outputs/parse"),
    ledger: Annotated[
        Path, typer.Option("--ledger", help="Ledger to append to; a folder gets one file per reviewer.")
    ] = Path("decisions.jsonl"),
    correct: Annotated[
        Path | None,
        typer.Option("--correct", help="Output folder of correct; what its review queue holds comes first."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Detector whose disagreement counts: a model folder or models:/NAME@ALIAS."),
    ] = None,
    reviewers: Annotated[list[str] | None, typer.Option("--reviewer", help="Who reviews; may be repeated.")] = None,
    seniors: Annotated[
        list[str] | None, typer.Option("--senior", help="Who settles disputes; may be repeated.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8765,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="No links: whoever reaches the page gives a name.")
    ] = False,
) -> None:
    """Judge templates in the browser, alone or as a team; every decision goes to the ledger.

    Example:

        rationanomaly review --reviewer ada --reviewer bob --senior eve
    """
    from rationanomaly.review.desk import Member
    from rationanomaly.review.launch import open_desk, serve

    # What is imported stays: searching it for garbage while a long ledger is read takes a fifth of the time.
    gc.freeze()
    members = [Member(name) for name in reviewers or ()] + [Member(name, senior=True) for name in seniors or ()]
    serve(*open_desk(parse, ledger, correct, model), members, host, port, open_to_all)
