"""Raw inputs as paths: which files one names, whether it can be read twice, its SHA-256."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from rationanomaly.artifacts import sha256
from rationanomaly.errors import InputError
from rationanomaly.params.log_files import folder_and_glob, is_glob

#: Standard input.
STDIN = Path("-")
#: Bytes that are read and worked on at once; a batch of lines is what lies in them.
CHUNK = 8 * 2**20

_PROCESSES = Path("/proc")


def find_files(path: Path, skipping: Callable[[Path], None] = lambda _: None) -> list[Path]:
    """The files that a path names, in natural order (``app.log.2`` before ``app.log.10``); `STDIN` is itself.

    A folder is all the files below it. As in a shell, ``**`` in a glob is any folders, or at its end all files below,
    and hidden files and folders have to be named. A file that is found twice through a link is taken once.

    Args:
        path: a file, a folder, a glob, or `STDIN`.
        skipping: is called with what a folder or a glob holds, but is not taken: devices, pipes, and links to nothing,
            to folders or to another part of the disk.

    Raises:
        InputError: no file is there, a folder can't be read, or the path itself is a device or a link to another part
            of the disk.
    """
    if path == STDIN:
        return [path]
    found, homes = folder_and_glob(path), [Path.cwd().resolve()]
    if found is None:
        _check(path)
        if not path.is_dir():
            return [path]
        found, homes = (path, "**"), []
    skipped = list[Path]()
    files = _files_within(*found, [*homes, Path(os.path.realpath(found[0]))], skipped)
    if not files:
        problem = "no file fits this glob" if is_glob(path) else "holds no log file"
        hint = f"{skipped[0]} is a link that leaves it, or no file" if skipped else "Check the path"
        raise InputError(problem, file=path, hint=hint)
    for file in skipped:
        skipping(file)
    return files


def would_find(path: Path, file: Path) -> bool:
    """Whether `find_files` of a path would find this file, by this name or by another one, also before it is there.

    Args:
        path: a file, a folder or a glob.
        file: any path.
    """
    found = folder_and_glob(path)
    if found is None and not path.is_dir():
        return is_same_place(path, file)
    folder, glob = found or (path, "**")
    target, home = Path(os.path.realpath(file)), Path(os.path.realpath(folder))
    if target.is_relative_to(home) and _fits_all(target.relative_to(home).parts, glob.split("/")):
        return True
    try:
        return file.exists() and any(is_same_place(one, file) for one in find_files(path))
    except InputError:
        return False  # Nothing is there, or it can't be read, which is said when it is.


def is_same_place(one: Path, other: Path) -> bool:
    """Whether two paths are the same file, also by a link or a hard link, or would be if they were there."""
    try:
        return os.path.realpath(one) == os.path.realpath(other) or one.samefile(other)
    except OSError:
        return False


def open_file(descriptor: int) -> Path:
    """A path of a file that this process has open, also if it has no name any more; where the system has such paths."""
    return _PROCESSES / str(os.getpid()) / "fd" / str(descriptor)


def is_special(path: Path) -> bool:
    """Whether a path is no plain file: standard input, a glob, a link, a directory, a pipe or a device."""
    return path == STDIN or path.is_symlink() or (not path.is_file() and (path.exists() or is_glob(path)))


def is_read_once(path: Path) -> bool:
    """Whether what a path names is gone once it was read: standard input, or a pipe.

    Raises:
        InputError: see `find_files`.
    """
    files = find_files(path)
    return path == STDIN or files[0].is_fifo()


def digest(path: Path) -> str:
    """SHA-256 in hex of what a path names; of a folder or a glob over the hashes of its files, in order."""
    if path.is_file():
        return sha256(path)
    return hashlib.sha256("".join(f"{sha256(file)}\n" for file in find_files(path)).encode()).hexdigest()


def _files_within(folder: Path, glob: str, homes: list[Path], skipped: list[Path]) -> list[Path]:
    """The files of a folder that fit a glob, each once, in natural order; links have to stay in ``homes``."""
    files, links = list[Path](), list[Path]()
    for entry in _walk(folder, glob.split("/")):
        file = Path(entry.path)
        if not entry.is_symlink():
            (files if entry.is_file() else skipped).append(file)
        else:
            (links if file.is_file() and _stays_in(file, homes) else skipped).append(file)
    seen = {file.resolve() for file in files} if links else set[Path]()
    for link in sorted(links, key=_natural):
        if (target := link.resolve()) not in seen:
            seen.add(target)
            files.append(link)
    skipped.sort(key=_natural)
    return sorted(files, key=_natural)


def _walk(folder: Path, parts: list[str]) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder and fits the parts of a glob, but for folders; links to folders are not followed."""
    parts = [*parts, "*"] if parts[-1] == "**" else parts
    waiting = [(str(folder), {0})]
    while waiting:
        inside, places = waiting.pop()
        # `**` is no folder at all, too.
        places |= {later for place in places for later in _behind_stars(parts, place)}
        try:
            with os.scandir(inside) as entries:
                for entry in entries:
                    fitting = {place for place in places if _fits(entry.name, parts[place])}
                    if not entry.is_dir(follow_symlinks=False):
                        if any(place == len(parts) - 1 for place in fitting):
                            yield entry
                    elif below := {place + (parts[place] != "**") for place in fitting} - {len(parts)}:
                        waiting.append((entry.path, below))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"can't be read: {error.strerror}", file=inside, hint="Check its permissions") from error


