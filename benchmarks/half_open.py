"""Whether clients that open connections and say nothing keep others out: 1,100 half-open connections for 30 s.

    python -m benchmarks.half_open

Each of the three servers (review page, incident pages, `serve`) runs in a process of its own that may open 1,024
files. A client at 127.0.0.1 sends half a request on each of 1,100 connections, and opens others for those that are
closed, 200 a second (one that opens as many as it can is another matter: firewalls bound that). A second client, at
127.0.0.2, and one more at 127.0.0.1, ask anew for a page every quarter of a second. What counts is the slowest answer
to the second client, by the wall clock: run it on a machine that is otherwise idle. One at the flood's own address has
no more than a good chance.
"""

from __future__ import annotations

import argparse
import http.client
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.page_servers import SERVERS

CONNECTIONS, SECONDS, TARGET_S = 1_100, 30.0, 1.0
#: The second client, and one at the address of the first.
OTHER, SAME = SOURCES = ("127.0.0.2", "127.0.0.1")
_HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
_BETWEEN, _LONG, _ALONE = 0.25, 120.0, 20
#: Connections of a piece, and seconds between pieces, once all have been open.
_PIECE, _PAUSE = 20, 0.1


@dataclass
class Measured:
    """What the client at each address saw.

    Attributes:
        seconds: of each answer, by address.
        statuses: of all answers, by address; 0: there was none.
        opened: half-open connections, those that came in place of others included.
        alone: seconds of answers before the first client came, which are the machine's.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: {source: [] for source in SOURCES})
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: {source: Counter() for source in SOURCES})
    opened: int = 0
    alone: list[float] = field(default_factory=list)


@contextmanager
def serving(name: str) -> Iterator[int]:
    """The port of a server, whose process ends with the block."""
    with tempfile.TemporaryDirectory(prefix="half-open-") as folder:
        command = [sys.executable, "-m", "tests.page_servers", name, folder]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()
            server.wait()


@contextmanager
def half_open(port: int, count: int, measured: Measured) -> Iterator[None]:
    """So many connections with half a request inside the block."""
    stop, all_open = threading.Event(), threading.Event()
    held: dict[int, socket.socket] = {}

    def hold() -> None:
        """Open connections until ``count`` are held, and open others for those that the server ends."""
        poll = select.poll()
        while not stop.is_set():
            for number, _ in poll.poll(0 if len(held) < count else 50):
                poll.unregister(number)
                held.pop(number).close()
            for _ in range(min(count - len(held), _PIECE)):
                connection = _open(port)
                if connection is not None:
                    held[connection.fileno()] = connection
                    poll.register(connection, select.POLLIN | select.POLLHUP)
                    measured.opened += 1
            if measured.opened >= count:
                all_open.set()
                stop.wait(_PAUSE)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        all_open.wait(_LONG)
        yield
    finally:
        stop.set()
        thread.join()
        for connection in held.values():
            connection.close()


def measure(name: str, seconds: float = SECONDS, count: int = CONNECTIONS) -> Measured:
    """Ask a server for so many seconds while another client holds so many half-open connections."""
    measured = Measured()
    with serving(name) as port:
        for _ in range(_ALONE):
            measured.alone.append(_ask(port, SERVERS[name], OTHER)[1])
            time.sleep(_BETWEEN)
        with half_open(port, count, measured):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for source in SOURCES:
                    status, took = _ask(port, SERVERS[name], source)
                    measured.statuses[source][status] += 1
                    measured.seconds[source].append(took)
                time.sleep(_BETWEEN)
    return measured


def _open(port: int) -> socket.socket | None:
    try:
        connection = socket.create_connection(("127.0.0.1", port), _LONG)
        connection.sendall(_HALF)
    except OSError:
        return None
    return connection


def _ask(port: int, path: str, source: str) -> tuple[int, float]:
    """The status of an answer, 0 if there was none, and the seconds that it took."""
    started = time.perf_counter()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONG, source_address=(source, 0))
    try:
        client.request("GET", path)
        status = client.getresponse().status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        client.close()
    return status, time.perf_counter() - started


def main() -> None:
    """Print the slowest answer of each server; exit 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * CONNECTIONS), hard))
    short = False
    for name in SERVERS:
        found = measure(name, options.seconds)
        print(f"{name}, alone: mean {sum(found.alone) / _ALONE:.4f} s, slowest {max(found.alone):.3f} s")
        for source in SOURCES:
            answers = ", ".join(f"{count} of {status}" for status, count in sorted(found.statuses[source].items()))
            mean = sum(found.seconds[source]) / len(found.seconds[source])
            print(f"{name}, {source}: {answers}; mean {mean:.4f} s, slowest {max(found.seconds[source]):.3f} s")
        slowest = max(found.seconds[OTHER])
        is_short = slowest >= TARGET_S or set(found.statuses[OTHER]) != {200}
        print(f"{name}_slowest_s = {slowest:.3f} (target {TARGET_S:g}) {'short' if is_short else 'ok'}")
        short |= is_short
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    main()
