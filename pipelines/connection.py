"""The connection to a Kubeflow Pipelines server: where it is, how one gets in, and what its refusals mean.

Who asks is proved by the first of these that is there: a token, a file with one, a cookie, a login at Dex, the service
account of the pod. All come from the environment and go into no argument, document or message.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kfp import Client
from kfp.client.set_volume_credentials import ServiceAccountTokenVolumeCredentials
from kfp_server_api import ApiClient
from urllib3.util import Retry

from pipelines import dex
from pipelines.refusals import explained, page_error
from rationanomaly.errors import ParamsError

#: KFP's own variables: for the server's address, its page, and the token of a pod's service account.
ENDPOINT, PAGE, POD_TOKEN = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "KF_PIPELINES_SA_TOKEN_PATH"
#: Ours.
TOKEN, TOKEN_FILE, COOKIES = "KF_PIPELINES_TOKEN", "KF_PIPELINES_TOKEN_FILE", "KF_PIPELINES_COOKIES"
CA, NAMESPACE = "KF_PIPELINES_SSL_CA_CERTS", "KF_PIPELINES_NAMESPACE"
#: For a connection, and for an answer.
TIMEOUT = (30.0, 30.0)
_API = "/apis/v2beta1"
_POD_TOKEN_FILE = Path("/var/run/secrets/kubeflow/pipelines/token")
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Server:
    """A Kubeflow Pipelines server that has answered.

    Attributes:
        page: address of its pages.
        namespace: of the user, where several share the server; None: it has no users, or one of its own.
        health: what it says of itself: ``tag_name``, ``multi_user``.
    """

    page: str
    namespace: str | None
    health: Mapping[str, Any]
    _client: ApiClient = field(repr=False)

    @property
    def scope(self) -> dict[str, str]:
        """The namespace as the API takes it; a server without users refuses one."""
        return {"namespace": self.namespace} if self.namespace and self.health.get("multi_user") else {}

    def ask(self, action: str, verb: str, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        """The answer to a question.

        Args:
            action: what the server is asked to do, for the message.
            verb: of HTTP.
            path: below ``/apis/v2beta1``.
            body: sent as JSON.
            query: parameters behind the path.

        Raises:
            InfrastructureError: it refuses, is silent (`refusals.SilenceError`), wants a login, or is something else.
        """
        return _ask(self._client, action, verb, path, body, query)

    def pages(self, action: str, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """The pages of a list, each as the server gives it, asked for one by one.

        Raises:
            InfrastructureError: as `ask`.
        """
        token = ""
        while True:
            page = self.ask(action, "GET", path, **query, **({"page_token": token} if token else {}))
            yield page
            if not (token := page.get("next_page_token") or ""):
                return

    def upload(self, action: str, path: str, file: Path, **query: str) -> dict[str, Any]:
        """Send a file as a form does.

        Raises:
            InfrastructureError: as `ask`.
        """
        header = {"Content-Type": "multipart/form-data"}
        return _ask(self._client, action, "POST", path, None, query, header, {"uploadfile": str(file)})

    def text(self, action: str, path: str, **query: str) -> str:
        """Plain text from outside the API's own folder, such as a log.

        Raises:
            InfrastructureError: as `ask`.
        """
        with explained(action):
            answer = self._client.call_api(
                path,
                "GET",
                query_params=list(query.items()),
                header_params={"Accept": "text/plain"},
                auth_settings=["Bearer"],
                _preload_content=False,
                _request_timeout=TIMEOUT,
            )
            return bytes(answer.data).decode("utf-8", "replace")

    def run_page(self, identity: str) -> str:
        """Address of a run's page."""
        return f"{self.page.rstrip('/')}/#/runs/details/{identity}"

    def schedule_page(self, identity: str) -> str:
        """Address of a recurring run's page."""
        return f"{self.page.rstrip('/')}/#/recurringrun/details/{identity}"


