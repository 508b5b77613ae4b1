"""An HTTP proxy that sends every request to one server, whatever its host: it stands for the names of a cluster."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.loopback import listening

_OF_THE_CONNECTION = ("connection", "keep-alive", "proxy-connection", "transfer-encoding")
_CHUNK = 1024 * 1024


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[tuple[str, set[str]]]:
    """The proxy's address, for the variable ``http_proxy``, and the hosts that were asked for.

    A request keeps its Host header.
    """
    hosts: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hosts.add(self.headers["Host"])
            target = urlsplit(self.path)
            path = target.path + (f"?{target.query}" if target.query else "")
            kept = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_CONNECTION}
            length = int(self.headers.get("Content-Length") or 0)
            server = http.client.HTTPConnection(host, port)
            try:
                server.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
                for name, value in kept.items():
                    server.putheader(name, value)
                server.endheaders()
                while length:
                    part = self.rfile.read(min(length, _CHUNK))
                    length -= len(part)
                    server.send(part)
                self._pass_on(server.getresponse())
            finally:
                server.close()

        do_POST = do_GET  # noqa: N815
        do_PUT = do_GET  # noqa: N815
        do_PATCH = do_GET  # noqa: N815
        do_DELETE = do_GET  # noqa: N815

        def _pass_on(self, answer: http.client.HTTPResponse) -> None:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in (*_OF_THE_CONNECTION, "date", "server"):
                    self.send_header(name, value)
            # Without a length of its own the end of the connection ends the answer.
            if answer.getheader("Content-Length") is None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            while part := answer.read(_CHUNK):
                self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with listening(Handler) as address:
        yield address, hosts
