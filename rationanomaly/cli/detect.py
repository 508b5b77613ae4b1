"""The command `detect`: verdicts on templates, on a log, or on logs that grow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import PARAMS, ParamsOption, SetOption, or_defaults
from rationanomaly.errors import ParamsError
from rationanomaly.params import VerdictKind, load_params

View = Literal["json", "text", "alerts"]


def detect(
    model: Annotated[str, typer.Option("--model", help="Output folder of sft or grpo, or models:/NAME@ALIAS.")],
    logs: Annotated[
        list[str] | None, typer.Argument(help="Log files, folders or globs, or - for standard input.")
    ] = None,
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
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more lines, through rotations.")] = False,
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder from which a stopped run continues; each line comes once.")
    ] = None,
    view: Annotated[
        View | None, typer.Option("--view", help="json (lines, corrections, alerts), text for people, or alerts only.")
    ] = None,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Judge templates or raw log lines: one JSON line per row, in order; with --sessions whole sessions, too.

    A reasoned verdict comes out of the model's own analysis; a direct one goes without and is many times faster.

    With --follow, --state, --view or several logs, lines come out at once: those of a template that the model has not
    seen are `pending`, and a `correction` follows; signals and incidents are watched, too. What is known of templates
    lies in the folder --state, so that the model is asked about each template once.

    Examples:

        rationanomaly detect --model outputs/laptop/grpo --templates templates.csv --output verdicts.jsonl

        tail -n 1000 app.log | rationanomaly detect --model models:/rationanomaly@candidate -

        rationanomaly detect --model outputs/laptop/grpo --ledger data/decisions.jsonl --templates templates.csv

        rationanomaly detect --model outputs/laptop/grpo --verdict direct --output verdicts.jsonl big.log

        rationanomaly detect --model outputs/laptop/grpo --output lines.jsonl --sessions sessions.jsonl app.log

        rationanomaly detect --model outputs/laptop/grpo --follow --state state --output lines.jsonl /var/log/app

        rationanomaly detect --model outputs/laptop/grpo --follow --view alerts /var/log/app.log

        rationanomaly detect --model outputs/laptop/grpo --follow --state s --set watch.sources.of.here.kind=journald
    """
    logs = [logs] if isinstance(logs, str) else logs or []
    from_sources = follow and not logs and templates is None  # The params name where lines come from.
    if (not logs) == (templates is None) and not from_sources:
        raise ParamsError("name either --templates FILE or a log file (or - for standard input), one of the two")
    if sessions is not None and not logs:
        raise ParamsError("a table of templates has no sessions", hint="Leave --sessions out, or name a log file")
    is_stream = follow or state is not None or view is not None or len(logs) > 1
    if is_stream and templates is not None:
        raise ParamsError("a table of templates does not grow", hint="Leave --follow, --state and --view out")
    if is_stream and (sessions is not None or analyses is not None):
        problem = "--sessions and --analyses are for one log that has ended"
        raise ParamsError(problem, hint="Leave them out: with --follow or --state, sessions are among the rows")
    _check(model, logs, templates, output, log_format, ledger, sessions, state, params, is_stream)
    if is_stream:
        from rationanomaly.cli.detect_stream import StreamOptions, detect_stream

        options = StreamOptions(tuple(logs), output, log_format, ledger, verdict, follow, state, view or "json")
        detect_stream(model, options, load_params(or_defaults(params), settings or ()))
        return
    from rationanomaly.detection.log_lines import detect_lines, detect_templates, write_verdicts

    with console.progress_bars("detect"):
        rows = (
            detect_templates(model, templates, ledger, verdict, analyses)
            if templates is not None
            else detect_lines(model, logs[0], log_format, ledger, verdict, analyses, sessions)
        )
        write_verdicts(rows, output)


def _check(
    model: str,
    logs: list[str],
    templates: Path | None,
    output: Path | None,
    log_format: str,
    ledger: Path | None,
    sessions: Path | None,
    state: Path | None,
    params: Path,
    is_stream: bool,
) -> None:
    """Refuse what can be refused before the model is loaded."""
    from rationanomaly.cli import detect_arguments

    inputs = {"--templates": templates, "--ledger": ledger, "--model": Path(model), "--params": params}
    outputs = {"--output": output, "--sessions": sessions}
    detect_arguments.check_files([Path(log) for log in logs], inputs, outputs, state)
    detect_arguments.check_format(log_format)
    if ledger is not None:
        detect_arguments.check_ledger(ledger)
    if logs and not is_stream:
        detect_arguments.check_log(Path(logs[0]))