def connect(host: str | None = None, ca: Path | None = None, namespace: str | None = None) -> Server:
    """The server at an address; without one that of the environment, of this pod's cluster or of the kubeconfig.

    Args:
        host: address.
        ca: file with the certificates of a private authority, PEM.
        namespace: of the user.

    Raises:
        InfrastructureError: it can't be reached, refuses, wants a login, or is something else.
        ParamsError: it has several users, and no namespace is known; or a file that was named isn't there.
    """
    address = host or os.environ.get(ENDPOINT)
    if address and "@" in urlsplit(address if "://" in address else f"//{address}").netloc:
        hint = f"Leave it out of --host and {ENDPOINT}; the environment has other places for who you are: docs/runs.md"
        raise ParamsError("the server's address holds a user or a password, which would be shown", hint=hint)
    authority = _file(ca or os.environ.get(CA), "--ca" if ca else CA)
    proof = _proof(address, authority)
    with (
        explained("answer"),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore", FutureWarning)  # that it needs a server of version 2
        found = _Client(address, ssl_ca_cert=authority, **proof)
    client: ApiClient = found._run_api.api_client
    _ask_plainly(client)
    health = _ask(client, "answer", "GET", "/healthz", None, {})
    named = namespace or os.environ.get(NAMESPACE) or found.get_user_namespace() or _of_pod()
    if health.get("multi_user") and not named:
        hint = f"Name yours with --namespace or in {NAMESPACE}"
        raise ParamsError("several users share this server, and no namespace is named", hint=hint)
    return Server(os.environ.get(PAGE) or address or "/pipeline", named or None, _flat(health), client)


class _Client(Client):
    """KFP's client, which only finds out address and credentials: it would ask for a health five times, five seconds
    apart, and write the namespace of a pod into its home."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:  # noqa: ARG002 - KFP's signature
        return _NoUsers()


class _NoUsers:
    multi_user = False


def _proof(address: str | None, authority: str | None) -> dict[str, Any]:
    """Arguments of KFP's client that prove who asks; none where the server is asked without."""
    if token := os.environ.get(TOKEN):
        return {"existing_token": token}
    if file := _file(os.environ.get(TOKEN_FILE), TOKEN_FILE):
        return {"credentials": ServiceAccountTokenVolumeCredentials(file)}  # Reads it before each question.
    if cookies := os.environ.get(COOKIES):
        return {"cookies": cookies}
    if (login := dex.login_of_environment()) and address:
        with explained("let you in"):
            return {"cookies": dex.session_cookies(address, login, authority)}
    if os.environ.get(POD_TOKEN) or _POD_TOKEN_FILE.is_file():
        return {"credentials": ServiceAccountTokenVolumeCredentials()}
    return {}


def _file(path: str | Path | None, name: str) -> str | None:
    if not path:
        return None
    if not Path(path).is_file():
        raise ParamsError("no such file", file=Path(path), hint=f"Correct {name}")
    return str(path)


def _of_pod() -> str:
    try:
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _ask_plainly(client: ApiClient) -> None:
    """Follow no redirect: it leads to a login page, and would make a GET of a POST on the way. Try silence twice."""
    pool = client.rest_client.pool_manager
    pool.connection_pool_kw["retries"] = Retry(connect=2, read=1, status=0, other=0)
    pool.request = partial(pool.request, redirect=False)


def _ask(
    client: ApiClient,
    action: str,
    verb: str,
    path: str,
    body: Any,
    query: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    with explained(action):
        found, _status, _headers = client.call_api(
            f"{_API}{path}",
            verb,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": "application/json"} | dict(headers or {}),
            body=body,
            files=files,
            response_type="object",
            auth_settings=["Bearer"],
            _request_timeout=TIMEOUT,
        )
    if not isinstance(found, dict):
        raise page_error(str(found), action)
    return found


def _flat(health: Mapping[str, Any]) -> dict[str, Any]:
    """One spelling of what the server says and of what its page says in its place."""
    tag = health.get("tag_name") or health.get("apiServerTagName")
    return {"tag_name": tag, "multi_user": health.get("multi_user")}
