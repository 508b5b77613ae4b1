"""The pages of a stream: incidents, one incident, the live tail. A sister of the review page, with its looks and keys.

They hold no rules: `marks` says what a mark does, `reading` what is shown, the templates in html/ how it looks.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from rationanomaly.errors import InputError, RationAnomalyError, one_line
from rationanomaly.incidents.incident import Incident, IncidentState
from rationanomaly.incidents.marks import LABEL_KINDS, MARKS, Mark, mark
from rationanomaly.incidents.opening import reading, writing
from rationanomaly.incidents.reading import read_incident, read_incidents, read_tail
from rationanomaly.incidents.rendering import COOKIE, PREFIX, Pages, by_htmx, first_alerts, key_of
from rationanomaly.incidents.tail import TAIL_SHOWS, TailShow
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Member
from rationanomaly.review.entering import add_entrance
from rationanomaly.review.guarding import Fields, GuardedRoute, form_fields
from rationanomaly.signals.alert import Alert

_STATES: tuple[IncidentState, ...] = ("open", "muted", "resolved")
_OWN, _REVIEW = Path(__file__).parent / "static", Path(__file__).parent.parent / "review" / "static"
_STATIC = {
    **{name: _REVIEW / name for name in ("review.css", "review.js", "htmx.min.js", "icon.svg")},
    **{name: _OWN / name for name in ("incidents.css", "incidents.js")},
}
_LISTED, _TAIL = 200, 200
_SEARCHED = 200
_DATE, _DATED = "%Y-%m-%dT%H:%M", 40
_FORM = Depends(form_fields)


def build_pages(
    database: Path, ledger: Path | None, access: Access, settings: IncidentParams | None = None
) -> APIRouter:
    """The routes, all below ``/incidents``; of their application they need a check of host names alone.

    Args:
        database: the SQLite file of the stream; it may come later.
        ledger: where right and wrong are appended; None: nobody can decide on labels here.
        access: who may come in; its links are ``/incidents/enter?once=…``.
        settings: section `watch.incidents`; None: the packaged values.
    """
    settings = load_params(Path(DEFAULTS_NAME), ()).watch.incidents if settings is None else settings
    router = APIRouter(prefix=PREFIX, route_class=GuardedRoute, include_in_schema=False)
    pages = Pages(database, access)
    add_entrance(router, access, COOKIE, PREFIX, pages.door)
    _add_static(router)
    _add_tail(router, pages)
    _add_list(router, pages)
    _add_incident(router, pages, ledger, settings)
    return router


def _add_static(router: APIRouter) -> None:
    """What every page loads."""

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404, "No such file.")
        return FileResponse(_STATIC[name], headers={"Cache-Control": "max-age=3600"})


def _add_tail(router: APIRouter, pages: Pages) -> None:
    """The newest lines; the page asks for what came since as long as it isn't paused."""
    someone = Depends(pages.member)

    @router.get("/tail")
    def tail(
        request: Request, q: str = "", show: str = "all", paused: str = "", after: str = "", member: Member = someone
    ) -> Response:
        wanted: TailShow = next((known for known in TAIL_SHOWS if known == show), "all")
        with reading(pages.database) as connection:
            lines = read_tail(connection, limit=_TAIL, show=wanted, text=q[:_SEARCHED])
        newest = str(lines[0].number) if lines else "0"
        if after and after == newest:
            return Response(status_code=204)
        return pages.page(
            request, "tail.html", member, lines=lines, text=q[:_SEARCHED], show=wanted, paused=bool(paused),
            newest=newest, limit=_TAIL,
        )  # fmt: skip


