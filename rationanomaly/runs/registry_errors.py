"""What a model registry or tracking server that doesn't do as asked means, in one sentence and with what to do.

MLflow raises one class for all: a wrong password, a page of a proxy and a server that is too slow differ in their texts
alone. `tests/end_to_end/test_promotion_server.py` holds these sentences against a real server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rationanomaly.errors import InfrastructureError, brief
from rationanomaly.runs import database
from rationanomaly.text.secrets import strike

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

#: For whoever waits at a terminal: MLflow's own defaults add up to a quarter of an hour. Set variables win.
PATIENCE: Mapping[str, str] = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "12", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
_STATUS = re.compile(r"failed with error code (\d{3})\b")
_REPEATED = re.compile(r"too many (\d{3}) error responses")
_BODY = re.compile(r"Response body: '\s*<")
_REGISTRY = "the model registry"
#: What a server answers whose --allowed-hosts lack the name that it was called by.
_HOST = "Invalid Host header"
_FOREIGN = "was not in a valid JSON format"
_LOGIN = re.compile(r"//[^/\s]{1,400}@")
#: Of SQLite.
_LOCKED, _READ_ONLY = "database is locked", "attempt to write a readonly database"
_SLOW = ("timeout exception", "timed out", "Timeout")
_GONE = ("Connection refused", "NewConnectionError", "NameResolutionError", "Connection aborted", "Connection reset")
#: Codes of what is not there, or is no name that could be: the caller's sentence fits them better.
_ABSENT = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_STATUS_OF: Mapping[str, int] = {"UNAUTHENTICATED": 401, "CUSTOMER_UNAUTHORIZED": 401, "PERMISSION_DENIED": 403}
_SHOWN = 300
_HALF_MADE = re.compile(r"\(sqlite3\.OperationalError\).*(already exists|no such (table|column)|duplicate column)")


class SilentServerError(InfrastructureError):
    """A server has not answered in time; it is not asked for anything else that can be left out."""

    def document(self) -> dict[str, Any]:
        """As of its parent, which `errors.from_document` knows."""
        return super().document() | {"type": InfrastructureError.__name__}


def is_absent(error: MlflowException) -> bool:
    """Whether the registry answered, and has no such thing."""
    page = _BODY.search(str(error.message)) is not None
    return error.error_code in _ABSENT and not page


@contextmanager
def named(uri: str, needs: str = "", what: str = _REGISTRY) -> Iterator[None]:
    """Let what MLflow raises inside the block be an error that says what it is.

    Args:
        uri: of the registry; a user and a password in it are not shown.
        needs: which permission on what is asked for inside, for whoever is refused.
        what: is asked.

    Raises:
        InfrastructureError: instead of MLflow's exception.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise translate(error, uri, needs, what) from error


