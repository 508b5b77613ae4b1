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
    path = Path(logs)
    return {**data, "logs": path.parent.as_posix(), "files": path.name} if is_glob(path) else data


def is_glob(path: Path) -> bool:
    """Whether a path stands for the files that fit it; one that is there stands for itself."""
    return not os.path.lexists(path) and any(character in path.name for character in "*?[")
