"""Calls of a registry that end in time, whatever the other side does.

MLflow's client waits for each piece of an answer, so a server that sends a byte a second is never too slow for it, and
one that asks to be asked again later is obeyed for minutes. Here each call has its seconds in all: it is made in a
thread that is left behind when they are over. What such a call does in the end is as open as with any answer that got
lost.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import httpx

from rationanomaly.errors import InfrastructureError
from rationanomaly.runs import registry_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")

#: Seconds for one call, and for a file to grow while it is fetched; and between looks at it.
_SECONDS, _STANDSTILL, _INTERVAL = 12.0, 15.0, 0.5
#: Seconds for a server to say that it is there, and between the tries.
_HEALTH, _PAUSES = 3.0, (0.5, 2.0)
#: Calls that send or fetch files may take long.
_LONG = ("log_", "download_")
_TIMEOUT, _RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def limited(client: MlflowClient, uri: str) -> MlflowClient:
    """The client, each call of which ends in time; one of a file is as it was.

    Args:
        client: of MLflow.
        uri: of the registry.
    """
    return client if is_local(uri) else cast("MlflowClient", _BoundedClient(client, uri))


class _BoundedClient:
    """MLflow's client, with a limit of time for each call.

    Args:
        client: of MLflow.
        uri: of the registry, for the message.
    """

    def __init__(self, client: Any, uri: str) -> None:
        # What takes seconds to import is no matter of the other side.
        import mlflow.store.model_registry.rest_store
        import mlflow.store.tracking.rest_store  # noqa: F401

        self._client, self._uri = client, uri

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return found if not callable(found) or name.startswith(_LONG) else partial(within, self._uri, found)


def is_local(uri: str) -> bool:
    """Whether a registry is a file, whose own limit of time for a lock is enough."""
    return uri.startswith(("sqlite:", "file:")) or "://" not in uri


def check_answers(uri: str) -> None:
    """Check that somebody answers at an address; MLflow's own client tries for minutes before it says that nobody does.

    Raises:
        InfrastructureError: nobody does, in three tries within seconds.
    """
    if not uri.startswith(("http://", "https://")):
        return
    for pause in (*_PAUSES, None):
        try:
            within(uri, httpx.get, f"{uri.rstrip('/')}/health", timeout=_HEALTH)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
                return  # Somebody answers; MLflow has its own settings of certificates.
            if pause is None:
                hint = "Check MLFLOW_TRACKING_URI and that the server runs"
                place = registry_errors.hidden(uri)
                raise InfrastructureError(f"the model registry at {place} does not answer", hint=hint) from error
            time.sleep(pause)
        except (httpx.HTTPError, httpx.InvalidURL):
            return  # A slow server, or no address: MLflow waits, or says what is wrong with it.
        else:
            return


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def within(uri: str, act: Callable[..., T], *given: Any, **named: Any) -> T:
    """Do something that asks a registry, for `_SECONDS` or as long as MLflow's own variables say.

    Args:
        uri: of the registry, for the message.
        act: is called with the other arguments.

    Raises:
        InfrastructureError: it did not end in time.
    """
    call = _Call(partial(act, *given, **named))
    call.thread.join(_limit())
    if call.thread.is_alive():
        raise registry_errors.silent(uri)
    return call.result()


def fetching(uri: str, folder: Path, act: Callable[[], T]) -> T:
    """Fetch files, which may take as long as they keep coming.

    Args:
        uri: of the registry, for the message.
        folder: that they are written to.
        act: writes them.

    Raises:
        InfrastructureError: none has grown for `_STANDSTILL` seconds.
    """
    if is_local(uri):
        return act()
    call = _Call(act)
    size, since = -1, time.monotonic()
    while call.thread.is_alive():
        call.thread.join(_INTERVAL)
        if (found := _size(folder)) != size:
            size, since = found, time.monotonic()
        elif time.monotonic() - since > max(_STANDSTILL, _limit()) and call.thread.is_alive():
            raise registry_errors.silent(uri)
    return call.result()


class _Call(Generic[T]):
    """Something that is done in a thread, which does not keep the process alive."""

    def __init__(self, act: Callable[[], T]) -> None:
        self._act = act
        self._found: list[T] = []
        self._error: BaseException | None = None
        self.thread = Thread(target=partial(copy_context().run, self._run), daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._act())
        except BaseException as error:  # It is raised where the call was made.
            self._error = error

    def result(self) -> T:
        """What the thread came to."""
        if self._error is not None:
            raise self._error
        return self._found[0]


def _limit() -> float:
    """Seconds for one call; whoever set MLflow's variables waits as long as they say."""
    asked = os.environ.get(_TIMEOUT)
    if asked is None or asked == registry_errors.PATIENCE[_TIMEOUT]:
        return _SECONDS
    try:
        return max(_SECONDS, float(asked) * (int(os.environ.get(_RETRIES, "0")) + 1))
    except ValueError:  # MLflow itself says what is wrong with them.
        return _SECONDS


def _size(folder: Path) -> int:
    """Bytes in a folder in which somebody else writes."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total
