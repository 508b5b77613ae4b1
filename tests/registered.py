"""Versions in a registry that hold a model folder: sealed, with a card, and small, for there are no weights in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient

from rationanomaly import artifacts
from rationanomaly.records import DETECTOR
from rationanomaly.runs import tracking
from rationanomaly.runs.model_registry import PROVEN


def write_folder(path: Path, content: str = "") -> str:
    """Seal a folder as `grpo` does; its digest, which is another one for other content."""
    with artifacts.writing(path, "grpo") as folder:
        (folder / DETECTOR).write_text(content)
    return artifacts.read(path).digest


def add_version(client: MlflowClient, name: str, folder: Path, tags: Mapping[str, str] | None = None) -> str:
    """A version as `register` leaves it: it names its folder, which is one, and is proven; its number.

    Args:
        client: of the registry.
        name: of the model, which is made if need be.
        folder: to be written, unless it is there; what it holds is its name.
        tags: beside those, or in their place.
    """
    digest = artifacts.read(folder).digest if folder.exists() else write_folder(folder, folder.name)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    own = {tracking.OUTPUT: digest, PROVEN: digest}
    return str(client.create_model_version(name, folder.as_uri(), tags=own | dict(tags or {})).version)
