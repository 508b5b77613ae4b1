"""What may lie in a model folder: safetensors, never pickle or code."""

from __future__ import annotations

from pathlib import Path

from rationanomaly.errors import ArtifactError
from rationanomaly.regular_files import listed

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".msgpack", ".h5")


def check_safe(folder: Path) -> None:
    """Refuse what could run code when it is loaded.

    Raises:
        ArtifactError: a link, a device or a pipe, pickled weights, a Python file, or a JSON file that points to code
            (``auto_map``).
    """
    for path in listed(folder).values():
        if path.suffix.lower() in _PICKLED:
            hint = "Convert the weights to safetensors; pickle runs code when it is read"
            raise ArtifactError("pickled weights are never loaded", file=path, hint=hint)
        if path.suffix == ".py":
            raise ArtifactError(
                "a model folder may not hold code", file=path, hint="Use a model that transformers knows"
            )
        if path.suffix == ".json" and b'"auto_map"' in path.read_bytes():
            hint = "Use a model that transformers knows; remote code is never run"
            raise ArtifactError("points to code of its own (`auto_map`)", file=path, hint=hint)
