"""A double of Elasticsearch's search API, strict about what a request holds, over documents in memory.

After https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-search.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Index:
    """What the server holds and does.

    Attributes:
        documents: id → time in milliseconds, and the document.
        failures: status codes with which the next requests are answered; 0: the connection breaks off.
        key: the API key that is asked for; None: none.
        searches: the bodies that came.
    """

    documents: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    key: str | None = None
    searches: list[dict[str, Any]] = field(default_factory=list)

    def search(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        assert set(body) == {"size", "query", "sort", "track_total_hits"}, body
        (sort,) = body["sort"]
        assert sort == {"@timestamp": {"order": "asc", "format": "epoch_millis"}}
        clauses = body["query"]["bool"]
        assert set(clauses) == {"filter", "must_not"}
        (times,) = (one["range"]["@timestamp"] for one in clauses["filter"])
        assert times["format"] == "epoch_millis||strict_date_optional_time"
        excluded = {one for clause in clauses["must_not"] for one in clause["ids"]["values"]}
        found: list[dict[str, Any]] = [
            {"_index": "logs", "_id": key, "_score": None, "_source": source, "sort": [str(time)]}
            for key, (time, source) in self.documents.items()
            if int(times["gte"]) <= time <= times["lte"] and key not in excluded
        ]
        return sorted(found, key=lambda hit: int(hit["sort"][0]))[: body["size"]]


@contextmanager
def serving(index: Index) -> Iterator[str]:
    """The address at which the index answers as `logs`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            index.searches.append(body)
            if index.failures:
                return self._fail(index.failures.pop(0))
            if index.key is not None and self.headers.get("Authorization") != f"ApiKey {index.key}":
                return self._fail(401)
            if urlsplit(self.path).path != "/logs/_search":
                return self._fail(404)
            self._answer(200, {"took": 1, "timed_out": False, "hits": {"hits": index.search(body)}})

        def _fail(self, status: int) -> None:
            if status:
                self._answer(status, {"error": {"type": "made_up"}, "status": status})
            else:
                self.close_connection = True

        def _answer(self, status: int, document: dict[str, Any]) -> None:
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
