"""Commands for the time before the pipeline runs: where logs and params come from, what they would come to."""

from __future__ import annotations

import gc
import logging
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import (
    PARAMS,
    STATE,
    HostNameOption,
    InputsOption,
    ParamsOption,
    ParseOption,
    SetOption,
    StateOption,
    or_defaults,
    read_inputs,
    read_members,
)
from rationanomaly.params import Params, load_params, read_document
from rationanomaly.steps import BY_NAME
from rationanomaly.text.untrusted import for_terminal

logger = logging.getLogger(__name__)


def fetch(
    name: Annotated[str, typer.Argument(help="bgl, thunderbird, hdfs, spirit or liberty.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for download and log.")] = Path("data/public"),
) -> None:
    """Download a public data set: shows its terms and size first, resumes, keeps the first download's checksum.

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
    sys.stdout.write(f"--set data.logs={shlex.quote(for_terminal(str(log)))} --set data.format={entry.format}\n")


def simulate(
    output: Annotated[Path, typer.Option("--output", help="Folder to write.")] = Path("data/simulated"),
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Write the log of a made-up cluster, its reviewers' decisions and the truth.

    Example:

        rationanomaly simulate --set simulate.lines=1000000 --output data/large
    """
    from rationanomaly.simulate import write

    loaded = load_params(or_defaults(params), settings or ())
    with console.progress_bars("simulate"):
        write(loaded, output)


def pretrain(
    output: Annotated[Path, typer.Option("--output", help="Folder to write.")] = Path("outputs/pretrain"),
    base: Annotated[
        Path | None, typer.Option("--base", help="Folder with a model and its tokenizer; default: the packaged base.")
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option("--held-out", help="CSV file with a column `template`: no near-duplicate of it is learnt from."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--start", help="Folder of a log adapter to train further; default: a fresh one.")
    ] = None,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Tokens of all rows together at most.")] = 6_000_000,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Rows of a step.")] = 20,
    label_weight: Annotated[
        float, typer.Option("--label-weight", min=0, help="Weight in the loss of the token that tells the label.")
    ] = 4.0,
    precision: Annotated[str, typer.Option("--precision", help="bfloat16 or float32.")] = "bfloat16",
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of torch.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 0,
    state: StateOption = STATE,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Make the log adapter: teach the packaged base what logs are. Hours without a GPU; continues where it was stopped.

    Examples:

        rationanomaly pretrain --output outputs/pretrain --threads 2

        rationanomaly pretrain --start outputs/pretrain --tokens 800000 --output outputs/further
    """
    from rationanomaly.pretrain import adapter
    from rationanomaly.training.interruption import handle_signals

    prompt = load_params(or_defaults(params), settings or ()).prompt
    recipe = adapter.Recipe.of(seed, threads, tokens, batch, label_weight, precision)
    with console.progress_bars("pretrain"), handle_signals():
        found = adapter.make(recipe, prompt, output, state / "pretrain", base, held_out, start)
    sys.stdout.write("".join(f"{name} {value:.4g}\n" for name, value in sorted(found.items())))


def print_params(
    profile: Annotated[
        Path, typer.Argument(help="Params file or profile; `defaults`: the packaged default values.")
    ] = PARAMS,
    settings: SetOption = None,
    output: Annotated[Path | None, typer.Option("--output", help="File to write; default: standard output.")] = None,
) -> None:
    """Compose the full params document of a profile with its comments, which DVC and KFP both read.

    Examples:

        rationanomaly params profiles/bgl.yaml --set run.seed=1 --output params.yaml

        rationanomaly params defaults --output params.yaml
    """
    from rationanomaly.artifacts import write_text
    from rationanomaly.cli.params_document import compose_text

    profile = or_defaults(profile)
    text = compose_text(profile, settings or ())
    _warn_of_logs_beside_outputs(read_document(text))
    if output is None:
        # A pipe gets the text as it is: as YAML, outside double quotes, an escape would mean another text.
        sys.stdout.write(for_terminal(text, lines=True) if sys.stdout.isatty() else text)
    else:
        write_text(output, text)


def _warn_of_logs_beside_outputs(params: Params) -> None:
    """DVC watches the folder of a glob as a whole, and refuses one that holds its own outputs."""
    folder = params.data.logs.absolute()
    if (params.data.files is not None or folder.is_dir()) and Path.cwd().is_relative_to(folder):
        logger.warning("DVC can't watch %s, which holds its outputs: put the logs in a folder of their own", folder)


def preview(
    log: Annotated[Path | None, typer.Argument(help="Log file; default data.logs.", metavar="LOGFILE")] = None,
    log_format: Annotated[
        str | None, typer.Option("--format", help="Log format; default: detected in LOGFILE, data.format without one.")
    ] = None,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Show what parse would make of a log's first lines: format, templates, what doesn't fit. Writes nothing.

    Examples:

        rationanomaly preview app.log

        rationanomaly preview app.log --format syslog --params profiles/bgl.yaml
    """
    from rationanomaly.parse.preview import preview as preview_log
    from rationanomaly.parse.preview import show_preview

    loaded = load_params(or_defaults(params), settings or ())
    named = log_format or (loaded.data.format if log is None else "auto")
    show_preview(preview_log(log or loaded.data.source("logs"), named, loaded.parse), console.STDOUT)


def estimate(
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
    inputs: InputsOption = None,
    state: StateOption = STATE,
) -> None:
    """Say how many calls and tokens and how much money distill would take, and how many tokens sft. Sends nothing.

    The line of sft comes where all its inputs are named: parse, correct, distill and base.

    Example:

        rationanomaly estimate --params profiles/llama2-7b.yaml --input correct=outputs/laptop/correct
    """
    from rationanomaly.distill.estimate import estimate as estimate_cost

    loaded, folders = load_params(params, settings or ()), read_inputs(inputs)
    sys.stdout.write(f"{estimate_cost(loaded, folders, state / 'distill')}\n")
    if set(BY_NAME["sft"].reads) <= set(folders):
        from rationanomaly.sft.estimate import estimate as estimate_training

        sys.stdout.write(f"{estimate_training(loaded, folders)}\n")


def review(
    parse: ParseOption,
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
    host_names: HostNameOption = None,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="No links: whoever reaches the page gives a name.")
    ] = False,
) -> None:
    """Decide on templates in the browser, alone or as a team; every decision goes to the ledger.

    Example:

        rationanomaly review --reviewer ada --reviewer bob --senior eve
    """
    from rationanomaly.review.launch import open_desk, require_members, serve_on
    from rationanomaly.review.listening import listen

    # What is imported stays: searching it for garbage while a long ledger is read takes a fifth of the time.
    gc.freeze()
    members = read_members(reviewers, seniors)
    require_members(members, open_to_all)
    # Before the desk is laid, which takes seconds: a port that is taken is known at once.
    with listen(host, port) as listener:
        desk, context = open_desk(parse, ledger, correct, model)
        with console.until_interrupted(f"The review page has ended; every decision is in {ledger}."):
            serve_on(listener, desk, context, members, host, open_to_all, host_names or ())
