"""What a request is answered that can't be served: a status, a code for programs, a sentence for people."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastapi import Response

from rationanomaly.errors import one_line

#: Path of OTLP, whose errors have a form of their own.
OTLP_PATH = "/v1/logs"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
#: Codes of gRPC (google.rpc.Code) for OTLP's answers, by status.
_GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 408: 4, 409: 10, 413: 8, 415: 3, 422: 3, 429: 8, 503: 14}
_INTERNAL = 13
_LONGEST = 500
#: Statuses behind which a part of the body may be left unread: what the client sends next would be taken for that.
_UNREAD = frozenset({408, 413})


class Problem(Exception):  # noqa: N818 - an answer to a request, not a fault of the program
    """An answer that is no success.

    Args:
        status: of HTTP.
        code: a word for programs, such as ``body_too_large``.
        message: what is wrong and what to do; quotes nothing of the request.
        retry_after: seconds after which it may succeed; None: it won't.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, one_line(message)[:_LONGEST], retry_after

    def response(self, path: str, content_type: str) -> Response:
        """The answer in the form of the path.

        Args:
            path: that was asked for.
            content_type: of the request, in which OTLP wants its answer.
        """
        headers = self.headers()
        if path == OTLP_PATH:
            return _otlp(self.status, self.message, content_type, headers)
        body = {"error": {"code": self.code, "message": self.message}}
        return Response(json.dumps(body), self.status, headers, JSON)

    def headers(self) -> dict[str, str]:
        """``Retry-After`` where it helps, how to prove who one is, and whether the connection is of no more use."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        headers |= {"Connection": "close"} if self.status in _UNREAD else {}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


def _otlp(status: int, message: str, content_type: str, headers: Mapping[str, str]) -> Response:
    """A google.rpc.Status: code (1, int32), message (2, string)."""
    code = _GRPC.get(status, _INTERNAL)
    if content_type == JSON:
        return Response(json.dumps({"code": code, "message": message}), status, headers, JSON)
    text = message.encode("utf-8", "replace")
    encoded = bytes([1 << 3, code]) + bytes([2 << 3 | 2]) + _varint(len(text)) + text
    return Response(encoded, status, headers, PROTOBUF)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes([*encoded, value])
