"""What keeps the pages safe wherever they are mounted: headers, forms from this site only, bounded bodies."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from rationanomaly.errors import InfrastructureError

#: Nothing from elsewhere, nothing inline, no framing: log text that slipped through could still not run.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FORM_BYTES = 64 * 1024
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ShownInstead(Exception):  # noqa: N818 - an answer to a request, not a fault of the program
    """Ends a request with another answer than its route's.

    Args:
        response: the answer.
    """

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__()


class GuardedRoute(APIRoute):
    """A route whose answers have the pages' headers, errors included, and that takes no form of another site."""

    def get_route_handler(self) -> Handler:
        """The guarded handler."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            response = await _answer(handle, request)
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["X-Content-Type-Options"] = "nosniff"
            # Not `no-referrer`: with it the browser leaves our own forms without an Origin.
            response.headers["Referrer-Policy"] = "same-origin"
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return guarded


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form that a page sent."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise HTTPException(413, "Too long.")
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise HTTPException(400, "Too many fields.") from error


def _place_of(origin: str) -> str | None:
    """Host and port of an origin; None: it is none."""
    try:
        return urlsplit(origin).netloc or None
    except ValueError:
        return None


async def _answer(handle: Handler, request: Request) -> Response:
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and _place_of(origin) != request.headers.get("Host"):
        return Response("This came from another site.", 403)
    try:
        return await handle(request)
    except ShownInstead as instead:
        return instead.response
    except HTTPException as error:
        return Response(str(error.detail), error.status_code)
    except InfrastructureError as error:
        return Response(str(error), 503)
    except RequestValidationError:
        return Response("This address is not one of ours.", 422)
