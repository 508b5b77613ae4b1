"""Files of artifacts: regular ones alone, of bounded size and depth; no link is followed, no pipe waited for.

What others wrote may hold a link to a private file, a pipe on which a reader waits for ever, or JSON that is nested so
deeply that a parser gives up. Whoever reads or copies a folder of theirs does it by these functions.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import stat
from collections.abc import Container, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any

from rationanomaly.errors import ArtifactError, InputError

#: Bytes of the largest JSON file that is read, and of what is copied at once.
_MAX_JSON, _CHUNK = 64 << 20, 1 << 20
#: Bytes of the largest table or document that a user names and that is held in memory at once.
_MAX_NAMED = 256 << 20
#: Where a shell puts what a command writes: ``<(command)``.
SHELL_PIPES = ("/dev/fd/", "/dev/stdin", "/proc/")


def listed(folder: Path) -> dict[str, Path]:
    """The files in a folder and the folders below it, by relative POSIX path, sorted; no link is followed.

    The folder itself may be a link; of one that is missing there are none. In the hub's cache a file is a link to the
    one place that keeps it (``snapshots/REVISION/NAME`` to ``blobs/HASH``): the value is then that place.

    Raises:
        ArtifactError: a link to anything else, a device, a pipe or a socket; names it.
    """
    blobs = folder.parent.parent / "blobs" if folder.parent.name == "snapshots" else None
    found, open_folders = {}, [folder] if folder.is_dir() else []
    while open_folders:
        with os.scandir(open_folders.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_symlink():
                    found[path.relative_to(folder).as_posix()] = _linked(path, blobs)
                elif entry.is_dir(follow_symlinks=False):
                    open_folders.append(path)
                elif entry.is_file(follow_symlinks=False):
                    found[path.relative_to(folder).as_posix()] = path
                else:
                    raise _irregular(path)
    return dict(sorted(found.items()))


def _linked(path: Path, blobs: Path | None) -> Path:
    if blobs is not None:
        target = Path(os.path.realpath(path))
        if target.parent == Path(os.path.realpath(blobs)) and target.is_file():
            return target
    raise _link(path)


def _link(path: Path) -> ArtifactError:
    return ArtifactError("is a link, and links are not followed here", file=path, hint="Put the file itself there")


def _irregular(path: Path) -> ArtifactError:
    return ArtifactError("is a device, a pipe or a socket", file=path, hint="Put a regular file there")


def _circle(path: Path) -> ArtifactError:
    return ArtifactError("is a link that leads back to itself", file=path, hint="Name the file itself")


def opened(path: Path, follow: bool = False, shell_pipes: bool = False) -> BufferedReader:
    """Open a regular file for reading; nobody waits for a pipe.

    Args:
        path: the file.
        follow: it may be a link.
        shell_pipes: it may be what a shell's ``<(command)`` writes, which is waited for.

    Raises:
        ArtifactError: a link, a device or a pipe.
        OSError: what `open` raises.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise (_circle(path) if follow else _link(path)) from error
        if error.errno == errno.ENXIO:  # A socket.
            raise _irregular(path) from error
        raise
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(kind):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if shell_pipes and stat.S_ISFIFO(kind) and str(path).startswith(SHELL_PIPES):
        os.set_blocking(descriptor, True)
    elif not stat.S_ISREG(kind):
        os.close(descriptor)
        raise _irregular(path)
    return os.fdopen(descriptor, "rb")


def read_named(path: Path) -> bytes:
    """What a file holds that a user has named: a regular one of bounded size, a link to one, or a shell's pipe.

    Raises:
        ArtifactError: a device, a pipe, a socket, a link to itself, or too large.
        OSError: what `open` raises.
    """
    with opened(path, follow=True, shell_pipes=True) as file:
        content = file.read(_MAX_NAMED + 1)
    if len(content) > _MAX_NAMED:
        raise ArtifactError(f"has more than {_MAX_NAMED >> 20} MiB", file=path, hint="Name another file, or its parts")
    return content


def read_given(path: Path) -> bytes:
    """As `read_named`, of a file that has to be there.

    Raises:
        ArtifactError: as `read_named`.
        InputError: it is missing, or a folder.
        OSError: it may not be read.
    """
    try:
        return read_named(path)
    except FileNotFoundError as error:
        raise InputError("no such file", file=path, hint="Check the path") from error
    except IsADirectoryError as error:
        raise InputError("is a folder, and no file", file=path, hint="Name a file in it") from error


def read_json(path: Path, problem: str, hint: str) -> Any:
    """What a JSON file of an artifact holds: of bounded size and depth, numbers finite, each key once in its object.

    Args:
        path: the file; no link.
        problem: what is said of one that can't be read.
        hint: what to do about it.

    Raises:
        ArtifactError: it is no such file; names it.
        FileNotFoundError: it is not there.
    """
    try:
        with opened(path) as file:
            content = file.read(_MAX_JSON + 1)
        if len(content) > _MAX_JSON:
            raise ArtifactError(f"{problem}: it has more than {_MAX_JSON >> 20} MiB", file=path, hint=hint)
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
    except FileNotFoundError:
        raise
    except RecursionError as error:
        raise ArtifactError(f"{problem}: it is nested too deeply", file=path, hint=hint) from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{problem}: {error}", file=path, hint=hint) from error


def read_object(path: Path, problem: str, hint: str) -> dict[str, Any]:
    """As `read_json`, of a file that has to be there and to hold an object.

    Raises:
        ArtifactError: it is missing, holds something else, or as `read_json`; names it.
    """
    try:
        document = read_json(path, problem, hint)
    except FileNotFoundError as error:
        raise ArtifactError("is missing", file=path, hint=hint) from error
    if not isinstance(document, dict):
        raise ArtifactError(f"{problem}: it is no JSON object", file=path, hint=hint)
    return document


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which each key stands once: readers would let the last one win in silence."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"`{key}` stands twice in its object")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_constant(text)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"`{name}` is no finite number")


def copy(source: Path, target: Path, without: Container[str] = ()) -> None:
    """Copy the files of a folder, and of those below it, to another that may be there; no link is followed.

    Args:
        source: the folder.
        target: where the copies go.
        without: relative POSIX paths that are left out.

    Raises:
        ArtifactError: as `listed`.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, path in listed(source).items():
        if name not in without:
            copy_file(path, target / name)


def copy_file(source: Path, target: Path) -> None:
    """Copy one file, which is no link, to a path whose folders are made.

    Raises:
        ArtifactError: a link, a device or a pipe.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(source) as file, target.open("wb") as output:
        shutil.copyfileobj(file, output, _CHUNK)
