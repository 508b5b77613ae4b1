"""Where pages and services listen: a socket of this machine, and whether only this machine reaches it."""

from __future__ import annotations

import errno
import socket
from ipaddress import ip_address
from typing import Any

from rationanomaly.errors import InfrastructureError, ParamsError

#: Connections that the system holds until somebody takes them. Where one more comes, its client tries again after a
#: second, then after three and seven: a burst must fit in. Each costs the system some hundred bytes, and us no file.
QUEUE = 4096
_LAST_PORT = 65_535
_HINTS = {
    errno.EADDRNOTAVAIL: "Give --host an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all",
    errno.EACCES: "Choose a --port from 1024 on: those below are the system's",
}


def listen(host: str, port: int, backlog: int = QUEUE) -> socket.socket:
    """A socket on which clients wait until somebody serves; the caller closes it.

    Args:
        host: an address of this machine, or its name.
        port: 0 takes a free one.
        backlog: clients that may wait.

    Raises:
        ParamsError: it is no port, or no address.
        InfrastructureError: the port is taken, or the address is none of ours.
    """
    if not 0 <= port <= _LAST_PORT:
        raise ParamsError(f"{port} is no port", hint=f"Give --port a number from 1 to {_LAST_PORT}; 0 takes a free one")
    family, place = _resolve(host, port)
    # asyncio only switches Nagle's delay of 40 ms off where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(place)
        # From now on links work: who is early waits for a moment.
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        hint = _HINTS.get(error.errno or 0, "Choose another --port; 0 takes a free one")
        raise InfrastructureError(f"can't listen on {address_of(host, port)}: {error.strerror}", hint=hint) from error
    return listener


def address_of(host: str, port: int) -> str:
    """Host and port as they stand in a link."""
    return f"{f'[{host}]' if ':' in host else host}:{port}"


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """What a socket is made of and bound to."""
    # An empty name means all addresses to a socket, and hardly to who leaves a variable empty.
    if host:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            # A name such as localhost has addresses of both kinds.
            family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
            return family, place
        except (OSError, UnicodeError, ValueError):
            pass
    hint = "Give --host an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all"
    raise ParamsError(f"{host!r} is no address to listen on", hint=hint)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
