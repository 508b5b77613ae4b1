"""How many connections a server keeps, and for how long: who opens many and says nothing keeps nobody else out.

A connection that waits for a request can be closed: after a time, or sooner if its client, or all together, hold as
many as they may and a new one comes. The one that has waited longest goes. So the newest always gets its turn, that of
a second client at the same address included.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Protocol

from rationanomaly.review.listening import QUEUE

if TYPE_CHECKING:
    from starlette.types import ASGIApp
    from uvicorn import Server

#: Of one client of a page: browsers hold six, a proxy some dozens. With more, a flood takes longer to push out others
#: at its address; with fewer, it leaves more room.
PAGE_CONNECTIONS = 256
#: Connections that are taken at once, each a file, before those that are too many are closed.
BACKLOG = 128
#: Seconds from a connection, or the answer before, to the end of a request's head.
_HEAD_SECONDS = 10.0
#: Seconds in which a client takes nothing of an answer.
_UNREAD_SECONDS = 30.0
#: Seconds that requests get to end when a server is stopped.
_GRACE = 30
_HEADER_BYTES = 65_536
_MAX_CONNECTIONS, _MIN_CONNECTIONS = 2048, 32
#: A provider gives a client of IPv6 this many bits, not one address.
_NETWORK_BITS = 64


class Closable(Protocol):
    """A connection as `Connections` sees it."""

    @property
    def waits(self) -> bool:
        """Whether no request of it is being answered."""

    def abort(self) -> None:
        """Close it at once."""


class Connections:
    """The open connections of a server by client. For one thread.

    Args:
        per_client: at most so many of one client.
        total: at most so many of all.
    """

    def __init__(self, per_client: int, total: int) -> None:
        self._per_client, self._total = min(per_client, total), total
        self._open: dict[str, dict[Closable, None]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._open.values()))

    def admit(self, client: str, connection: Closable) -> bool:
        """Take a new connection in, in place of one that waits where there are too many; False: all are at work."""
        crowded = list[str]()
        if len(self._open.get(client, ())) >= self._per_client:
            crowded = [client]
        elif len(self) >= self._total:
            crowded = sorted(self._open, key=lambda name: -len(self._open[name]))
        if crowded and not self._close_one(crowded):
            return False
        self._open.setdefault(client, {})[connection] = None
        return True

    def renew(self, client: str, connection: Closable) -> None:
        """A connection has been of use: from now on it has waited for the shortest time."""
        if connection in self._open.get(client, ()):
            del self._open[client][connection]
            self._open[client][connection] = None

    def remove(self, client: str, connection: Closable) -> None:
        """Forget a connection, if it is known."""
        mine = self._open.get(client, {})
        mine.pop(connection, None)
        if not mine:
            self._open.pop(client, None)

    def _close_one(self, clients: Sequence[str]) -> bool:
        """Close what has waited longest of the first client of which something waits; False: nothing does."""
        for client in clients:
            oldest = next((one for one in self._open[client] if one.waits), None)
            if oldest is not None:
                self.remove(client, oldest)
                oldest.abort()
                return True
        return False


def build_server(app: ASGIApp, *, per_client: int = PAGE_CONNECTIONS, keep_alive: int = 5) -> Server:
    """A server whose connections are bounded; it answers by HTTP/1.1 alone, and starts and ends with nothing else.

    Args:
        app: what it serves.
        per_client: connections of one client, an address of IPv4 or a network of IPv6.
        keep_alive: seconds that a connection is kept after an answer.
    """
    import uvicorn

    class Listening(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            # The loop has made the queue as long as what it takes at once.
            for listener in sockets or ():
                listener.listen(QUEUE)

    kept = Connections(per_client, max_connections())
    # What it logs, with words of clients and of logs, goes through our own handler, which makes it inert.
    # Neither web sockets nor start-up hooks are used; leaving them out spares their imports.
    config = uvicorn.Config(
        app, http=_bounded(kept), log_config=None, log_level="warning", access_log=False, server_header=False,
        ws="none", lifespan="off", backlog=BACKLOG, timeout_keep_alive=keep_alive, timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )  # fmt: skip
    return Listening(config)


def max_connections() -> int:
    """Connections of all clients together: so many that files can still be opened while all that wait are taken."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = _MAX_CONNECTIONS if files == resource.RLIM_INFINITY else (files - BACKLOG) * 3 // 4
    return max(_MIN_CONNECTIONS, min(_MAX_CONNECTIONS, room))


def client_of(address: str) -> str:
    """Who is behind an address: itself, or its network of IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS))
    return str(found)


def _bounded(kept: Connections) -> type[asyncio.Protocol]:
    """The class of a server's connections."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Bounded(H11Protocol):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self._name = ""
            self._timers: dict[str, asyncio.TimerHandle] = {}

        @property
        def waits(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def abort(self) -> None:
            self.transport.abort()

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._name = client_of(self.client[0] if self.client else "")
            if kept.admit(self._name, self):
                self._time("head", _HEAD_SECONDS)
            else:
                self.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            kept.remove(self._name, self)
            for timer in self._timers.values():
                timer.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self.waits:
                self._time("head", None)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            kept.renew(self._name, self)
            if self.waits:
                self._time("head", self.timeout_keep_alive + _HEAD_SECONDS)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._time("unread", _UNREAD_SECONDS)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._time("unread", None)

        def _time(self, what: str, seconds: float | None) -> None:
            """Close the connection after so many seconds; None: don't."""
            timer = self._timers.pop(what, None)
            if timer is not None:
                timer.cancel()
            if seconds is not None:
                self._timers[what] = self.loop.call_later(seconds, self.abort)

    return Bounded
