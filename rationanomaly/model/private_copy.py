"""A private copy of a folder that others wrote: each file is opened once, and what was hashed is what is loaded.

A loader takes a path and opens it when it likes, so what was checked may be another file by then, and weights that
are mapped into memory would follow whoever writes to their file later. Loaders therefore get a copy that nobody else
can write to, hashed while it is made. Weights of more than `LARGEST` bytes would take too long: of them the copy holds
links, and they are refused if they were touched before the loader was done.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.regular_files import listed, opened

#: Bytes of weights that are copied.
LARGEST = 1 << 30
WEIGHTS = ".safetensors"
_CHUNK = 1 << 20
#: Bytes of the largest file that holds no weights.
_LARGEST_OTHER = 1 << 30
#: Seconds in which a change may leave no trace in a file's times, as clocks of file systems tick.
_TICK = 0.05
Stamp = tuple[int, ...]


@dataclass(frozen=True)
class PrivateCopy:
    """The copy.

    Attributes:
        place: where it lies; gone when the block of `private_copy` is left.
        origin: the folder that it is of.
        hashes: SHA-256 of every file of the folder, copied or not, by relative POSIX path.
        stamps: of the files that are links.
    """

    place: Path
    origin: Path
    hashes: dict[str, str] = field(default_factory=dict)
    stamps: dict[Path, Stamp] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """What `artifacts.sha256` says of the folder."""
        return artifacts.folder_sha256(self.hashes)

    def original(self, path: Path | str) -> Path:
        """The file that a path in the copy is of."""
        given = Path(path)
        return self.origin / given.relative_to(self.place) if given.is_relative_to(self.place) else given

    def check(self, expected: Mapping[str, str]) -> None:
        """Compare with the hashes in a manifest.

        Raises:
            ArtifactError: a file is missing, was added or changed; names it.
        """
        for name in sorted(expected.keys() | self.hashes.keys()):
            if expected.get(name) != self.hashes.get(name):
                raise changed(self.origin / name)


def changed(path: Path) -> ArtifactError:
    """The error about a file that is not the one that was checked."""
    hint = "Let nobody write to the folder, and start again"
    return ArtifactError("is not what it was when the folder was checked", file=path, hint=hint)


@contextmanager
def private_copy(folder: Path, is_loaded: Callable[[str], bool], whole: bool = True) -> Iterator[PrivateCopy]:
    """Copy the files that are going to be loaded, and hash all.

    Args:
        folder: the folder.
        is_loaded: whether a file of this relative path is to be in the copy.
        whole: the others are hashed, too.

    Raises:
        ArtifactError: as `listed`, or weights that are links were changed inside the block.
        InfrastructureError: no room for the copy.
    """
    with artifacts.translated_disk_errors(Path(gettempdir())), TemporaryDirectory(prefix="rationanomaly-") as temporary:
        made = PrivateCopy(Path(temporary), folder)
        files = {name: path for name, path in _files(folder).items() if whole or is_loaded(name)}
        linked = _too_large(files)
        for name, path in files.items():
            target = made.place / name if is_loaded(name) else None
            try:
                _take(made, name, path, target, linked)
            except FileNotFoundError as error:
                raise changed(folder / name) from error
        yield made
        for path, stamp in made.stamps.items():
            if _stamp(path.stat()) != stamp:
                raise changed(path)


def _files(folder: Path) -> dict[str, Path]:
    try:
        return listed(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactError("no such folder", file=folder, hint="Name the model folder as it was written") from error


def _too_large(files: Mapping[str, Path]) -> bool:
    return sum(path.stat().st_size for name, path in files.items() if name.endswith(WEIGHTS)) > LARGEST


def _take(made: PrivateCopy, name: str, path: Path, target: Path | None, linked: bool) -> None:
    with opened(path) as file:
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
        if linked and name.endswith(WEIGHTS):
            stamp = _settled(file.fileno())
            made.hashes[name] = _hashed_once(file.fileno(), stamp)
            made.stamps[path] = stamp
            if target is not None:
                target.symlink_to(path.absolute())
            return
        if os.fstat(file.fileno()).st_size > _LARGEST_OTHER:
            hint = "Take what is no part of the model out of the folder"
            raise ArtifactError("is too large for a file of a model that holds no weights", file=path, hint=hint)
        digest = hashlib.sha256()
        with (Path(os.devnull) if target is None else target).open("wb") as output:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                output.write(chunk)
        made.hashes[name] = digest.hexdigest()


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _settled(descriptor: int) -> Stamp:
    """The stamp of a file, old enough that a change from now on gives another."""
    if abs(time.time() - os.fstat(descriptor).st_ctime) < _TICK:
        time.sleep(_TICK)
    return _stamp(os.fstat(descriptor))


_digests: dict[Stamp, str] = {}


def _hashed_once(descriptor: int, stamp: Stamp) -> str:
    if stamp not in _digests:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            _digests[stamp] = hashlib.file_digest(file, "sha256").hexdigest()
        if _stamp(os.fstat(descriptor)) != stamp:
            raise OSError(errno.ESTALE, "was changed while it was hashed")
    return _digests[stamp]
