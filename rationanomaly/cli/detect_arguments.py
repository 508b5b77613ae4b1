"""What is wrong with the arguments of `detect`, before a model is loaded: a file to be read and written, above all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rationanomaly.artifacts import refuse_device
from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.parse import formats
from rationanomaly.parse.record_reader import AUTO
from rationanomaly.parse.source import no_line
from rationanomaly.raw_inputs import STDIN, find_files, is_same_place, would_find
from rationanomaly.stream.database import NAME

#: The format whose pattern is among the settings that the model carries.
_CUSTOM = "custom"


def check_files(
    logs: Sequence[Path], inputs: Mapping[str, Path | None], outputs: Mapping[str, Path | None], state: Path | None
) -> None:
    """Refuse outputs that are no files, or files that are read, or that another output is.

    Args:
        logs: files, folders and globs that are read.
        inputs: other files and folders that are read, by their options; None: not given.
        outputs: files that are written, by their options; None: not given.
        state: a folder that is written.

    Raises:
        ParamsError: such an output; names it.
        InfrastructureError: an output that is a device, or below a file.
    """
    named = {option: path for option, path in outputs.items() if path is not None}
    for number, (option, path) in enumerate(named.items()):
        _check_output(option, path)
        read = next((log for log in logs if log != STDIN and would_find(log, path)), None)
        other = next((other for other, file in inputs.items() if file is not None and _holds(file, path)), None)
        first = next((first for first, file in list(named.items())[:number] if is_same_place(file, path)), None)
        if read is not None:
            raise _both(f"is read as a log ({read}), and {option} would write it", path)
        if other is not None:
            raise _both(f"is read by {other}, and {option} would write it", path)
        if first is not None:
            raise _both(f"is named by {first} and by {option}", path)
        if state is not None and is_same_place(state / NAME, path):
            raise _both(f"is the database of --state, and {option} would write it", path)
    if state is not None and any(log != STDIN and would_find(log, state / NAME) for log in logs):
        raise ParamsError("--state lies among the logs that are read", file=state, hint="Name a folder elsewhere")


def check_format(name: str) -> None:
    """Refuse a log format that no model reads.

    Raises:
        ParamsError: there is no such format.
    """
    if name != AUTO and _CUSTOM not in name.split("+"):
        formats.find(name)


def check_log(log: Path) -> None:
    """Refuse a log that is read once, and that is missing or empty.

    Raises:
        InputError: no file is there, or not a byte is in it.
    """
    files = find_files(log)
    if log != STDIN and all(file.is_file() and _is_empty(file) for file in files):
        raise no_line(log, 0)


def check_ledger(path: Path) -> None:
    """Refuse a ledger that is missing.

    Raises:
        InputError: nothing is there.
    """
    if not path.exists():
        raise InputError("no such file", file=path, hint="Check the path")


def _check_output(option: str, path: Path) -> None:
    if path.is_dir():
        raise ParamsError(f"is a folder, and {option} names a file", file=path, hint="Name a file in it")
    refuse_device(path)
    above = next(folder for folder in path.absolute().parents if folder.exists() or folder.is_symlink())
    if not above.is_dir():
        hint = "Name another place; part of the path is a file"
        raise InfrastructureError("cannot write: Not a directory", file=path, hint=hint)


def _holds(read: Path, path: Path) -> bool:
    return is_same_place(read, path) or (read.is_dir() and would_find(read, path))


def _both(problem: str, path: Path) -> ParamsError:
    return ParamsError(problem, file=path, hint="Name another file")


def _is_empty(file: Path) -> bool:
    if file.stat().st_size:
        return False
    with file.open("rb") as opened:  # What the system makes as it is read says that it has no length.
        return not opened.read(1)
