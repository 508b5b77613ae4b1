"""The MLflow model registry: log a model folder as a version, fetch a version back as a folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import redirect_stderr
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from rationanomaly.errors import InputError
from rationanomaly.records import DETECTOR
from rationanomaly.runs import tracking
from rationanomaly.runs.database import make_database

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

logger = logging.getLogger(__name__)

#: What a version needs where it is served: what the core of the package does, and MLflow's frames. Our own package
#: travels with the version.
_REQUIREMENTS = (
    *("httpx", "Jinja2", "numpy", "pandas", "peft", "polars", "pydantic", "PyYAML", "rich", "safetensors"),
    *("ruamel.yaml", "scikit-learn", "scipy", "torch", "transformers", "typer"),
)
#: Columns of what a served model answers: those of a row of `detect`.
FIELDS = (
    "template", "answer", "score", "direct_score", "stated", "consistent", "rationale", "evidence",
    "source", "precedent",
)  # fmt: skip


def connect() -> MlflowClient:
    """A client of the tracking server that also holds the registry."""
    tracking.quieten()
    import mlflow

    uri = tracking.tracking_uri()
    make_database(uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient()


def find_version(client: MlflowClient, name: str, digest: str) -> str | None:
    """The version of ``name`` that was made from the model folder with this manifest digest; None if there is none."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{tracking.OUTPUT}` = '{digest}'")
    return max((v.version for v in found), key=int, default=None)


def add_version(name: str, folder: Path, run_id: str, tags: Mapping[str, str], served: Path) -> str:
    """Log ``folder`` as a pyfunc model under the run and register it as a new, tagged version of ``name``.

    Args:
        name: of the registered model.
        folder: the model folder.
        run_id: the MLflow run that the model belongs to.
        tags: of the version.
        served: the Python file that MLflow runs to serve it.
    """
    import mlflow

    package = Path(__file__).parents[1]
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(served),
            artifacts={"model": str(folder)},
            code_paths=[str(package)],
            signature=_signature(),
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in _REQUIREMENTS],
        )
    with redirect_stderr(StringIO()):  # It prints what it did; the console is the command line's.
        registered = mlflow.register_model(logged.model_uri, name, tags=dict(tags))
    return str(registered.version)


def fetch_folder(uri: str, into: Path | None = None) -> Path:
    """Download ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` and return its model folder.

    Raises:
        InputError: no such model, version or alias, or the version holds no model folder of ours.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    connect()
    try:
        folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(into or mkdtemp(prefix="rationanomaly-"))))
    except MlflowException as error:
        hint = "Check the name, the version or alias, and MLFLOW_TRACKING_URI"
        raise InputError(f"no such registered model: {error.message.splitlines()[0]}", file=uri, hint=hint) from error
    found = next((path.parent for path in sorted(folder.rglob(DETECTOR))), None)
    if found is None:
        hint = "Register one with `rationanomaly register`"
        raise InputError("the version holds no model folder", file=uri, hint=hint)
    return found


def _signature() -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, Object, Property

    text = DataType.string
    span = Object([Property("text", text), Property("start", DataType.long), Property("end", DataType.long)])
    precedent = Object(
        [
            *(Property(name, text) for name in ("template_id", "template", "label", "round")),
            Property("decided_by", Array(text)),
            Property("time", text, required=False),
            Property("similarity", DataType.double),
        ]
    )
    kinds = {"score": DataType.double, "direct_score": DataType.double, "consistent": DataType.boolean}
    kinds |= {"evidence": Array(span), "precedent": precedent}
    nullable = ("stated", "consistent", "rationale", "precedent")
    return ModelSignature(
        inputs=Schema([ColSpec(text, "template")]),
        outputs=Schema([ColSpec(kinds.get(name, text), name, required=name not in nullable) for name in FIELDS]),
        params=ParamSchema([ParamSpec("verdict", text, "reasoned"), ParamSpec("analyses", DataType.long, 1)]),
    )
