"""Commands for the time after the pipeline has run: what it has come to, and the trained model at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import PARAMS, STATE, ParamsOption, SetOption
from rationanomaly.params import load_params


def summary(
    outputs: Annotated[Path, typer.Argument(help="Folder that holds the steps' output folders.")] = Path("outputs"),
) -> None:
    """Show what a pipeline run has come to: metrics, example verdicts, plots, the registered version.

    Example:

        rationanomaly summary outputs
    """
    from rationanomaly.cli.summary_table import show_summary
    from rationanomaly.evaluate.summary import read_summary

    show_summary(read_summary(outputs), console.STDOUT)


def refit(
    output: Annotated[Path, typer.Option("--output", help="Folder for the outputs of its steps.")] = Path(
        "outputs/refit"
    ),
    outputs: Annotated[Path, typer.Option("--outputs", help="Folder of the evaluated run's outputs.")] = Path(
        "outputs"
    ),
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Fit the evaluated model again on all labels, for production, and register it marked as such.

    Example:

        rationanomaly refit --params params.yaml --outputs outputs --output outputs/refit
    """
    from rationanomaly.runs.refit import refit as fit_again

    loaded = load_params(params, settings or ())
    with console.progress_bars("refit"):
        fit_again(loaded, outputs, output, STATE)
