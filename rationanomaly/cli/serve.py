"""The commands `rationanomaly serve` and `rationanomaly tools`: the detector for other programs."""

from __future__ import annotations

import gc
import re
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli.options import PARAMS, ParamsOption, SetOption, or_defaults, read_members
from rationanomaly.errors import ParamsError
from rationanomaly.params import VerdictKind, load_params


def serve(
    model: Annotated[str, typer.Option("--model", help="Output folder of sft or grpo, or models:/NAME@ALIAS.")],
    state: Annotated[
        Path, typer.Option("--state", help="Folder of the stream: what survives a crash; one process at a time.")
    ] = Path(".state/serve"),
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Decisions that hold at once; the pages append to it.")
    ] = None,
    verdict: Annotated[
        VerdictKind | None, typer.Option("--verdict", help="reasoned or direct; default: as the model's card says.")
    ] = None,
    reviewers: Annotated[
        list[str] | None, typer.Option("--reviewer", help="Who may open the pages of incidents; may be repeated.")
    ] = None,
    seniors: Annotated[
        list[str] | None, typer.Option("--senior", help="Who settles disputes on them; may be repeated.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to listen on; 0 takes a free one.")] = 8126,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Serve verdicts, lines, OpenTelemetry logs and incidents over HTTP; a model named by an alias is followed.

    The interface is described at /docs. API keys come from the environment variable that watch.serve.keys names.

    Examples:

        rationanomaly serve --model outputs/laptop/grpo --state .state/serve --reviewer ada

        rationanomaly serve --model models:/rationanomaly@champion --host 0.0.0.0 --set watch.serve.keys=SERVE_KEYS
    """
    from rationanomaly.serve import launch

    # What is imported stays: no search for garbage has to pass through it.
    gc.freeze()
    members = read_members(reviewers, seniors)
    loaded = load_params(or_defaults(params), settings or ())
    launch.serve(model, state, loaded, ledger=ledger, verdict=verdict, members=members, host=host, port=port)


def tools(
    url: Annotated[str, typer.Option("--url", help="Address of a running `rationanomaly serve`.")] = (
        "http://127.0.0.1:8126"
    ),
    key: Annotated[
        str | None, typer.Option("--key", help="NAME of the environment variable that holds its API key.")
    ] = None,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """Offer a running service to a language model: tools over the Model Context Protocol on standard input and output.

    An assistant starts it by itself: name this command in its settings. The tools are explain_line, list_incidents,
    read_incident and similar_templates; none changes anything.

    Example:

        rationanomaly tools --url http://127.0.0.1:8126 --key RATIONANOMALY_API_KEY
    """
    from rationanomaly.remote.credentials import from_environment
    from rationanomaly.serve.tools import Questions, build_tools

    if key is not None and re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", key) is None:
        # It may be the key itself, pasted by mistake.
        raise ParamsError(
            "`--key` is no NAME of an environment variable", hint="Put the key in a variable, and name that"
        )
    secret = None if key is None else from_environment(key, "the service")
    questions = Questions(url, secret, load_params(or_defaults(params), settings or ()).prompt)
    try:
        build_tools(questions).run("stdio")
    finally:
        questions.close()
