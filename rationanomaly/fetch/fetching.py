"""`rationanomaly fetch NAME`: the log of a public data set, downloaded once, verified always.

rationanomaly fetch bgl --output data/public
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rationanomaly import artifacts
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.fetch.catalogue import DATA_SETS, DataSet
from rationanomaly.fetch.download import check, download


def find(name: str) -> DataSet:
    """The data set of a name.

    Raises:
        ParamsError: no such data set.
    """
    if name not in DATA_SETS:
        raise ParamsError(f"no data set {name}", hint=f"Use one of {', '.join(DATA_SETS)}")
    return DATA_SETS[name]


def fetch(entry: DataSet, folder: Path, announce: Callable[[int | None], None]) -> Path:
    """Download a data set unless it is there, verify it and unpack its log.

    Args:
        entry: of `catalogue.DATA_SETS`.
        folder: where the download, its checksum and the log go.
        announce: is told the size in bytes, or None if the server does not say, before a download starts.

    Returns:
        The log.

    Raises:
        InfrastructureError: no network; says what to do by hand.
        InputError: the file has changed since its first download, or does not hold the log.
    """
    file = folder / entry.file
    if not file.exists():
        by_hand = f"Download it in a browser (see {entry.page}), save it as {file} and run the same command again"
        download(entry.address, file, announce, by_hand)
    check(file)
    if not entry.log:
        return file
    log = folder / entry.log
    if not log.exists():
        _unpack(file, entry.log, log)
    return log


def _unpack(archive: Path, name: str, log: Path) -> None:
    """Take one file out of an archive, whatever folder it lies in there; nothing else is written."""
    try:
        with artifacts.writing_file(log) as partial, partial.open("wb") as file:
            if archive.suffix == ".zip":
                _unzip(archive, name, file)
            else:
                _untar(archive, name, file)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise InputError("is no archive, or a damaged one", file=archive, hint="Delete it to download again") from error


def _unzip(archive: Path, name: str, output: IO[bytes]) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            if not member.is_dir() and member.filename.rpartition("/")[2] == name:
                with packed.open(member) as stream:
                    shutil.copyfileobj(stream, output)
                return
    raise _not_in(archive, name)


def _untar(archive: Path, name: str, output: IO[bytes]) -> None:
    with tarfile.open(archive, "r|*") as packed:
        for member in packed:
            stream = packed.extractfile(member) if member.isreg() else None
            if stream is not None and member.name.rpartition("/")[2] == name:
                shutil.copyfileobj(stream, output)
                return
    raise _not_in(archive, name)


def _not_in(archive: Path, name: str) -> InputError:
    return InputError(f"holds no {name}", file=archive, hint="Unpack it by hand and name the log in data.logs")
