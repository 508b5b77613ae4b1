"""Under which names a server is reached: a page of another site that points a name of its own at us (DNS rebinding) is
refused on whatever address we listen."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Sequence
from ipaddress import ip_address

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rationanomaly.errors import ParamsError

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
#: Stands for every IP address: nobody can point a number somewhere else.
ANY_ADDRESS = "any IP address"
#: Stands for every name.
ANY_NAME = "*"
_NAME = re.compile(r"\*|[A-Za-z0-9._-]{1,253}|\[[0-9a-fA-F:.]+\]")


def host_names(host: str, more: Sequence[str] = ()) -> list[str]:
    """The names under which a server on an address is reached.

    Args:
        host: where it listens; on all addresses of a machine also the machine's own name and any number count.
        more: further names, as a browser sends them, without a port; ``*``: any.

    Raises:
        ParamsError: one of them is no host name.
    """
    for name in more:
        if not _NAME.fullmatch(name):
            raise ParamsError(f"{name!r} is no host name", hint="Leave out http: and the port")
    if is_unspecified(host):
        machine = socket.gethostname()
        return [*LOOPBACK, machine, machine.partition(".")[0], ANY_ADDRESS, *more]
    return [*LOOPBACK, f"[{host}]" if ":" in host else host, *more]


def named(host: str, more: Sequence[str]) -> str:
    """What a link calls a server: the first of the further names that is one, else the address that it listens on."""
    return next((name for name in more if name != ANY_NAME), host)


class HostNames:
    """Names, as they are compared.

    Args:
        names: of `host_names`, or `ANY_NAME`.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._any_name, self._any_address = ANY_NAME in names, ANY_ADDRESS in names
        self._names = frozenset(_name_of(name) for name in names if name != ANY_ADDRESS) - {""}

    def include(self, header: str | None) -> bool:
        """Whether a header ``Host`` holds one of them; a port plays no part."""
        if self._any_name:
            return True
        name = _name_of(header or "")
        return name in self._names or (self._any_address and _is_address(name))


def is_unspecified(host: str) -> bool:
    """Whether an address means all addresses of this machine, however it is written."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


class HostCheck:
    """Refuses requests under any other name.

    Args:
        app: what is guarded.
        names: of `host_names`.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app, self._names = app, HostNames(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        header = next((value for name, value in scope.get("headers", ()) if name == b"host"), b"")
        if scope["type"] != "http" or self._names.include(header.decode("latin-1")):
            await self._app(scope, receive, send)
            return
        text = "We are not reached under this name. The option --host-name adds one."
        await PlainTextResponse(text, 400)(scope, receive, send)


def _name_of(header: str) -> str:
    """The name without a port, and addresses of version 6 in one spelling."""
    text = header.strip().lower()
    if text.startswith("["):
        inner, closed, _ = text[1:].partition("]")
        return str(ip_address(inner)) if closed and _is_address(inner) else ""
    return text.partition(":")[0].removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
