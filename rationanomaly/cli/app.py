"""The command line: `rationanomaly STEP`, made from `steps.STEPS`, and the verbs around the pipeline.

rationanomaly parse --params params.yaml --output outputs/parse
rationanomaly detect --model outputs/grpo app.log
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly import __version__
from rationanomaly.cli import console
from rationanomaly.cli.clean_state import clean_state
from rationanomaly.correct.command import ledger
from rationanomaly.errors import INTERRUPTED, ParamsError, RationAnomalyError, named_extras
from rationanomaly.params import dump, load_params
from rationanomaly.review.command import review
from rationanomaly.steps import STEPS, Step

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Reads system logs, says which are anomalous, and shows its reasoning.",
)

ParamsOption = Annotated[Path, typer.Option("--params", help="Params file or profile.", metavar="FILE")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Change one value.", metavar="KEY=VALUE")]

OutputOption = Annotated[Path, typer.Option("--output", help="Folder to write; appears whole or not at all.")]
InputsOption = Annotated[
    list[str] | None, typer.Option("--input", help="A folder or file that it reads.", metavar="NAME=PATH")
]
StateOption = Annotated[
    Path, typer.Option("--state", help="What survives a crash, of each run in STEP/KEY.", metavar="DIR")
]
STATE = Path(".state")


@app.callback()
def _global_options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell what is being done.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the frames of an error.")] = False,
) -> None:
    console.set_up_logging(verbose, debug)


# ---------------------------------------------------------------- the steps of the pipeline


def _step_command(step: Step) -> Callable[..., None]:
    """The command of one step."""

    def command(
        output: OutputOption,
        params: ParamsOption = Path("params.yaml"),
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
    ) -> None:
        _run_step(step, params, settings, inputs, output, state)

    return command


def _distill_command(step: Step) -> Callable[..., None]:
    """`distill` can also say what it would cost."""

    def command(
        output: Annotated[Path | None, typer.Option("--output", help="Folder to write.")] = None,
        params: ParamsOption = Path("params.yaml"),
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say how many calls, tokens and how much money; send nothing.")
        ] = False,
    ) -> None:
        if dry_run:
            from rationanomaly.distill.estimate import estimate

            loaded = load_params(params, settings or ())
            sys.stdout.write(f"{estimate(loaded, _pairs(inputs), state / step.name)}\n")
        elif output is None:
            raise ParamsError("name --output DIR, or --dry-run")
        else:
            _run_step(step, params, settings, inputs, output, state)

    return command


def _parse_command(step: Step) -> Callable[..., None]:
    """`parse` can also show what it would make of the first lines."""

    def command(
        output: Annotated[Path | None, typer.Option("--output", help="Folder to write.")] = None,
        params: ParamsOption = Path("params.yaml"),
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
        preview: Annotated[
            bool,
            typer.Option("--preview", help="Show format, templates and misfits of the first lines; write nothing."),
        ] = False,
    ) -> None:
        if preview:
            from rationanomaly.parse.preview import preview as preview_log
            from rationanomaly.parse.preview import show_preview

            loaded = load_params(params, settings or ())
            logs = _pairs(inputs).get("logs", loaded.data.logs)
            show_preview(preview_log(logs, loaded.data.format, loaded.parse), console.STDOUT)
        elif output is None:
            raise ParamsError("name --output DIR, or --preview")
        else:
            _run_step(step, params, settings, inputs, output, state)

    return command


def _correct_command(step: Step) -> Callable[..., None]:
    """`correct` can also say why a template has its label."""

    def command(
        output: OutputOption,
        params: ParamsOption = Path("params.yaml"),
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
        why: Annotated[
            str | None,
            typer.Option("--why", help="Print the label's history from --output; run nothing.", metavar="TEMPLATE"),
        ] = None,
    ) -> None:
        if why is None:
            _run_step(step, params, settings, inputs, output, state)
            return
        from rationanomaly.correct.why import explain_label

        sys.stdout.write(f"{explain_label(output, why)}\n")

    return command


def _run_step(
    step: Step,
    params: Path,
    settings: list[str] | None,
    inputs: list[str] | None,
    output: Path,
    state: Path,
) -> None:
    from rationanomaly.runs.one_step import run_step

    loaded = load_params(params, settings or ())
    with console.progress_bars(step.name):
        run_step(step.name, loaded, _pairs(inputs), output, state)


def _pairs(inputs: list[str] | None) -> dict[str, Path]:
    return dict(_pair(text) for text in inputs or ())


def _pair(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise ParamsError(f"`--input {text}` is not NAME=PATH", hint="Write it like --input parse=outputs/parse")
    return name, Path(path)


def _help(step: Step) -> str:
    """Help text with an example that can be pasted."""
    inputs = "".join(f" --input {name}=outputs/{name}" for name in step.reads)
    example = f"rationanomaly {step.name} --params params.yaml{inputs} --output outputs/{step.name}"
    reads = ", ".join([*(f"{name} (default: data.{name})" for name in step.sources), *step.reads])
    return f"{step.summary}\n\nReads: {reads}.\n\nExample:\n\n    {example}"


_COMMANDS = {"parse": _parse_command, "correct": _correct_command, "distill": _distill_command}
for _step in STEPS:
    _command = _COMMANDS.get(_step.name, _step_command)(_step)
    app.command(_step.name, help=_help(_step), rich_help_panel="Steps of the pipeline")(_command)


# ---------------------------------------------------------------- before and after the pipeline

app.command(rich_help_panel="Before and after")(review)
app.command("clean-state", rich_help_panel="Before and after")(clean_state)
app.add_typer(ledger, name="ledger", rich_help_panel="Before and after")


@app.command("params", rich_help_panel="Before and after")
def print_params(
    profile: Annotated[Path, typer.Argument(help="Params file or profile.")] = Path("params.yaml"),
    settings: SetOption = None,
    output: Annotated[Path | None, typer.Option("--output", help="File to write; default: standard output.")] = None,
) -> None:
    """Compose the full params document of a profile, which DVC and KFP both read.

    Example:

        rationanomaly params profiles/bgl.yaml --set run.seed=1 --output params.yaml
    """
    from rationanomaly.artifacts import write_text

    text = dump(load_params(profile, settings or ()))
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)


@app.command(rich_help_panel="Before and after")
def fetch(
    name: Annotated[str, typer.Argument(help="bgl, thunderbird, hdfs, spirit or liberty.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for download and log.")] = Path("data/public"),
) -> None:
    """Download a public data set: its terms and size are shown first; resumable, verified ever after.

    Example:

        rationanomaly fetch bgl
    """
    from rationanomaly.fetch.fetching import fetch as fetch_log
    from rationanomaly.fetch.fetching import find

    entry = find(name)

    def announce(size: int | None) -> None:
        console.STDERR.print(f"{entry.terms}\n{entry.address}, {'size unknown' if size is None else f'{size:,} bytes'}")

    with console.progress_bars("fetch"):
        log = fetch_log(entry, output, announce)
    sys.stdout.write(f"--set data.logs={log} --set data.format={entry.format}\n")


@app.command(rich_help_panel="Before and after")
def simulate(
    output: Annotated[Path, typer.Option("--output", help="Folder to write.")] = Path("data/simulated"),
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
) -> None:
    """Write the log of a made-up cluster, its reviewers' decisions and the truth.

    Example:

        rationanomaly simulate --set simulate.lines=1000000 --output data/large
    """
    from rationanomaly.simulate import write

    loaded = load_params(params, settings or ())
    with console.progress_bars("simulate"):
        write(loaded, output)


@app.command(rich_help_panel="Before and after")
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
) -> None:
    """Judge templates or raw log lines: one JSON line per row, in order.

    Examples:

        rationanomaly detect --model outputs/grpo --templates templates.csv --output verdicts.jsonl

        tail -n 1000 app.log | rationanomaly detect --model models:/rationanomaly@candidate -

        rationanomaly detect --model outputs/grpo --ledger data/decisions.jsonl --templates templates.csv
    """
    from rationanomaly.detection.log_lines import detect_lines, detect_templates, write_verdicts

    if (logs is None) == (templates is None):
        raise ParamsError("name either --templates FILE or a log file (or - for standard input), one of the two")
    with console.progress_bars("detect"):
        rows = (
            detect_templates(model, templates, ledger)
            if templates is not None
            else detect_lines(model, str(logs), log_format, ledger)
        )
        write_verdicts(rows, output)


@app.command(rich_help_panel="Before and after")
def refit(
    output: Annotated[Path, typer.Option("--output", help="Folder for the outputs of its steps.")] = Path(
        "outputs/refit"
    ),
    outputs: Annotated[Path, typer.Option("--outputs", help="Folder of the evaluated run's outputs.")] = Path(
        "outputs"
    ),
    params: ParamsOption = Path("params.yaml"),
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


@app.command(rich_help_panel="Before and after")
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
    before = f", before version {done.previous}" if done.previous else ""
    console.STDERR.print(f"{done.name}@{done.alias} is now version {done.version}{before}", highlight=False)


@app.command(rich_help_panel="Before and after")
def summary(
    outputs: Annotated[Path, typer.Argument(help="Folder that holds the steps' output folders.")] = Path("outputs"),
) -> None:
    """Show what a pipeline run has come to: figures, example verdicts, plots, the registered version.

    Example:

        rationanomaly summary outputs
    """
    from rationanomaly.cli.summary_table import show_summary
    from rationanomaly.evaluate.summary import read_summary

    show_summary(read_summary(outputs), console.STDOUT)


@app.command(rich_help_panel="Before and after")
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"{__version__}\n")


def main() -> None:
    """Entry point of `rationanomaly`."""
    run_app(app)


def run_app(application: typer.Typer) -> None:
    """Run a command line: an error of ours is one line and its exit code; ``--debug`` shows the frames of any."""
    # OpenMP reads these when torch is loaded; spinning threads make two busy cores many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    debug = "--debug" in sys.argv
    try:
        with named_extras():
            application()
    except RationAnomalyError as error:
        _fail(str(error), error.exit_code, debug)
    except SystemExit as ended:
        # Typer makes an exit of Ctrl-C, and would say nothing.
        interrupt = ended.__context__ and ended.__context__.__cause__
        if not isinstance(interrupt, KeyboardInterrupt):
            raise
        kept = "interrupted; nothing half-written was kept, and the same command goes on"
        _fail(str(interrupt) or kept, INTERRUPTED, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Else Python complains at exit.
        sys.exit(0)
    except Exception as error:
        _fail(f"{type(error).__name__}: {error} (a bug of ours; --debug before the command shows where)", 1, debug)


def _fail(message: str, exit_code: int, debug: bool) -> None:
    if debug:
        console.STDERR.print_exception(show_locals=False)
    console.show_error(message)
    sys.exit(exit_code)
