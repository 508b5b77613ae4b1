"""Versions in a registry that hold a model folder: sealed, with a card, and small, for there are no weights in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient

from rationanomaly import artifacts
from rationanomaly.records import DETECTOR
from rationanomaly.runs import tracking
from rationanomaly.runs.model_registry import PROVEN


def write_folder(path: Path, content: str) -> str:
    """Seal a folder as `grpo` does; its digest, which is another one for other content."""
    with artifacts.writing(path, "grpo") as folder:
        (folder / DETECTOR).write_text(content)
    return artifacts.read(path).digest


def folder_of(client: MlflowClient, content: str, place: Path | None = None) -> Path:
    """The folder with this content in a place, or beside the client's sqlite file."""
    path = (place or Path(client.tracking_uri.removeprefix("sqlite:///")).parent) / "folders" / content
    if not path.exists():
        write_folder(path, content)
    return path


def digest_of(client: MlflowClient, content: str) -> str:
    """The digest of the folder with this content."""
    return artifacts.read(folder_of(client, content)).digest


def add_version(
    client: MlflowClient,
    name: str,
    content: str = "folder",
    tags: Mapping[str, str] | None = None,
    place: Path | None = None,
) -> str:
    """A version as `register` leaves it: it names its folder, which is one, and is proven; its number.

    Args:
        client: of the registry.
        name: of the model, which is made if need be.
        content: of the folder.
        tags: beside those, or in their place.
        place: of the folders; None: beside the client's sqlite file.
    """
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    folder = folder_of(client, content, place)
    return str(client.create_model_version(name, folder.as_uri(), tags=_own(folder) | dict(tags or {})).version)


def upload_version(client: MlflowClient, name: str, folder: Path, tags: Mapping[str, str]) -> str:
    """A version like those of `add_version` on a server, which takes no files of other machines."""
    run = client.create_run("0")
    client.log_artifacts(run.info.run_id, str(folder), "model")
    source = f"{run.info.artifact_uri}/model"
    tags = _own(folder) | dict(tags)
    return str(client.create_model_version(name, source, run.info.run_id, tags=tags).version)


def _own(folder: Path) -> dict[str, str]:
    digest = artifacts.read(folder).digest
    return {tracking.OUTPUT: digest, PROVEN: digest}
