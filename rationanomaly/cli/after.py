"""Commands for the time after the pipeline has run: what it has come to, and the trained model at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import PARAMS, STATE, ParamsOption, SetOption
from rationanomaly.errors import ParamsError
from rationanomaly.params import VerdictKind, load_params


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


def detect(
    model: Annotated[str, typer.Option("--model", help="Output folder of sft or grpo, or models:/NAME@ALIAS.")],
    logs: Annotated[str | None, typer.Argument(help="Log file, or - for standard input.")] = None,
    templates: Annotated[
        Path | None, typer.Option("--templates", help="CSV with a `template` column, or one template per line.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", help="File to write; default: standard output.")] = None,
    log_format: Annotated[str, typer.Option("--format", help="Log format; auto detects it.")] = "auto",
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="A newer ledger of decisions; they hold at once, without training.")
    ] = None,
    verdict: Annotated[
        VerdictKind | None, typer.Option("--verdict", help="reasoned or direct; default: as the model's card says.")
    ] = None,
    analyses: Annotated[
        int | None,
        typer.Option("--analyses", min=1, help="Analyses of each template; the score is their mean."),
    ] = None,
    sessions: Annotated[
        Path | None, typer.Option("--sessions", help="File for a verdict on each session, when the log has ended.")
    ] = None,
) -> None:
    """Judge templates or raw log lines: one JSON line per row, in order; with --sessions whole sessions, too.

    A reasoned verdict comes out of the model's own analysis; a direct one goes without and is many times faster.

    Examples:

        rationanomaly detect --model outputs/grpo --templates templates.csv --output verdicts.jsonl

        tail -n 1000 app.log | rationanomaly detect --model models:/rationanomaly@candidate -

        rationanomaly detect --model outputs/grpo --ledger data/decisions.jsonl --templates templates.csv

        rationanomaly detect --model outputs/grpo --verdict direct --output verdicts.jsonl big.log

        rationanomaly detect --model outputs/grpo --output lines.jsonl --sessions sessions.jsonl app.log
    """
    from rationanomaly.detection.log_lines import detect_lines, detect_templates, write_verdicts

    if (logs is None) == (templates is None):
        raise ParamsError("name either --templates FILE or a log file (or - for standard input), one of the two")
    if sessions is not None and logs is None:
        raise ParamsError("a table of templates has no sessions", hint="Leave --sessions out, or name a log file")
    with console.progress_bars("detect"):
        rows = (
            detect_templates(model, templates, ledger, verdict, analyses)
            if templates is not None
            else detect_lines(model, str(logs), log_format, ledger, verdict, analyses, sessions)
        )
        write_verdicts(rows, output)


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


def promote(
    address: Annotated[str, typer.Argument(help="models:/NAME@ALIAS or models:/NAME/VERSION.")],
    to: Annotated[str, typer.Option("--to", help="Alias to move.")] = "champion",
    policy: Annotated[Path, typer.Option("--policy", help="What the version must show.")] = Path(
        "mlflow/promotion.yaml"
    ),
) -> None:
    """Move an alias of the registry to a version that a written policy lets through.

    Example:

        rationanomaly promote models:/rationanomaly@candidate --to champion --policy mlflow/promotion.yaml
    """
    from rationanomaly.register import promotion

    done = promotion.promote(address, to, promotion.read_policy(policy))
    previous = f", before version {done.previous}" if done.previous else ""
    moved = f"{done.name}@{done.alias} is now version {done.version}{previous}"
    console.STDERR.print(console.inert(moved), highlight=False)
