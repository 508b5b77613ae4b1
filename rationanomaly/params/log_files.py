"""A glob in ``data.logs`` is taken as a folder and the ``data.files`` in it, so that DVC can watch what it names."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any


def forget_files(own: Mapping[str, Any], document: MutableMapping[str, Any]) -> None:
    """Take ``data.files`` out of ``document`` where the values laid over it name other logs."""
    ours = own.get("data")
    if isinstance(ours, Mapping) and "logs" in ours and "files" not in ours:
        document["data"]["files"] = None


def split_glob(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The section ``data`` with a glob in ``logs`` as a folder and its ``files``."""
    logs = data.get("logs")
    if data.get("files") is not None or not isinstance(logs, str | Path):
        return data
    found = folder_and_glob(Path(logs))
    return data if found is None else {**data, "logs": found[0].as_posix(), "files": found[1]}


def is_glob(path: Path) -> bool:
    """Whether a path stands for the files that fit it; one that is there stands for itself."""
    return folder_and_glob(path) is not None


def folder_and_glob(path: Path) -> tuple[Path, str] | None:
    """A glob as the folder that it begins with and what the paths of its files in there look like, or None.

    ``logs/*/app.log`` is ``logs`` and ``*/app.log``. What is there stands for itself, the path and its beginning alike.
    """
    if os.path.lexists(path):
        return None
    folder = Path(path.anchor)
    for number, part in enumerate(path.parts[1:] if path.anchor else path.parts, start=bool(path.anchor)):
        if any(character in part for character in "*?[") and not (folder / part).is_dir():
            return folder, "/".join(path.parts[number:])
        folder /= part
    return None
