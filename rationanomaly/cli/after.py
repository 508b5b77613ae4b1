"""Commands for the time after the pipeline has run: what it has come to, and the trained model at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import PARAMS, RUN_FOLDER, STATE, ParamsOption, RunArgument, SetOption, run_folder
from rationanomaly.params import load_params


def summary(outputs: RunArgument) -> None:
    """Show what a pipeline run has come to: metrics, example verdicts, plots, the registered version.

    Example:

        rationanomaly summary outputs/laptop
    """
    from rationanomaly.cli.summary_table import show_summary
    from rationanomaly.evaluate.summary import read_summary

    show_summary(read_summary(outputs), console.STDOUT)


def refit(
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Folder for the outputs of its steps.", show_default=f"{RUN_FOLDER}/refit"),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option("--outputs", help="Folder of the evaluated run's outputs.", show_default=RUN_FOLDER),
    ] = None,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Fit the evaluated model again on all labels, for production, and register it marked as such.

    Example:

        rationanomaly refit --params params.yaml --outputs outputs/laptop --output outputs/laptop/refit
    """
    from rationanomaly.runs.refit import refit as fit_again

    loaded = load_params(params, settings or ())
    with console.progress_bars("refit"):
        evaluated = outputs or run_folder(loaded)
        fit_again(loaded, evaluated, output or evaluated / "refit", STATE)
