"""Who opens connections and says nothing keeps nobody out, of none of the three servers."""

from __future__ import annotations

import asyncio
import http.client
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from rationanomaly.incidents.launch import build_app as build_incidents
from rationanomaly.params import Params
from rationanomaly.review import connections
from rationanomaly.review.access import Access
from rationanomaly.review.app import build_app as build_review
from rationanomaly.review.connections import BACKLOG, Connections, build_server, client_of, max_connections
from rationanomaly.review.desk import Member
from rationanomaly.review.host_names import host_names
from rationanomaly.review.listening import listen
from rationanomaly.serve.app import build_app as build_serve
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.launch import running
from tests.stream_double import DoubleEngine
from tests.unit.test_review_pages import Room

#: Seconds that nothing here takes, even on a slow and busy machine.
LONG = 60.0
PER_CLIENT = 8
HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@contextmanager
def served(app: ASGIApp, per_client: int = PER_CLIENT) -> Iterator[int]:
    """The port of a server in a thread of its own."""
    with listen("127.0.0.1", 0) as listener:
        server = build_server(app, per_client=per_client)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def ask(port: int, path: str, source: str = "127.0.0.1") -> int:
    """The status that a client at an address of loopback gets."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG, source_address=(source, 0))
    try:
        client.request("GET", path)
        return client.getresponse().status
    finally:
        client.close()


def half_open(port: int, stack: ExitStack, sent: bytes = HALF) -> socket.socket:
    """A connection from 127.0.0.1 with half a request."""
    opened = stack.enter_context(socket.create_connection(("127.0.0.1", port), LONG))
    opened.sendall(sent)
    return opened


def is_closed(opened: socket.socket) -> bool:
    """Whether the server has closed a connection; waits for nothing."""
    opened.setblocking(False)
    try:
        return opened.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@pytest.fixture(params=["review", "incidents", "serve"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, str]]:
    """The port of each of the servers, and a path that is there for everybody."""
    monkeypatch.setattr(connections, "_HEAD_SECONDS", LONG)  # A slow machine's clients are no slow clients.
    names = host_names("127.0.0.1")
    with ExitStack() as stack:
        if request.param == "review":
            room = Room(tmp_path)
            app: ASGIApp = build_review(room.desk, room.context, room.access, names)
            path = "/static/icon.svg"
        elif request.param == "incidents":
            app = build_incidents(tmp_path / "stream.db", None, Access([Member("ada")]), names)
            path = "/incidents/static/icon.svg"
        else:
            engine = DoubleEngine(tmp_path)
            service = stack.enter_context(running(engine, params, Keys({}, needed=False), "model"))  # type: ignore[arg-type]
            app, path = build_serve(service, names), "/healthz"
        yield stack.enter_context(served(app)), path


def test_half_open_connections_keep_nobody_out(server: tuple[int, str]) -> None:
    port, path = server
    with ExitStack() as stack:
        opened = [half_open(port, stack) for _ in range(5 * PER_CLIENT)]
        assert ask(port, path, source="127.0.0.2") == 200
        # The same address may be many people's.
        assert ask(port, path) == 200
        deadline = time.monotonic() + LONG
        while sum(not is_closed(one) for one in opened) >= PER_CLIENT:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not is_closed(opened[-1]), "the newest stay"


def test_who_sends_a_request_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD_SECONDS", 0.2)
    with served(FastAPI()) as port, ExitStack() as stack:
        for sent in (b"", HALF):
            opened = half_open(port, stack, sent)
            with suppress(ConnectionError):
                assert opened.recv(1) == b""


def test_a_connection_whose_answer_nobody_takes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_UNREAD_SECONDS", 0.2)
    app, gone = FastAPI(), threading.Event()

    @app.get("/")
    async def large() -> object:
        from starlette.responses import StreamingResponse

        async def chunks() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 1_000_000
                    await asyncio.sleep(0)
            finally:
                gone.set()

        return StreamingResponse(chunks())

    with served(app) as port, ExitStack() as stack:
        half_open(port, stack, HALF + b"\r\n")
        assert gone.wait(LONG)


class Open:
    """A connection that remembers whether it was closed."""

    def __init__(self, waits: bool = True) -> None:
        self.waits, self.closed = waits, False

    def abort(self) -> None:
        self.closed = True


def test_what_has_waited_longest_makes_room() -> None:
    kept = Connections(per_client=2, total=3)
    first, second, third, other, last = (Open() for _ in range(5))
    for one in (first, second):
        assert kept.admit("a", one)
    kept.renew("a", first)
    assert kept.admit("a", third)
    assert [one.closed for one in (first, second, third)] == [False, True, False]
    assert kept.admit("b", other)
    # Of all together there are as many as there may be: the client with the most gives one up.
    assert kept.admit("c", last)
    assert [one.closed for one in (first, third, other)] == [True, False, False]
    kept.remove("c", last)
    assert len(kept) == 2


def test_a_connection_at_work_is_never_closed_for_another() -> None:
    kept = Connections(per_client=2, total=3)
    busy = [Open(waits=False) for _ in range(3)]
    assert [kept.admit("a", one) for one in busy] == [True, True, False]
    assert kept.admit("b", busy[2])
    assert not kept.admit("b", Open())
    assert not any(one.closed for one in busy)
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("address", "client"),
    [("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("2001:db8::1:2:3:4", "2001:db8::"),
     ("fe80::1%eth0", "fe80::"), ("", "")],
)  # fmt: skip
def test_a_client_is_an_address_or_a_network_of_version_6(address: str, client: str) -> None:
    assert client_of(address) == client


@pytest.mark.parametrize("files", [256, 1024, 20_000, resource.RLIM_INFINITY])
def test_files_are_left_for_everything_else(files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert 32 <= max_connections() <= 2048
    if files != resource.RLIM_INFINITY:
        assert max_connections() + BACKLOG <= files - 32
