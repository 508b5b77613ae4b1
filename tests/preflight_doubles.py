"""Servers that a preflight asks, and the faults planted in them: the hub, MLflow and a teacher on one port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from typing import Any

from rationanomaly.preflight.base_model import PACKAGED
from tests.loopback import listening

#: What the hub says of a small model.
CONFIG = {
    "hidden_size": PACKAGED.hidden, "num_attention_heads": PACKAGED.heads, "num_hidden_layers": PACKAGED.layers,
    "num_key_value_heads": PACKAGED.key_heads, "intermediate_size": PACKAGED.intermediate, "dtype": "float32",
    "vocab_size": PACKAGED.vocabulary, "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip


@dataclass
class Servers:
    """What the three answer.

    Attributes:
        address: of all.
        answers: path, up to a question mark → (status, body, headers); over what is said where all is well.
        asked: method and path of each question, and its Authorization.
        silent: paths that are never answered while the block lasts.
    """

    address: str = ""
    answers: dict[str, tuple[int, object, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)


def _well(path: str) -> tuple[int, object, dict[str, str]]:
    if path.endswith("config.json"):
        return 200, CONFIG, {}
    if path == "/v1/models":
        return 200, {"data": [{"id": "teacher"}]}, {}
    if path.endswith("get-by-name"):
        return 200, {"experiment": {"experiment_id": "7", "lifecycle_stage": "active"}}, {}
    if path.endswith("create"):
        return 200, {"experiment_id": "8"}, {}
    if path == "/version":
        return 200, version("mlflow").encode(), {}
    return 200, {}, {}


@contextmanager
def servers() -> Iterator[Servers]:
    """The three on loopback; silent ones are let go when the block ends."""
    known, over = Servers(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            path = self.path.partition("?")[0]
            known.asked.append((self.command, path, self.headers.get("Authorization", "")))
            if path in known.silent:
                over.wait()
                return
            status, document, headers = known.answers.get(path) or _well(path)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - names of the library

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with listening(Handler) as address:
        known.address = address
        try:
            yield known
        finally:
            over.set()
