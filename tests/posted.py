"""A web address on this machine that keeps what is posted to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue


@dataclass
class Posts:
    """What was posted, in order: headers in lower case, and the body; what is answered."""

    address: str = ""
    status: int = 200
    received: Queue[tuple[dict[str, str], bytes]] = field(default_factory=Queue)


@contextmanager
def receiving() -> Iterator[Posts]:
    """Receive what is posted."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.received.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(posts.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        posts.address = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield posts
        finally:
            server.shutdown()
            thread.join()
