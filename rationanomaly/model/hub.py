"""A model from the hub, or from a local folder in the hub's layout: safetensors only, never code."""

from __future__ import annotations

import json
from pathlib import Path

from rationanomaly.errors import ArtifactError, InfrastructureError, ParamsError
from rationanomaly.model.safety import check_safe
from rationanomaly.regular_files import listed, opened

#: All that is needed of a repository; pickled weights and code are not even downloaded.
PATTERNS = ("*.json", "*.safetensors", "*.txt", "tokenizer.model", "*.jinja")
_LARGEST_CONFIG = 1 << 20


def fetch(name: str, revision: str | None, key: str = "model.name") -> Path:
    """The folder that holds a model.

    Args:
        name: a hub id, or the path of a local folder.
        revision: the commit on the hub; it must be named, for a branch moves.
        key: where the name stands in params, for messages; the revision stands beside it.

    Raises:
        ParamsError: no name, or a hub id without a revision.
        ArtifactError: a local folder that holds pickled weights, code, or no weights.
        InfrastructureError: the hub can't be reached.
    """
    if not name:
        raise ParamsError(f"`{key}` is empty", hint="Name a hub id, or the folder of a model")
    folder = Path(name)
    if not folder.is_dir():
        folder = _download(name, revision, key)
    check_folder(folder)
    return folder


def _download(name: str, revision: str | None, key: str) -> Path:
    revision_key = f"{key.rpartition('.')[0]}.revision"
    if revision is None:
        problem = f"`{key}` is {name!r}, no local folder, and `{revision_key}` names no commit"
        raise ParamsError(problem, hint="Name the commit: a branch moves, and results with it")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(PATTERNS)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        hint = f"Check {key}, {revision_key} and the network, or download it and name the folder"
        raise InfrastructureError(f"the model {name!r} can't be fetched at {revision}", hint=hint) from error


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds no model, pickled weights or code.

    Raises:
        ArtifactError: it does, or is not there.
    """
    config = folder / "config.json"
    try:
        with opened(listed(folder).get(config.name, config)) as file:
            document = json.loads(file.read(_LARGEST_CONFIG))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError("holds no readable config.json", file=folder, hint="Name the folder of a model") from error
    check_safe(folder)
    if not isinstance(document, dict) or not any(folder.glob("*.safetensors")):
        raise ArtifactError("holds no weights (*.safetensors)", file=folder, hint="Convert the weights to safetensors")
