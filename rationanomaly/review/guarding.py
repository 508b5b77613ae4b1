"""What keeps pages safe wherever they are mounted: headers, forms from this site only, bounded bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse

from rationanomaly.errors import RationAnomalyError, one_line
from rationanomaly.text.untrusted import for_html

#: Nothing from elsewhere, nothing inline, no framing: log text that slipped through could still not run.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_FORM_BYTES = 64 * 1024
_FORM_FIELDS = 20
#: Seconds that a form may take to come.
_FORM_SECONDS = 30.0
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Fields = dict[str, str]


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
            add_headers(response)
            return response

        return guarded


def add_headers(response: Response) -> None:
    """Headers of every answer: nothing from elsewhere, no framing, no cache unless the route says so."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not `no-referrer`: with it the browser leaves our own forms without an Origin.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")


async def form_fields(request: Request) -> Fields:
    """The fields of a form that a page sent."""
    body = b""
    try:
        async with asyncio.timeout(_FORM_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _FORM_BYTES:
                    raise HTTPException(413, "Too long.")
    except TimeoutError:
        raise HTTPException(408, "The form took too long to come.", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "The form was cut off.") from None
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FORM_FIELDS)
    except ValueError as error:
        raise HTTPException(400, "Too many fields.") from error
    return dict(pairs)


def is_other_site(origin: str | None, host: str | None) -> bool:
    """Whether a request comes from a page of another site: headers ``Origin`` and ``Host``."""
    if origin is None:
        return False
    try:
        return not host or urlsplit(origin).netloc != host
    except ValueError:
        return True


def failed(error: Exception) -> Response:
    """What is answered where a file, a disk or a database fails: one line, which htmx puts on the page as HTML."""
    return HTMLResponse(f'<p class="message" role="alert">{for_html(one_line(str(error)))}</p>', 503)


async def _answer(handle: Handler, request: Request) -> Response:
    if request.method == "POST" and is_other_site(request.headers.get("Origin"), request.headers.get("Host")):
        return Response("This came from another site.", 403)
    try:
        return await handle(request)
    except ShownInstead as instead:
        return instead.response
    except HTTPException as error:
        return Response(str(error.detail), error.status_code, error.headers)
    except (RationAnomalyError, OSError) as error:
        return failed(error)
    except RequestValidationError:
        return Response("This address is not one of ours.", 422)
