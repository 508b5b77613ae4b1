"""Whether a version is what it says: registered to the end, and the very model folder that its tags are about."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.runs import model_registry
from rationanomaly.runs.model_registry import PROVEN
from rationanomaly.runs.tracking import OUTPUT

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


def problem_of(version: ModelVersion) -> str | None:
    """Why a version can't be promoted whatever its metrics are; None if it can.

    Tags can be copied, and files exchanged: the folder is fetched, and hashed.

    Raises:
        InfrastructureError: its files can't be fetched.
    """
    number, digest = str(version.version), version.tags.get(OUTPUT)
    if not digest:
        return f"version {number} does not say which model folder it holds"
    if version.tags.get(PROVEN) != digest:
        return f"version {number} was not proven by `register`: its registration did not come to its end"
    with TemporaryDirectory(prefix="rationanomaly-") as temporary:
        try:
            folder = model_registry.fetch_folder(f"models:/{version.name}/{number}", Path(temporary))
            artifacts.read(folder)
        except (ArtifactError, InputError) as error:
            return f"version {number} can't be used: {error.problem}"
    return None