@contextmanager
def opening(uri: str) -> Iterator[None]:
    """Let what MLflow and its database raise when a registry is opened be an error that says what it is.

    Raises:
        InfrastructureError: the address is none of a registry, its database does not answer, or it is another file.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    hint = "Check MLFLOW_TRACKING_URI: http://HOST:PORT of a server, or sqlite:///FILE"
    try:
        yield
    except (MlflowException, SQLAlchemyError, ImportError) as error:
        if local := of_file(uri, str(error)):
            raise local from error
        problem = f"the model registry at {hidden(uri)} can't be opened: {shown(str(error))}"
        raise InfrastructureError(problem, hint=hint) from error


@contextmanager
def impatient() -> Iterator[None]:
    """Let MLflow's client give up within a minute inside the block, unless its variables say otherwise."""
    added = {name: value for name, value in PATIENCE.items() if name not in os.environ}
    os.environ |= added
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def translate(error: MlflowException, uri: str, needs: str = "", what: str = _REGISTRY) -> InfrastructureError:
    """The error that says what it is; see `named`."""
    place, text = f"{what} at {hidden(uri)}", str(error.message)
    if local := of_file(uri, text):
        return local
    page = _BODY.search(text) is not None
    repeated = _REPEATED.search(text)
    status = _status(error, text)
    if status == 401:
        given = os.environ.get("MLFLOW_TRACKING_USERNAME") or os.environ.get("MLFLOW_TRACKING_TOKEN")
        problem = "refuses the user or the password" if given else "asks for a user and a password"
        hint = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return InfrastructureError(f"{place} {problem} (401)", hint=hint)
    if status == 403 and _HOST in text:
        hint = "Add the host of MLFLOW_TRACKING_URI to --allowed-hosts of the server (mlflow/server.yaml)"
        return InfrastructureError(f"{place} refuses to be called by that name (403)", hint=hint)
    if status == 403:
        who = os.environ.get("MLFLOW_TRACKING_USERNAME") or "this user"
        by = ", by a web page: a proxy before it may say so" if page else ""
        hint = f"Ask whoever runs it for {needs}" if needs else "Ask whoever runs it for the permission"
        return InfrastructureError(f"{place} lets {who} not do this (403{by})", hint=hint)
    if page:
        of = f" (status {status})" if status else ""
        hint = "Check MLFLOW_TRACKING_URI: it names another server, or a login page or a proxy stands before it"
        return InfrastructureError(f"{place} answers with a web page instead of MLflow's API{of}", hint=hint)
    if _FOREIGN in text:
        return foreign(uri)
    if repeated is not None:
        hint = "Look into its log and that of the proxy before it; then run this again"
        return InfrastructureError(f"{place} answers {repeated[1]} again and again", hint=hint)
    if any(sign in text for sign in _SLOW):
        return silent(uri, what)
    if _LOCKED in text:
        hint = "End the program that keeps it locked, or wait and run this again"
        return InfrastructureError(f"{place} is locked by another program", hint=hint)
    if _READ_ONLY in text:
        hint = "Check that you may write the file and its folder"
        return InfrastructureError(f"{place} can only be read", hint=hint)
    if any(sign in text for sign in _GONE):
        hint = "Check MLFLOW_TRACKING_URI and that the server runs"
        return InfrastructureError(f"{place} does not answer", hint=hint)
    return InfrastructureError(f"{place} failed: {shown(text)}", hint="Look into its log; then run this again")


def silent(uri: str, what: str = _REGISTRY) -> SilentServerError:
    """The error of a server that takes too long, or of a database that somebody else keeps locked."""
    hint = "Run this again; MLFLOW_HTTP_REQUEST_TIMEOUT, in seconds, waits longer for each answer"
    if uri.startswith("sqlite:"):
        hint = "Another program may keep the database locked: end it, and run this again"
    return SilentServerError(f"{what} at {hidden(uri)} did not answer in time", hint=hint)


def of_file(uri: str, text: str) -> InfrastructureError | None:
    """What a text of SQLite or MLflow says of a database in a file; None where it says nothing that is known."""
    path = database.local_file(uri)
    if path is None:
        return None
    if any(sign in text for sign in ("disk image is malformed", "file is not a database")):
        return database.damaged(path, "its pages don't fit together")
    if "out-of-date database schema" in text or _HALF_MADE.search(text):
        return database.damaged(path, "its tables are those of another MLflow, or were not all made")
    if "database is locked" in text:
        return database.busy(path)
    if "readonly database" in text:
        hint = "Check that you may write it and its folder"
        return InfrastructureError("MLflow's database can only be read", file=path, hint=hint)
    return None


def foreign(uri: str) -> InfrastructureError:
    """The error of a server that answers, and not as MLflow does."""
    hint = "Check MLFLOW_TRACKING_URI: it names another server"
    return InfrastructureError(f"the server at {hidden(uri)} does not answer as MLflow's API does", hint=hint)


def hidden(text: str) -> str:
    """A text without the user and the password of an address in it, nor any other secret of the environment."""
    return strike(_LOGIN.sub("//", text))


def shown(text: str) -> str:
    """Of what MLflow, a server or a database says, what is worth showing: its first line, briefly, without secrets."""
    return brief(hidden(text.partition("\n")[0]), _SHOWN)


def _status(error: MlflowException, text: str) -> int | None:
    found = _STATUS.search(text)
    return int(found[1]) if found else _STATUS_OF.get(str(error.error_code))
