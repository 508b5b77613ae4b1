"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import DEFAULTS_NAME, Params, load_params
from rationanomaly.runs.one_step import STATE as STATE

ParamsOption = Annotated[Path, typer.Option("--params", help="Params file or profile.", metavar="FILE")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Change one value.", metavar="KEY=VALUE")]
OutputOption = Annotated[Path, typer.Option("--output", help="Folder to write; appears whole or not at all.")]
InputsOption = Annotated[
    list[str] | None, typer.Option("--input", help="A folder or file that it reads.", metavar="NAME=PATH")
]
StateOption = Annotated[
    Path, typer.Option("--state", help="What survives a crash, of each run in STEP/KEY.", metavar="DIR")
]

#: How `--help` shows the folder of a run; its name is known when the params are.
RUN_FOLDER = "outputs/<run.name>"

if TYPE_CHECKING:
    from rationanomaly.review.desk import Member

PARAMS = Path("params.yaml")


def or_defaults(params: Path) -> Path:
    """The packaged default values where no params file was named and none is here."""
    return Path(DEFAULTS_NAME) if params == PARAMS and not params.exists() else params


def run_folder(params: Params | None = None) -> Path:
    """Where `dvc repro` leaves the outputs of a run with these params, by default those of this folder.

    Raises:
        ParamsError: they can't be read.
    """
    return Path("outputs") / (params or load_params(or_defaults(PARAMS))).run.name


ParseOption = Annotated[
    Path,
    typer.Option(
        "--parse",
        help="Output folder of parse.",
        default_factory=lambda: run_folder() / "parse",
        show_default=f"{RUN_FOLDER}/parse",
    ),
]
CorrectOption = Annotated[
    Path,
    typer.Option(
        "--correct",
        help="Output folder of correct.",
        default_factory=lambda: run_folder() / "correct",
        show_default=f"{RUN_FOLDER}/correct",
    ),
]
HostNameOption = Annotated[
    list[str] | None,
    typer.Option("--host-name", help="Name under which others reach the page; may be repeated."),
]
RunArgument = Annotated[
    Path,
    typer.Argument(
        help="Folder that holds the steps' output folders.",
        default_factory=run_folder,
        show_default=RUN_FOLDER,
    ),
]


def read_members(reviewers: Sequence[str] | None, seniors: Sequence[str] | None) -> list[Member]:
    """The people of ``--reviewer`` and ``--senior``.

    Raises:
        ParamsError: one is no name.
    """
    from rationanomaly.review.desk import Member

    try:
        return [*(Member(name) for name in reviewers or ()), *(Member(name, senior=True) for name in seniors or ())]
    except InputError as error:
        raise ParamsError(error.problem, hint=error.hint) from error


def read_inputs(pairs: Sequence[str] | None) -> dict[str, Path]:
    """The paths of ``--input NAME=PATH`` by name.

    Raises:
        ParamsError: one is not of that form.
    """
    return dict(_read_pair(pair) for pair in pairs or ())


def _read_pair(pair: str) -> tuple[str, Path]:
    name, equals, path = pair.partition("=")
    if not equals or not name or not path:
        raise ParamsError(f"`--input {pair}` is not NAME=PATH", hint="Write it like --input parse=outputs/parse")
    return name, Path(path)
