"""Raw inputs as paths: which files one names, whether it can be read twice, its SHA-256."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from rationanomaly.artifacts import sha256
from rationanomaly.errors import InputError
from rationanomaly.params import is_glob

#: Standard input.
STDIN = Path("-")
#: Bytes that are read and worked on at once; a batch of lines is what lies in them.
CHUNK = 8 * 2**20


def find_files(path: Path) -> list[Path]:
    """The files that a path or glob names, sorted; `STDIN` stands for itself.

    Raises:
        InputError: nothing there, a directory, a device, or a symbolic link to another part of the disk.
    """
    if path == STDIN:
        return [path]
    if is_glob(path):
        found = sorted(file for file in path.parent.glob(path.name) if not file.is_dir())
        if not found:
            raise InputError("no file fits this glob", file=path, hint="Check the path")
    else:
        found = [path]
    for file in found:
        _check(file)
    return found


def is_special(path: Path) -> bool:
    """Whether a path is no plain file: standard input, a glob, a link, a directory, a pipe or a device."""
    return path == STDIN or path.is_symlink() or (not path.is_file() and (path.exists() or is_glob(path)))


def settle(path: Path, folder: Path) -> Path:
    """A path that can be read twice, to be hashed and then parsed: standard input and pipes go to a file in ``folder``.

    Raises:
        InputError: see `find_files`.
    """
    files = find_files(path)
    if path != STDIN and not files[0].is_fifo():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=".log")
    copy = Path(name)
    with os.fdopen(descriptor, "wb") as file, sys.stdin.buffer if path == STDIN else path.open("rb") as pipe:
        shutil.copyfileobj(pipe, file, CHUNK)
    return copy


def digest(path: Path) -> str:
    """SHA-256 in hex of what a path or glob names; of several files over their hashes, in order."""
    if path.exists():
        return sha256(path)
    return hashlib.sha256("".join(f"{sha256(file)}\n" for file in find_files(path)).encode()).hexdigest()


def _check(file: Path) -> None:
    """Refuse what is no log file."""
    if not os.path.lexists(file):
        hint = "Check the path, or make demo logs with `rationanomaly simulate`"
        raise InputError("no such file", file=file, hint=hint)
    if file.is_symlink():
        target, home = file.resolve(), (file.parent.resolve(), Path.cwd().resolve())
        if not any(target.is_relative_to(folder) for folder in home):
            raise InputError("is a symbolic link that leaves its folder", file=file, hint="Name the file itself")
    if not file.exists():
        raise InputError("is a symbolic link to nothing", file=file, hint="Name the file itself")
    if file.is_dir():
        raise InputError("is a directory", file=file, hint="Name a file, or a glob such as logs/*.log")
    if not (file.is_file() or file.is_fifo()):
        raise InputError("is a device, no file", file=file, hint="Name a file, or - for standard input")
