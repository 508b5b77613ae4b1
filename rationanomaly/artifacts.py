"""Output folders that appear whole or not at all, and say what is in them.

A folder is written beside its final place, synced to disk, given a ``manifest.json`` and renamed. The manifest
holds the SHA-256 of every file, so a reader can refuse a folder that was cut off, edited or mixed up. It holds
no time, path or run id: equal inputs give equal folders, and the digest of the manifest is the folder's identity.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.regular_files import listed, opened, read_json

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
#: In the workplace of a writer: what it writes, and the output that it replaces.
_NEW, _OLD = "new", "old"


@dataclass(frozen=True)
class Manifest:
    """What an output folder says of itself.

    Attributes:
        step: name of the step that wrote the folder.
        files: relative POSIX path → SHA-256 in hex.
        sources: SHA-256 of the raw inputs (``logs``, ``ledger``, …) that lie behind it, by name.
        digest: SHA-256 of the manifest itself: equal digests, equal folders.
    """

    step: str
    files: Mapping[str, str]
    sources: Mapping[str, str]
    digest: str

    def digest_of(self, folder: str) -> str:
        """What `sha256` says of a folder inside, from the hashes in the manifest: nothing is read."""
        return folder_sha256(self.files_of(folder))

    def files_of(self, folder: str) -> dict[str, str]:
        """The hashes of a folder inside, by the paths relative to it."""
        files = {PurePath(name): value for name, value in self.files.items()}
        return {p.relative_to(folder).as_posix(): files[p] for p in files if p.is_relative_to(folder)}


def sha256(path: Path) -> str:
    """SHA-256 in hex of a file; of a folder the hash over its sorted (relative path, file hash) pairs.

    Raises:
        ArtifactError: a device or a pipe, or what `listed` refuses in a folder.
    """
    if path.is_dir():
        return folder_sha256({name: sha256(file) for name, file in listed(path).items()})
    with opened(path, follow=True) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(files: Mapping[str, str]) -> str:
    """What `sha256` says of a folder whose files have these hashes, by relative POSIX path."""
    paths = {PurePath(name): value for name, value in files.items()}
    rows = [f"{path.as_posix()}\0{paths[path]}\n" for path in sorted(paths)]
    return hashlib.sha256("".join(rows).encode()).hexdigest()


@contextmanager
def writing_file(path: Path) -> Iterator[Path]:
    """Give a place beside ``path`` to write one file to; on success it becomes ``path``, else it is removed."""
    refuse_device(path)  # A rename would put a file in its place.
    with translated_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        partial = Path(name)
        try:
            partial.chmod(0o644)
            yield partial
            sync(partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def refuse_device(path: Path) -> None:
    """Refuse a place at which there is something else than a file or a folder.

    Raises:
        InfrastructureError: a device, a pipe or a socket; names it.
    """
    with translated_disk_errors(path):
        kind = path.stat().st_mode if path.exists() else stat.S_IFREG
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise InfrastructureError("cannot write: it is a device or a pipe", file=path, hint="Name a file")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all: beside it, synced, renamed."""
    with writing_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON with sorted keys; NaN and infinity are refused, for no JSON reader takes them."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def translated_disk_errors(path: Path) -> Iterator[None]:
    """Turn "no space", "read-only" and "permission denied" into one clear line about ``path``."""
    try:
        yield
    except OSError as error:
        hint = {
            errno.ENOSPC: "Free some space and start again; nothing half-written was kept",
            errno.EDQUOT: "Your disk quota is used up; nothing half-written was kept",
            errno.EROFS: "Choose an output folder on a writable disk",
            errno.EACCES: "Choose an output folder that you may write to",
            errno.EISDIR: "Name a file; a folder stands there",
            errno.ENOTDIR: "Name another place; part of the path is a file",
            errno.EEXIST: "Name another place; part of the path is a file",
            errno.ELOOP: "Name another place; a link leads back to itself",
            errno.ENAMETOOLONG: "Name a shorter path",
        }.get(code := _errno(error))
        if hint is None:
            raise
        raise InfrastructureError(f"cannot write: {os.strerror(code)}", file=path, hint=hint) from error


def _errno(error: OSError) -> int:
    """The error's number; polars raises OSError with the number in the text alone."""
    _, marker, tail = str(error).rpartition("(os error ")
    number = tail.rstrip(")")
    return error.errno or (int(number) if marker and number.isdecimal() else 0)


