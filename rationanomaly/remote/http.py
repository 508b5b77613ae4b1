"""Requests to a server of others: bounded in time and size, errors that say what to do and hold no secret."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from rationanomaly.errors import InfrastructureError

#: Characters of a server's answer that an error shows.
_SHOWN = 200
#: Statuses that say that this very request will never be taken.
_REFUSALS = frozenset({400, 406, 413, 414, 415, 422, 431})
_SHORTEST_SECRET = 4


class UnreachableError(InfrastructureError):
    """A server can't be reached, or takes nothing for now; it is worth another attempt.

    Attributes:
        retry_after: seconds that the server asked us to wait; None: it asked for nothing.
        status: of its answer; None: there was none.
    """

    retry_after: float | None = None
    status: int | None = None


class RefusedError(InfrastructureError):
    """A server refuses this one request, and will again."""


class Server:
    """One server, over HTTP.

    Args:
        name: what it is, for errors.
        url: of the server; it may hold a secret, so errors show its host only.
        seconds: of one request.
        headers: of every request.
        secrets: what no error may show; if ``url`` is among them, its path neither.
        longest: bytes of an answer.
    """

    def __init__(
        self,
        name: str,
        url: str,
        seconds: float,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        longest: int = 1 << 16,
    ) -> None:
        self._name, self._url, self._seconds, self._longest = name, url, seconds, longest
        hidden = set(secrets)
        if url in hidden:  # The token of such an address stands in its path, which a server may repeat.
            hidden |= {urlsplit(url).path, urlsplit(url).query}
        self._secrets = sorted((one for one in hidden if len(one) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        self._client: httpx.Client | None = None

    @property
    def host(self) -> str:
        """Host and port, which are no secret."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    def request(
        self,
        method: str,
        path: str = "",
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of the answer to one request.

        Args:
            method: such as POST.
            path: below the server's address.
            content: body of the request.
            headers: beside those of the server.
            query: parameters.

        Raises:
            UnreachableError: no answer, or one that says: later.
            RefusedError: the answer says: never.
        """
        deadline = time.monotonic() + self._seconds
        body = bytearray()
        try:
            with self._opened().stream(
                method, self._url + path, content=content, headers=dict(headers or {}), params=query
            ) as response:
                for piece in response.iter_raw():
                    body += piece
                    if len(body) > self._longest:
                        # Of an error its beginning is enough.
                        if response.is_success:
                            raise UnreachableError(f"{self._where} answers with more than {self._longest:,} bytes")
                        break
                    if time.monotonic() > deadline:
                        raise UnreachableError(f"{self._where} takes more than {self._seconds:g} s for its answer")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            raise UnreachableError(self._hidden(f"{self._where} can't be reached: {_words(error)}")) from None
        if response.is_success:
            return bytes(body)
        raise self._error(response, bytes(body))

    def close(self) -> None:
        """Close the connections; another request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _opened(self) -> httpx.Client:
        # Identity: a compressed answer could grow beyond the limit after it was counted. A redirect would carry the
        # headers, and the token in them, to another host.
        if self._client is None:
            self._client = httpx.Client(
                headers=self._headers, timeout=self._seconds, follow_redirects=False, verify=_certificates()
            )
        return self._client

    @property
    def _where(self) -> str:
        return f"{self._name} at {self.host}"

    def _error(self, response: httpx.Response, body: bytes) -> UnreachableError | RefusedError:
        status = response.status_code
        text = body[: 4 * _SHOWN].decode("utf-8", "replace").strip()
        page = text[:1] == "<"
        said = "a web page instead of an answer of its interface" if page else text[:_SHOWN] or "no explanation"
        problem = self._hidden(f"{self._where} says {status}: {said}")
        if status in _REFUSALS:
            return RefusedError(problem, hint="The log of that server says more")
        error = UnreachableError(problem, hint=_hint(status))
        error.status, error.retry_after = status, _retry_after(response.headers.get("Retry-After"))
        return error

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


@cache
def _certificates() -> ssl.SSLContext:
    """Whom we trust; to read them takes longer than a request."""
    return httpx.create_ssl_context()


def _words(error: Exception) -> str:
    """What went wrong, without what may hold an address."""
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (httpx.ConnectTimeout, "no connection within the time"),
        (httpx.TimeoutException, "no answer within the time"),
        (httpx.ConnectError, str(error)),
        (httpx.RemoteProtocolError, "it doesn't speak HTTP, or broke off"),
        (httpx.InvalidURL, "its address is wrong"),
    )
    return next((words for kind, words in kinds if isinstance(error, kind)), type(error).__name__)


def _hint(status: int) -> str | None:
    if status in (401, 403):
        return "Check the token, and what it may do"
    if status in (404, 405, 410) or 300 <= status < 400:
        return "Check the address in the params; redirects are not followed"
    return None


def _retry_after(value: Any) -> float | None:
    """Seconds that a Retry-After header asks for; it holds seconds or a date."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
