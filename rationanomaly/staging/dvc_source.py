"""A raw input that DVC tracks in a Git repository: a file, or a folder file by file, each against its MD5.

DVC clones the repository, reads there what the remote is, and the files come from that remote. It needs no Git program.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rationanomaly.errors import InputError, ParamsError, RationAnomalyError, named_extras
from rationanomaly.params.cluster import DvcSource
from rationanomaly.staging.part import Part

_CHUNK = 1024 * 1024
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_HINT = "Check cluster.data: repository, revision, path, whether the content was pushed, and the remote's credentials"


def receive(source: DvcSource, address: str, part: Part) -> None:
    """Get the file or folder, but for files that have come.

    Args:
        source: revision and path.
        address: of the repository.
        part: where it is written.

    Raises:
        InfrastructureError: repository or remote refuse or break off, or DVC is not installed.
        InputError: it is larger than allowed, or not what the revision says.
        ParamsError: the repository has no such path.
    """
    with named_extras():
        from dvc.api import DVCFileSystem
        from dvc.repo.open_repo import clean_repos
    with tempfile.TemporaryDirectory() as caches:
        files = DVCFileSystem(address, rev=source.rev, config={"core": {"site_cache_dir": caches}})
        try:
            _receive(files, source.path, part)
        except RationAnomalyError:
            raise
        except FileNotFoundError:
            problem = (
                f"`cluster.data.{part.name}`: {source.path} is not in the repository at {source.rev}, or not pushed"
            )
            raise ParamsError(problem, hint=_HINT) from None
        except Exception as error:  # Each remote has a library of its own, and what it says may hold a token.
            if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise
            raise part.failed(type(error).__name__, _HINT) from None
        finally:
            files.close()
            clean_repos()


def _receive(files: Any, path: str, part: Part) -> None:
    found = files.info(path)
    is_folder = found["type"] == "directory"
    listed = files.find(path, detail=True) if is_folder else {path: found}
    # DVC knows the size of a folder of its own, and that of no file in it.
    part.refuse_above(max(found["size"] or 0, sum(info["size"] or 0 for info in listed.values())))
    come = 0
    for name, info in sorted(listed.items()):
        within = PurePosixPath(name.lstrip("/")).relative_to(path) if is_folder else PurePosixPath()
        if within.name == ".gitignore":  # DVC writes it beside what it tracks.
            continue
        if ".." in within.parts:
            raise InputError(f"`cluster.data.{part.name}` holds a file that leads out of its folder: {name}")
        one = replace(part, path=part.path / within)
        one.path.parent.mkdir(parents=True, exist_ok=True)
        _receive_file(files, name, info, one)
        come += one.size
        part.refuse_above(come)


def _receive_file(files: Any, name: str, info: Mapping[str, Any], part: Part) -> None:
    """Get a file, from where an earlier run broke off; from its start if what has come is not of it."""
    size, md5 = info["size"], info.get("md5")
    for already in (part.size, 0) if part.size and md5 is not None else (0,):
        if already == 0 or _md5(part.path) != md5:
            with files.open(name, "rb") as opened:
                done = already if opened.seekable() and already < (size or already + 1) else 0
                opened.seek(done) if done else None
                part.write(_chunks(opened), done, size)
        if md5 is None or _md5(part.path) == md5:
            return
    problem = f"`cluster.data.{part.name}`: {name} has the MD5 {_md5(part.path)}, not {md5} as DVC says"
    part.path.unlink()
    raise InputError(problem, hint="Push it anew; the damaged file was not kept")


def _chunks(opened: IO[bytes]) -> Iterator[bytes]:
    while chunk := opened.read(_CHUNK):
        yield chunk


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