@contextmanager
def writing(output: Path, step: str, sources: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Give a fresh folder to write into; on success it becomes ``output``, on any failure it is removed.

    What a writer left that was killed is cleared here, too.

    Args:
        output: the final place; what lies there is replaced only once the new folder is complete.
        step: name of the step, written into the manifest.
        sources: hashes of the raw inputs, written into the manifest.

    Raises:
        ArtifactError: ``output`` exists and was not written by a step, so replacing it could lose somebody's files.
        InfrastructureError: the disk is full, read-only or not ours.
    """
    output = output.absolute()
    if output.exists() and not _replaceable(output):
        raise ArtifactError(
            "the output place is taken by something that no step wrote", file=output, hint="Name another --output"
        )
    with translated_disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with workplace(output) as place:
            partial = place / _NEW
            partial.mkdir()
            partial.chmod(0o755)
            yield partial
            _seal(partial, step, sources or {})
            _move_into_place(place, output)


def read(folder: Path, step: str | None = None, only: Collection[str] | None = None) -> Manifest:
    """Check an output folder against its manifest.

    Args:
        folder: the folder.
        step: the step that must have written it; None takes any.
        only: names of the files that are going to be read, where hashing the others would take long for nothing; the
            list of files is checked all the same. None: all.

    Raises:
        ArtifactError: no folder, no manifest, a file missing, changed or added, a link, a device or a pipe, or the
            wrong step.
    """
    again = f"Run `rationanomaly {step or 'STEP'}` again to make it anew"
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ArtifactError("no such folder", file=folder, hint=again)
    try:
        document = read_json(path, "is not a manifest", again)
        files, sources = dict(document["files"]), dict(document["sources"])
        found_step, schema = document["step"], document["schema"]
        if not _texts(found_step, *files, *files.values(), *sources, *sources.values()):
            raise TypeError
    except FileNotFoundError as error:
        raise ArtifactError(
            "has no manifest, so it is no finished output of a step", file=folder, hint=again
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError("is not a manifest", file=path, hint=again) from error
    if schema != SCHEMA_VERSION:
        problem = f"was written with manifest schema {schema}; this program reads {SCHEMA_VERSION}"
        raise ArtifactError(problem, file=path, hint=again)
    if step is not None and found_step != step:
        problem = f"is an output of `{found_step}`, not of `{step}`"
        raise ArtifactError(problem, file=folder, hint="Name the right folder")
    present = listed(folder).keys() - {MANIFEST}
    for name in sorted(present ^ set(files)):
        problem = "is not in the manifest" if name in present else "is named in the manifest but missing"
        raise ArtifactError(problem, file=folder / name, hint=again)
    for name in sorted(set(only or ()) - set(files)):
        raise ArtifactError("is not in this output", file=folder / name, hint=again)
    for name, expected in files.items():
        if (only is None or name in only) and sha256(folder / name) != expected:
            raise ArtifactError("does not have the SHA-256 that the manifest states", file=folder / name, hint=again)
    return Manifest(found_step, files, sources, sha256(path))


def _texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def stated_digest(folder: Path) -> str | None:
    """The digest of a folder's manifest as it stands, unchecked: for who has checked it; None if there is none."""
    path = folder / MANIFEST
    return sha256(path) if path.is_file() else None


def _replaceable(output: Path) -> bool:
    return output.is_dir() and (not any(output.iterdir()) or (output / MANIFEST).is_file())


def _seal(folder: Path, step: str, sources: Mapping[str, str]) -> None:
    paths = listed(folder)
    for path in paths.values():
        sync(path)
    files = {name: sha256(path) for name, path in paths.items()}
    write_json(folder / MANIFEST, {"schema": SCHEMA_VERSION, "step": step, "sources": dict(sources), "files": files})
    for directory in [*(p for p in folder.rglob("*") if p.is_dir()), folder]:
        sync(directory)


@contextmanager
def workplace(output: Path) -> Iterator[Path]:
    """A folder beside ``output`` that is locked while we live and removed at the end; those of the killed are, too."""
    _clear_leftovers(output)
    place, lock = _locked_folder(output)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(lock)


def _locked_folder(output: Path) -> tuple[Path, int]:
    while True:
        place = Path(tempfile.mkdtemp(dir=output.parent, prefix=_prefix(output)))
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(place, os.O_RDONLY)
            # Somebody who clears leftovers may have been faster than the lock.
            if try_lock(lock) is not False and place.exists():
                return place, lock
            os.close(lock)


def _clear_leftovers(output: Path) -> None:
    """Remove the workplaces of writers that were killed; one may hold the output, moved aside and not yet replaced."""
    for place in output.parent.glob(f"{glob.escape(_prefix(output))}*"):
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(place, os.O_RDONLY)
            try:
                if try_lock(lock):
                    if (place / _OLD).is_dir() and not output.exists():
                        os.rename(place / _OLD, output)
                    shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(lock)


def try_lock(descriptor: int) -> bool | None:
    """Lock a folder until the descriptor or the process ends; False if another has, None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _prefix(output: Path) -> str:
    return f".{output.name}.partial-"


def _move_into_place(place: Path, output: Path) -> None:
    """Rename; a predecessor is moved aside first, so that a reader never sees a mixture."""
    if output.exists():
        os.rename(output, place / _OLD)
    try:
        os.rename(place / _NEW, output)
    except OSError:
        if (place / _OLD).exists():
            os.rename(place / _OLD, output)
        raise
    sync(output.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
