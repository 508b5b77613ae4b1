"""Coming in, the same for every page of ours: by a one-time link, or by name where everybody may."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from rationanomaly.review.access import NO_NAME, Access
from rationanomaly.review.guarding import Fields, form_fields

_SESSION_SECONDS = 7 * 24 * 3600
_FORM = Depends(form_fields)


def add_entrance(
    routes: FastAPI | APIRouter, access: Access, cookie: str, home: str, door: Callable[[str], Response]
) -> None:
    """Add the routes ``enter``.

    Args:
        routes: of the pages.
        access: who may come in.
        cookie: the name of the cookie that holds a session.
        home: path of the first page; the cookie is sent to what lies below it.
        door: the page for somebody who isn't in, with a problem that it shows, which may be empty.
    """

    def enter(session: str) -> Response:
        response = RedirectResponse(home, 303)
        response.set_cookie(cookie, session, max_age=_SESSION_SECONDS, httponly=True, samesite="strict", path=home)
        return response

    @routes.get("/enter")
    def by_link(request: Request, once: str = "") -> Response:
        session = access.spend(once)
        if session is not None:
            return enter(session)
        if access.member(request.cookies.get(cookie)) is not None:
            return RedirectResponse(home, 303)
        return door("This link was used before." if once else "")

    @routes.post("/enter")
    def by_name(fields: Fields = _FORM) -> Response:
        session = access.enter(fields.get("name", ""))
        return enter(session) if session else door(NO_NAME if access.open_desk else "")
