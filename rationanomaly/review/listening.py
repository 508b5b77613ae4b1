"""Where pages and services listen: a socket of this machine, and whether only this machine reaches it."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from rationanomaly.errors import InfrastructureError


def listen(host: str, port: int, backlog: int = 128) -> socket.socket:
    """A socket on which clients wait until somebody serves; the caller closes it.

    Args:
        host: an address of this machine.
        port: 0 takes a free one.
        backlog: clients that may wait.

    Raises:
        InfrastructureError: the port is taken, or the address is none of ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio only switches Nagle's delay of 40 ms off where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From now on links work: who is early waits for a moment.
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        problem = f"can't listen on {host}:{port}: {error.strerror}"
        raise InfrastructureError(problem, hint="Choose another --port; 0 takes a free one") from error
    return listener


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
