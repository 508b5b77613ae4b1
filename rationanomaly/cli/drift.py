"""The command `rationanomaly drift`: measure a stream's drift, fill the review queue, start the retraining."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import PARAMS, ParamsOption, SetOption, or_defaults
from rationanomaly.params import load_params


def drift(
    state: Annotated[Path, typer.Option("--state", help="State folder of detect --follow or serve.")],
    output: Annotated[
        Path, typer.Option("--output", help="Folder for the event and the review queue; opens in review, too.")
    ] = Path("outputs/drift"),
    ledger: Annotated[Path | None, typer.Option("--ledger", help="Decisions of reviewers.")] = None,
    start: Annotated[
        bool, typer.Option("--start", help="If the stream has drifted, start what watch.drift names.")
    ] = False,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Say whether a stream is still what its model was trained on, and what reviewers should decide on next.

    The output opens in `review` as --parse and as --correct.

    Examples:

        rationanomaly drift --state state --ledger decisions.jsonl --output outputs/drift

        rationanomaly drift --state state --start --set watch.drift.command='[dvc, repro]'
    """
    from rationanomaly.drift.measuring import measure_stream
    from rationanomaly.stream.database import NAME

    loaded = load_params(or_defaults(params), settings or ())
    report, queued, done = measure_stream(state / NAME, output, loaded.watch.drift, ledger, start=start)
    for one in report.measures:
        mark = "drifted" if one.drifted else "unknown" if one.value is None else "stable"
        value = "" if one.value is None else f"{one.value:.3f}"
        console.STDOUT.print(console.inert(f"{one.name:16} {mark:8} {value:>7}  {one.text}"), highlight=False)
    console.STDERR.print(console.inert(f"{queued} templates for review in {output}"), highlight=False)
    for what in done:
        console.STDERR.print(console.inert(what), highlight=False)
