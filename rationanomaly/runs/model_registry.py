"""The MLflow model registry: log a model folder as a version, fetch a version back as a folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from functools import partial
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import TYPE_CHECKING

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError, InfrastructureError, InputError, one_line
from rationanomaly.records import DETECTOR
from rationanomaly.runs import bounded, registry_errors, tracking
from rationanomaly.runs.database import make_database

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

logger = logging.getLogger(__name__)

#: What a version needs where it is served: what the core of the package does, and MLflow's frames. Our own package
#: travels with the version.
_REQUIREMENTS = (
    *("httpx", "Jinja2", "numpy", "pandas", "peft", "polars", "pydantic", "PyYAML", "rich", "safetensors"),
    *("ruamel.yaml", "scikit-learn", "scipy", "torch", "transformers", "typer"),
)
#: Held where MLflow's defaults are ours.
_fluent = Lock()
#: Tag of a version whose registration came to its end: the digest of its model folder, as `tracking.OUTPUT` says it.
PROVEN = "rationanomaly.proven"
_SHOWN = 300
_REGISTER = "Register one with `rationanomaly register`"
#: What an address begins with, and a version's source where its files are a logged model's.
_LOGGED = "models:/"
#: MLflow's own databases, but for files.
_DATABASES = ("postgresql", "mysql", "mssql")
#: Columns of what a served model answers: those of a row of `detect`.
FIELDS = (
    "template", "answer", "score", "direct_score", "stated", "consistent", "rationale", "evidence",
    "suspicious", "suspicions", "unseen", "source", "precedent",
)  # fmt: skip


def connect() -> MlflowClient:
    """A client of the tracking server that also holds the registry.

    Raises:
        InfrastructureError: nothing answers at its address, after three tries within seconds; it is no address of a
            registry, or no database of one.
    """
    tracking.quieten()
    import mlflow

    uri = tracking.tracking_uri()
    bounded.check_answers(uri)
    make_database(uri)
    with registry_errors.opening(uri):
        if uri.startswith(_DATABASES):
            _check_that_it_connects(uri)
        client = mlflow.MlflowClient(uri, uri)
    return bounded.limited(client, uri)


class AbsentVersionError(InputError):
    """The registry answered, and has no such model, version or alias."""


def find(client: MlflowClient, address: str) -> ModelVersion:
    """The version behind ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``, as of now.

    Raises:
        AbsentVersionError: no such model, version or alias.
        InfrastructureError: the registry refuses the user, is too slow, or is none.
    """
    from mlflow.exceptions import MlflowException

    name, at, alias = address.removeprefix(_LOGGED).partition("@")
    try:
        if at:
            found = client.get_model_version_by_alias(name, alias)
        else:
            name, _, version = name.partition("/")
            found = client.get_model_version(name, version)
    except MlflowException as error:
        if not registry_errors.is_absent(error):
            raise registry_errors.translate(error, tracking.tracking_uri(), f"READ on the model {name}") from error
        hint = "Write models:/NAME@ALIAS or models:/NAME/VERSION, and check MLFLOW_TRACKING_URI"
        raise AbsentVersionError("no such registered model version", file=address, hint=hint) from error
    # MLflow's client reads any JSON object, one without a version too.
    if found.name != name or not found.version:
        raise registry_errors.foreign(tracking.tracking_uri())
    return found


def find_version(client: MlflowClient, name: str, digest: str) -> str | None:
    """The version of ``name`` that was made from the model folder with this manifest digest; None if there is none."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{tracking.OUTPUT}` = '{digest}'")
    return max((str(version.version) for version in found), key=int, default=None)


def add_version(name: str, folder: Path, run_id: str, tags: Mapping[str, str], served: Path) -> str:
    """Log ``folder`` as a pyfunc model under the run and register it as a new, tagged version of ``name``.

    Where that fails, no version is left.

    Args:
        name: of the registered model.
        folder: the model folder.
        run_id: the MLflow run that the model belongs to.
        tags: of the version.
        served: the Python file that MLflow runs to serve it.
    """
    import mlflow

    uri = tracking.tracking_uri()
    with _default_store(uri):
        source = _log_model(folder, run_id, served)
        try:
            with redirect_stderr(StringIO()):  # It prints what it did; the console is the command line's.
                registered = mlflow.register_model(source, name, tags=dict(tags))
        except BaseException:
            # The registry may have made it, and its answer got lost.
            _take_back(mlflow.MlflowClient(uri, uri), name, lambda version: str(version.source) == source)
            raise
    return str(registered.version)


def _log_model(folder: Path, run_id: str, served: Path) -> str:
    """Log a folder as a pyfunc model under a run; its address."""
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
    if tracking.is_open(run_id):  # The block has ended it, and its step is not over yet.
        mlflow.MlflowClient().update_run(run_id, status="RUNNING")
    return str(logged.model_uri)


def take_back(client: MlflowClient, name: str, number: str) -> None:
    """Delete a version whose registration failed; if that fails, too, a warning says so: it is not proven."""
    _take_back(client, name, lambda version: str(version.version) == number)


def _take_back(client: MlflowClient, name: str, is_failed: Callable[[ModelVersion], bool]) -> None:
    try:
        for found in client.search_model_versions(f"name = '{name}'"):
            if is_failed(found):
                client.delete_model_version(name, str(found.version))
    except Exception as error:  # What had failed first is what is to be said.
        said = "a version of %s whose registration failed may be left; it can't be promoted: %s"
        logger.warning(said, name, one_line(registry_errors.hidden(str(error).partition("\n")[0])))


