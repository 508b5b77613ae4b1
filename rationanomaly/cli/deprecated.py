"""Spellings of the release before: each warns, names the new one and does the same. They go with the next release."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import before, ledger
from rationanomaly.cli.options import (
    PARAMS,
    STATE,
    InputsOption,
    OutputOption,
    ParamsOption,
    SetOption,
    StateOption,
    read_inputs,
)
from rationanomaly.cli.steps import run_step
from rationanomaly.errors import ParamsError
from rationanomaly.params import load_params
from rationanomaly.steps import Step

logger = logging.getLogger(__name__)

#: The old options wrote nothing, so the folder was not asked for with them.
_OptionalOutput = Annotated[
    Path | None, typer.Option("--output", help="Folder to write; appears whole or not at all. Required.")
]


def _warn(old: str, new: str) -> None:
    logger.warning("`%s` is deprecated and goes with the next release: use `rationanomaly %s`", old, new)


def _named(output: Path | None) -> Path:
    if output is None:
        raise ParamsError("no folder to write is named", hint="Add --output DIR")
    return output


def _parse_command(step: Step) -> Callable[..., None]:
    def command(
        output: _OptionalOutput = None,
        params: ParamsOption = PARAMS,
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
        preview: Annotated[bool, typer.Option("--preview", hidden=True)] = False,
    ) -> None:
        if not preview:
            run_step(step, _named(output), params, settings, inputs, state)
            return
        _warn("parse --preview", "preview LOGFILE")
        named = load_params(params, settings or ()).data.format
        before.preview(read_inputs(inputs).get("logs"), named, params, settings)

    return command


def _distill_command(step: Step) -> Callable[..., None]:
    def command(
        output: _OptionalOutput = None,
        params: ParamsOption = PARAMS,
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
        dry_run: Annotated[bool, typer.Option("--dry-run", hidden=True)] = False,
    ) -> None:
        if not dry_run:
            run_step(step, _named(output), params, settings, inputs, state)
            return
        _warn("distill --dry-run", "estimate")
        before.estimate(params, settings, inputs, state)

    return command


def _correct_command(step: Step) -> Callable[..., None]:
    def command(
        output: OutputOption,
        params: ParamsOption = PARAMS,
        settings: SetOption = None,
        inputs: InputsOption = None,
        state: StateOption = STATE,
        why: Annotated[str | None, typer.Option("--why", hidden=True)] = None,
    ) -> None:
        if why is None:
            run_step(step, output, params, settings, inputs, state)
            return
        _warn("correct --why TEMPLATE --output DIR", "ledger why TEMPLATE --correct DIR")
        ledger.why(why, output)

    return command


#: Steps whose command still takes an option that has become a verb, with what makes that command.
COMMANDS: Mapping[str, Callable[[Step], Callable[..., None]]] = {
    "parse": _parse_command,
    "correct": _correct_command,
    "distill": _distill_command,
}
