"""A raw input at an http(s) address, continued by ranges."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import httpx

from rationanomaly.errors import InfrastructureError
from rationanomaly.staging.part import Part

_TIMEOUT = httpx.Timeout(30.0)
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)


def receive(address: str, part: Part) -> None:
    """Get what is at ``address`` and has not come yet.

    Raises:
        InfrastructureError: the server refuses, breaks off, or leads elsewhere without https.
        InputError: it is larger than allowed.
    """
    try:
        with httpx.Client(timeout=_TIMEOUT) as client:
            _receive(client, address, part)
    except httpx.HTTPError as error:
        raise part.failed(type(error).__name__) from None  # httpx names the address.


def _receive(client: httpx.Client, address: str, part: Part) -> None:
    already = part.size
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={already}-"} if already else {})
    for _ in range(_REDIRECTS + 1):
        with client.stream("GET", address, headers=headers) as response:
            if response.status_code in _MOVED:
                address = _redirected(address, response.headers.get("Location", ""), part)
                continue
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # The part is the whole already; its digest decides.
            response.raise_for_status()
            done = already if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
            length = response.headers.get("Content-Length", "")
            part.write(response.iter_raw(), done, done + int(length) if length.isdigit() else None)
            return
    problem = f"`cluster.data.{part.name}` is redirected too often"
    raise InfrastructureError(problem, hint="Name the last address itself")


def _redirected(address: str, location: str, part: Part) -> str:
    target = urljoin(address, location)
    if urlsplit(target).scheme != "https" and urlsplit(target).netloc != urlsplit(address).netloc:
        problem = f"`cluster.data.{part.name}` is redirected to an address without https"
        raise InfrastructureError(problem, hint="Name the last address itself")
    return target