def set_tags(
    client: MlflowClient, name: str, version: str, tags: Mapping[str, str], outdated: Callable[[str], bool]
) -> None:
    """Tag a version, and take off it what it no longer has: a rate of an earlier evaluation must let nobody pass.

    Args:
        client: of `connect`.
        name: of the registered model.
        version: of it.
        tags: all that it has now.
        outdated: whether a tag that is not among them is to go.
    """
    found = client.get_model_version(name, version).tags
    for key in found:
        if key not in tags and outdated(key):
            client.delete_model_version_tag(name, version, key)
    for key, value in tags.items():
        # Each is a request, and a new version has them all.
        if found.get(key) != value:
            client.set_model_version_tag(name, version, key, value)


def add_file(client: MlflowClient, name: str, version: str, path: Path) -> None:
    """Put a small file beside a version's model folder, in place of one of the same name."""
    source = str(client.get_model_version(name, version).source)
    model_id = source.removeprefix(_LOGGED)
    if model_id == source:
        logger.warning("version %s of %s was logged by an earlier MLflow: it gets no %s", version, name, path.name)
        return
    client.log_model_artifact(model_id, str(path))


def is_address(text: str) -> bool:
    """Whether a text names a model of the registry rather than a folder."""
    return text.startswith(_LOGGED)


def digest_at(uri: str) -> str:
    """The manifest digest of the model folder behind ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``, as of now.

    Raises:
        AbsentVersionError: no such model, version or alias.
        InputError: `register` did not make it.
    """
    return _digest_of(find(connect(), uri), uri)


def _digest_of(version: ModelVersion, uri: str) -> str:
    if tracking.OUTPUT not in version.tags:
        raise InputError("the version does not say which model folder it holds", file=uri, hint=_REGISTER)
    return str(version.tags[tracking.OUTPUT])


def fetch_folder(uri: str, into: Path | None = None) -> Path:
    """Download ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` and return its model folder.

    Its manifest is the one that the version was registered with. The files are not hashed here, but by whoever opens
    the folder.

    Raises:
        AbsentVersionError: no such model, version or alias.
        ArtifactError: the version holds another model folder than it says.
        InputError: the version holds no model folder of ours, or does not say which.
        InfrastructureError: the registry refuses the user, is too slow, or is none.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    place = str(into or mkdtemp(prefix="rationanomaly-"))
    # An alias may move before the download: what is fetched is the version that it means now.
    version = find(connect(), uri)
    stated = _digest_of(version, uri)
    try:
        with _default_store(tracking.tracking_uri()):
            source = f"{_LOGGED}{version.name}/{version.version}"
            download = partial(mlflow.artifacts.download_artifacts, source, dst_path=place)
            folder = Path(bounded.fetching(tracking.tracking_uri(), Path(place), download))
    except MlflowException as error:
        if not registry_errors.is_absent(error):
            raise registry_errors.translate(error, tracking.tracking_uri()) from error
        hint = "Check the name, the version or alias, and MLFLOW_TRACKING_URI"
        problem = f"no such registered model: {error.message.splitlines()[0]}"
        raise AbsentVersionError(problem, file=uri, hint=hint) from error
    except InfrastructureError:
        raise
    except Exception as error:  # Each store of files has errors of its own.
        said = one_line(registry_errors.hidden(f"{type(error).__name__}: {error}"))[:_SHOWN]
        hint = "Check that whoever runs this may read the artifact store, and that the files are still there"
        raise InfrastructureError(f"the files of the version can't be fetched: {said}", file=uri, hint=hint) from error
    found = next((path.parent for path in sorted(folder.rglob(DETECTOR))), None)
    if found is None:
        raise InputError("the version holds no model folder", file=uri, hint=_REGISTER)
    digest = artifacts.stated_digest(found)
    if digest != stated:
        problem = (
            f"holds another model folder than its tag {tracking.OUTPUT} says: {digest or 'one without a manifest'}"
        )
        raise ArtifactError(
            problem, file=uri, hint="Delete the version, and register the model again", retry_helps=False
        )
    return found


@contextmanager
def _default_store(uri: str) -> Iterator[None]:
    """Let MLflow's fluent calls use the store at ``uri``, then whichever they used before.

    They know one tracking server and one registry for the whole process, and MLflow hands both to its children in
    environment variables. Left behind, ours would be the registry of every client made later in this process.
    """
    import mlflow
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as service

    with _fluent:
        before = service._tracking_uri, registry._registry_uri
        variables = {name: os.environ.get(name) for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")}
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before[0])
            mlflow.set_registry_uri(before[1])
            for name, value in variables.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _check_that_it_connects(uri: str) -> None:
    """MLflow itself tries a database ten times, for minutes."""
    from sqlalchemy import create_engine

    engine = create_engine(uri)
    try:
        bounded.within(uri, engine.connect).close()
    finally:
        engine.dispose()


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
    kinds |= {"suspicious": DataType.boolean, "suspicions": Array(text), "unseen": DataType.long}
    kinds |= {"evidence": Array(span), "precedent": precedent}
    nullable = ("stated", "consistent", "rationale", "precedent")
    return ModelSignature(
        inputs=Schema([ColSpec(text, "template")]),
        outputs=Schema([ColSpec(kinds.get(name, text), name, required=name not in nullable) for name in FIELDS]),
        params=ParamSchema([ParamSpec("verdict", text, "reasoned"), ParamSpec("analyses", DataType.long, 1)]),
    )