def _add_list(router: APIRouter, pages: Pages) -> None:
    """All incidents, what is not over first."""
    someone = Depends(pages.member)

    @router.get("")
    def incidents(request: Request, state: str = "", member: Member = someone) -> Response:
        wanted = next((known for known in _STATES if known == state), None)
        with reading(pages.database) as connection:
            found = read_incidents(connection, wanted, _LISTED)
        return pages.page(
            request, "list.html", member, incidents=found, state=wanted, states=_STATES, limit=_LISTED,
            there=pages.database.exists(),
        )  # fmt: skip


def _add_incident(router: APIRouter, pages: Pages, ledger: Path | None, settings: IncidentParams) -> None:
    """One incident, whether there is news of it, and marks. Last of all routes, for `/{identity}` takes any word."""
    someone = Depends(pages.member)

    def until() -> str:
        return datetime.fromtimestamp(time.time() + 3600 * settings.mute_hours, UTC).strftime(_DATE)

    @router.get("/{identity}")
    def one(request: Request, identity: str, alert: str = "1", member: Member = someone) -> Response:
        return pages.incident(request, member, identity, _number(alert), until())

    @router.get("/{identity}/news")
    def news(identity: str, version: str = "", alerts: str = "", _member: Member = someone) -> Response:
        with reading(pages.database) as connection:
            incident = read_incident(connection, identity)
        count = 0 if incident is None else sum(incident.alert_counts.values())
        if incident is None or (version, alerts) == (str(incident.version), str(count)):
            return Response(status_code=204)
        return pages.plain("news.html", incident=incident, more=count - _number(alerts))

    @router.post("/{identity}/mark")
    def say(request: Request, identity: str, fields: Fields = _FORM, member: Member = someone) -> Response:
        number = _number(fields.get("alert", ""))
        try:
            done = _mark(pages.database, ledger, settings, identity, member, fields)
        except (RationAnomalyError, OSError) as error:
            message, typed = f"NOT STORED. {one_line(str(error))}", fields.get("comment", "")
            date = fields.get("until", "")[:_DATED] or until()
            return pages.incident(request, member, identity, number, date, message, typed)
        if by_htmx(request):
            return pages.incident(request, member, identity, number, until(), done)
        # A reload of what a plain form leads to stores nothing again.
        return RedirectResponse(f"{PREFIX}/{identity}?alert={number}", 303)


def _mark(
    database: Path, ledger: Path | None, settings: IncidentParams, identity: str, member: Member, fields: Fields
) -> str:
    """Store what a form says; what was done, in words."""
    choice, _, whole = fields.get("choice", "").partition("/")
    said: Mark | None = next((known for known in MARKS if known == choice), None)
    if said is None:
        raise InputError("that is no mark", hint="Use the buttons of the page")
    ends = _read_date(fields.get("until", "")) if said == "muted" else time.time() + 86400 * settings.wrong_days
    with writing(database) as connection:
        alert = _alert(read_incident(connection, identity), fields.get("key", ""))
        subject, kind = (None, None) if whole else (alert.subject, alert.kind)
        mark(
            connection, ledger, identity, subject, said, member.name, ends, fields.get("comment", ""), kind=kind,
            round_="senior" if member.senior else "independent",
        )  # fmt: skip
    return _done(said, alert, bool(whole), ends)


def _done(said: Mark, alert: Alert, whole: bool, ends: float) -> str:
    date = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if said == "muted":
        return f"{'The incident' if whole else 'The alert'} is muted until {date}."
    if alert.kind in LABEL_KINDS and alert.template:
        label = "abnormal" if said == "right" else "normal"
        return f"Stored in the ledger: the template is {label}. It holds from the next line on."
    return "Noted as right." if said == "right" else f"Noted as wrong: held back until {date}."


def _alert(incident: Incident | None, key: str) -> Alert:
    found = [] if incident is None else [alert for alert in first_alerts(incident) if key_of(alert) == key]
    if not found:
        raise InputError("there is no such alert", hint="Open the incident again")
    return found[0]


def _read_date(text: str) -> float:
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise InputError("the date can't be read", hint="Write it like 2026-03-09T08:00") from error


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1
