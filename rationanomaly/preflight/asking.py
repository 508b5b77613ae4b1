"""One question to a server over HTTP: bounded in time and size, never to another host, and its silence has words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

#: A longer answer is none to a question of ours.
LONGEST = 4 * 1024 * 1024
_REDIRECTS = 3


class SilenceError(Exception):
    """No answer; its text says what happened, without the address."""


@dataclass(frozen=True)
class Reply:
    """What a server answered.

    Attributes:
        status: of HTTP.
        headers: in lower case.
        body: as far as `LONGEST`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object; None where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    @property
    def text(self) -> str:
        """The start of the body, for a message."""
        return " ".join(self.body[:200].decode(errors="replace").split())


def ask(
    method: str,
    address: str,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    document: Mapping[str, Any] | None = None,
    verify: bool | str = True,
) -> Reply:
    """Ask once.

    Args:
        method: of HTTP.
        address: without secrets.
        seconds: for the connection, and for each part of the answer.
        headers: a key may be among them: it follows a redirect only on the same host.
        document: sent as JSON.
        verify: False, or a file of certificates.

    Raises:
        SilenceError: nobody is there, or nobody answers in time.
    """
    sent = dict(headers or {}) | {"Accept-Encoding": "identity"}
    try:
        with httpx.Client(timeout=seconds, verify=_context(verify)) as client:
            for _ in range(_REDIRECTS + 1):
                reply = _once(client, method, address, sent, document)
                target = urljoin(address, reply.headers.get("location", ""))
                if reply.status not in (301, 302, 303, 307, 308) or method != "GET" or not _may_follow(address, target):
                    return reply
                address = target
            return reply
    except httpx.TimeoutException as error:
        raise SilenceError(f"takes the question and says nothing for {seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise SilenceError(f"can't be reached: {str(error) or type(error).__name__}") from error


def _context(verify: bool | str) -> Any:
    if isinstance(verify, str):
        import ssl

        return ssl.create_default_context(cafile=verify)
    return verify


def _once(
    client: httpx.Client, method: str, address: str, headers: Mapping[str, str], document: Mapping[str, Any] | None
) -> Reply:
    with client.stream(method, address, headers=dict(headers), json=document) as response:
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > LONGEST or "Range" in headers:  # Who asks for a part wants to know whether it is there.
                break
        return Reply(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body[:LONGEST]))


def _may_follow(address: str, target: str) -> bool:
    ours, theirs = urlsplit(address), urlsplit(target)
    return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
