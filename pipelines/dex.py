"""Log in at Dex as a browser does, for a Kubeflow behind oauth2-proxy or the OIDC service: the cookie of a session.

The way is that of Kubeflow's own documentation ("Connect the SDK to the API", from outside the cluster).
"""

from __future__ import annotations

import os
import re
import ssl
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit

from rationanomaly.errors import InfrastructureError

USERNAME, PASSWORD, CONNECTOR = "KF_PIPELINES_USERNAME", "KF_PIPELINES_PASSWORD", "KF_PIPELINES_DEX_CONNECTOR"
_SECONDS = 30.0
#: Of a page, in which nothing but its address is of interest.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Login:
    """Who logs in.

    Attributes:
        user: usually an e-mail address.
        password: never shown.
        connector: of Dex, which knows the user: ``local`` for static passwords, ``ldap``.
    """

    user: str
    password: str = field(repr=False)
    connector: str = "local"


@dataclass(frozen=True)
class _Page:
    """Where the redirects have led, and with which status."""

    address: str
    status: int


def login_of_environment() -> Login | None:
    """User and password, if both are there."""
    user, password = os.environ.get(USERNAME), os.environ.get(PASSWORD)
    return Login(user, password, os.environ.get(CONNECTOR) or "local") if user and password else None


def session_cookies(address: str, login: Login, authority: str | None = None) -> str | None:
    """The cookies of a session at the server, as a header takes them; None where it asks for no login.

    Args:
        address: of the Kubeflow Pipelines server.
        login: who.
        authority: file of certificates, PEM; None: those of the system.

    Raises:
        InfrastructureError: user or password is wrong, the password would travel in the clear, or this is no Dex.
        OSError: the server, or Dex, can't be reached.
    """
    if not address.startswith(("http://", "https://")):
        address = f"https://{address}"  # As KFP's client reads it.
    jar = CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(jar),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority)),
        _Redirects(),
    )
    page = _open(browser, f"{address.rstrip('/')}/")
    if page.status in (401, 403):  # The page of oauth2-proxy, which leads on from there.
        page = _open(browser, urljoin(page.address, f"/oauth2/start?{urlencode({'rd': urlsplit(page.address).path})}"))
    if page.address.rstrip("/") == address.rstrip("/"):
        return None
    page = _login_form(browser, page, login)
    done = _open(browser, page.address, {"login": login.user, "password": login.password})
    if urlsplit(done.address).path.endswith("/approval"):
        done = _open(browser, done.address, {"approval": "approve"})
    if done.status >= 400 or _is_form(done.address):
        hint = f"Correct {USERNAME} and {PASSWORD}; {CONNECTOR} says which of Dex's connectors knows them"
        raise InfrastructureError(f"Dex does not let {login.user} in", hint=hint)
    server = urlsplit(address).hostname or ""
    cookies = [one for one in jar if server == one.domain or server.endswith(f".{one.domain.lstrip('.')}")]
    return "; ".join(f"{one.name}={one.value}" for one in cookies)


def _login_form(browser: urllib.request.OpenerDirector, page: _Page, login: Login) -> _Page:
    """From where Dex asks which connector to use, or at the form already, to the form."""
    if not _is_form(page.address):
        if not re.search(r"/auth$", urlsplit(page.address).path):
            raise InfrastructureError(
                f"the server sends logins to {_shown(page.address)}, which is no Dex",
                hint="Log in with a browser and set KF_PIPELINES_COOKIES to its session cookie, or KF_PIPELINES_TOKEN",
            )
        parts = urlsplit(page.address)
        page = _open(browser, parts._replace(path=f"{parts.path}/{login.connector}").geturl())
    if page.status >= 400 or not _is_form(page.address):
        hint = f"Name another connector in {CONNECTOR}, such as ldap"
        raise InfrastructureError(f"Dex shows no form for the connector {login.connector}", hint=hint)
    return page


def _is_form(address: str) -> bool:
    return bool(re.search(r"/auth/[^/]+(/login)?$", urlsplit(address).path))


def _open(browser: urllib.request.OpenerDirector, address: str, form: dict[str, str] | None = None) -> _Page:
    data = None if form is None else urlencode(form).encode()
    request = urllib.request.Request(address, data, {"Accept": "text/html"})  # noqa: S310 - http or https, see above
    try:
        with browser.open(request, timeout=_SECONDS) as answer:
            answer.read(_MOST_BYTES)
            return _Page(answer.geturl(), answer.status)
    except HTTPError as error:
        with error:
            return _Page(error.geturl(), error.code)


def _shown(address: str) -> str:
    parts = urlsplit(address)  # The query holds what opens a session.
    return f"{parts.netloc}{parts.path}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but not out of TLS: the password would travel in the clear."""

    def redirect_request(
        self, request: urllib.request.Request, file: IO[bytes], code: int, message: str, headers: HTTPMessage, url: str
    ) -> Any:
        """The next question."""
        if request.type == "https" and not url.startswith("https://"):
            problem = f"the login leads out of TLS, to {_shown(url)}"
            raise InfrastructureError(problem, hint="Let whoever runs the Kubeflow correct the address of its login")
        return super().redirect_request(request, file, code, message, headers, url)