def _fits_all(names: tuple[str, ...], parts: list[str]) -> bool:
    """Whether the names of a path below a folder fit the parts of a glob, as `_walk` would find it."""
    parts = [*parts, "*"] if parts[-1] == "**" else parts
    places = {0}
    for number, name in enumerate(names, start=1):
        places |= {later for place in places for later in _behind_stars(parts, place)}
        fitting = {place for place in places if _fits(name, parts[place])}
        if number == len(names):
            return len(parts) - 1 in fitting
        places = {place + (parts[place] != "**") for place in fitting} - {len(parts)}
    return False


def _behind_stars(parts: list[str], place: int) -> Iterator[int]:
    while parts[place] == "**":
        place += 1
        yield place


def _fits(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (not name.startswith(".") or part.startswith("."))


def _natural(path: Path) -> tuple[list[list[str | int]], Path]:
    """Sorts paths by their names, and numbers in these by what they count."""
    names = [re.split("([0-9]+)", name) for name in path.parts]
    return [[int(text) if place % 2 else text for place, text in enumerate(name)] for name in names], path


def _stays_in(link: Path, homes: list[Path]) -> bool:
    target = Path(os.path.realpath(link))  # A circle of links is an error to `resolve`.
    return any(target.is_relative_to(folder) for folder in homes)


def _is_open_file(path: Path) -> bool:
    """Whether it is a path that `open_file` gives: no link that a stranger could have put there."""
    return path.parent.name == "fd" and path.parent.parent.parent == _PROCESSES


def _check(file: Path) -> None:
    """Refuse what is no log file."""
    if not os.path.lexists(file):
        hint = "Check the path, or make demo logs with `rationanomaly simulate`"
        raise InputError("no such file", file=file, hint=hint)
    if (
        file.is_symlink()
        and not _is_open_file(file)
        and not _stays_in(file, [Path(os.path.realpath(file.parent)), Path.cwd().resolve()])
    ):
        raise InputError("is a symbolic link that leaves its folder", file=file, hint="Name the file itself")
    if not file.exists():
        raise InputError("is a symbolic link to nothing", file=file, hint="Name the file itself")
    if not (file.is_file() or file.is_dir() or file.is_fifo()):
        raise InputError("is a device, no file", file=file, hint="Name a file, or - for standard input")
