"""Renders the pages of a stream for those who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from rationanomaly.incidents.history import read_texts
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.lanes import lanes_of
from rationanomaly.incidents.marks import LABEL_KINDS, read_marks
from rationanomaly.incidents.opening import reading
from rationanomaly.incidents.reading import read_incident, read_incidents, read_reasons
from rationanomaly.incidents.wording import KINDS, amount_in_words, count_in_words, span_in_words, time_in_words
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Member
from rationanomaly.review.guarding import ShownInstead
from rationanomaly.signals.alert import Alert
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.untrusted import for_html, for_terminal

COOKIE = "incidents"
PREFIX = "/incidents"
#: Of open incidents so many are counted beside the name of the page.
_COUNTED = 100


def by_htmx(request: Request) -> bool:
    """Whether htmx asks, and not a plain link or form: keys pressed before it is ready, a browser without scripts."""
    return request.headers.get("HX-Request") == "true"


def key_of(alert: Alert) -> str:
    """What stands for an alert's identity in a form: log text would not come back from a browser as it was."""
    return blake2b(f"{alert.kind}\0{alert.subject}".encode("utf-8", "replace"), digest_size=8).hexdigest()


def first_alerts(incident: Incident) -> list[Alert]:
    """The first alert of each identity, in the order of time."""
    found: dict[tuple[str, str], Alert] = {}
    for alert in incident.alerts:
        found.setdefault((alert.kind, alert.subject), alert)
    return list(found.values())


class Pages:
    """Renders pages for a member.

    Args:
        database: the SQLite file of the stream.
        access: who may come in.
    """

    def __init__(self, database: Path, access: Access) -> None:
        self.database, self._access = database, access
        self._environment = Environment(
            loader=PackageLoader("rationanomaly.incidents", "html"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_inert,
        )
        self._environment.filters |= {
            "inert": partial(for_html, variable=WILDCARD),
            "when": time_in_words,
            "span": span_in_words,
            "amount": amount_in_words,
            "many": count_in_words,
        }
        self._environment.globals |= {"kinds": KINDS, "prefix": PREFIX}

    def member(self, request: Request) -> Member:
        """Who asks; turns strangers away."""
        member = self._access.member(request.cookies.get(COOKIE))
        if member is None:
            raise ShownInstead(self.door())
        return member

    def door(self, problem: str = "") -> HTMLResponse:
        """The page for somebody who isn't in."""
        return self.plain("enter.html", 401, open_desk=self._access.open_desk, problem=problem)

    def plain(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page without what every page has."""
        return HTMLResponse(self._environment.get_template(name).render(**values), status)

    def page(self, request: Request, name: str, member: Member, **values: Any) -> HTMLResponse:
        """A whole page, or for htmx its inner part only."""
        whole = not by_htmx(request) or "HX-History-Restore-Request" in request.headers
        with reading(self.database) as connection:
            waiting = len(read_incidents(connection, "open", _COUNTED))
        return self.plain(name, whole=whole, member=member, waiting=waiting, counted=_COUNTED, **values)

    def incident(
        self, request: Request, member: Member, identity: str, number: int, until: str, message: str = "",
        typed: str = "",
    ) -> HTMLResponse:  # fmt: skip
        """The page of an incident with one of its alerts open.

        Args:
            request: who asks.
            member: who reads.
            identity: of the incident.
            number: of the alert, from 1; what is too low or too high is the first or the last one.
            until: the date until which one key mutes.
            message: what has just been done.
            typed: the comment of a form that could not be stored.
        """
        with reading(self.database) as connection:
            incident = read_incident(connection, identity)
            if incident is None:
                raise HTTPException(404, "No such incident. It may have been dropped: only the newest ones are kept.")
            reasons, marks = read_reasons(connection, incident.id), read_marks(connection, incident)
            texts = {name: name for name in incident.baseline} | read_texts(connection, incident.baseline)
        alerts = first_alerts(incident)
        number = min(max(number, 1), len(alerts))
        response = self.page(
            request, "incident.html", member, incident=incident, alerts=alerts, number=number, reasons=reasons,
            marks=marks, message=message, lanes=lanes_of(incident), texts=texts, label_kinds=LABEL_KINDS, until=until,
            typed=typed, key=key_of(alerts[number - 1]), places=_places(alerts),
        )  # fmt: skip
        response.headers["HX-Push-Url"] = f"{PREFIX}/{incident.id}?alert={number}"
        return response


def _places(alerts: Sequence[Alert]) -> dict[tuple[str, str], int]:
    """Numbers of alerts by kind and subject."""
    return {(alert.kind, alert.subject): number for number, alert in enumerate(alerts, start=1)}


def _inert(value: object) -> object:
    """Whatever a page says of a text without asking for more, also inside attributes."""
    return for_terminal(value, lines=True) if type(value) is str else value
