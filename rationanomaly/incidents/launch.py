"""Serve the pages of a stream by themselves: `rationanomaly incidents --page`."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import RedirectResponse

from rationanomaly.errors import InputError
from rationanomaly.incidents.pages import build_pages
from rationanomaly.incidents.rendering import PREFIX
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.review.access import Access
from rationanomaly.review.connections import build_server
from rationanomaly.review.desk import Member
from rationanomaly.review.host_names import HostCheck, host_names, named
from rationanomaly.review.listening import address_of, is_loopback, listen

_log = logging.getLogger(__name__)


def build_app(
    database: Path, ledger: Path | None, access: Access, hosts: Collection[str], settings: IncidentParams | None = None
) -> FastAPI:
    """An application with nothing but the pages.

    Args:
        database, ledger, access, settings: see `pages.build_pages`.
        hosts: the host names under which it may be reached, see `host_names`; others are refused.
    """
    app = FastAPI(title="RationAnomaly incidents", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(HostCheck, names=hosts)
    app.include_router(build_pages(database, ledger, access, settings))

    @app.get("/")
    def start() -> RedirectResponse:
        return RedirectResponse(PREFIX, 303)

    return app


def serve_pages(
    database: Path,
    ledger: Path | None,
    members: Sequence[Member],
    settings: IncidentParams,
    host: str = "127.0.0.1",
    port: int = 8766,
    open_to_all: bool = False,
    names: Sequence[str] = (),
) -> None:
    """Serve the pages until Ctrl-C; logs one link for each member.

    Args:
        database, ledger, settings: see `pages.build_pages`.
        members: who operates; each gets a link that works once.
        host: an address of this machine; anything but loopback is reachable for others, unencrypted.
        port: 0 takes a free one.
        open_to_all: no links; whoever reaches the pages gives a name.
        names: further host names under which they are reached.

    Raises:
        InputError: nobody could enter.
        ParamsError: the address or the port is none.
        InfrastructureError: the port is taken.
    """
    if not members and not open_to_all:
        raise InputError("nobody is named who may look", hint="Name people with --reviewer NAME")
    with listen(host, port) as listener:
        known = host_names(host, names)
        address = address_of(named(host, names), listener.getsockname()[1])
        if not is_loopback(host):
            _log.warning("the pages are reachable from other machines, and nothing on them is encrypted")
        access = Access(members, open_to_all)
        for member, link in access.entrances(f"{address}{PREFIX}"):
            _log.warning("%s: %s", member.name, link)
        if open_to_all:
            _log.warning("open to everybody: http://%s%s", address, PREFIX)
        app = build_app(database, ledger, access, known, settings)
        build_server(app).run(sockets=[listener])
