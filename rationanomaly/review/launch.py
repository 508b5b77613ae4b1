"""Start the review page: `rationanomaly review`."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from rationanomaly import artifacts, records
from rationanomaly.errors import InputError
from rationanomaly.review.access import Access
from rationanomaly.review.app import build_app
from rationanomaly.review.connections import build_server
from rationanomaly.review.context import TemplateContext
from rationanomaly.review.desk import Desk, Member
from rationanomaly.review.host_names import host_names, named
from rationanomaly.review.listening import address_of, is_loopback, listen
from rationanomaly.review.order import Order

_log = logging.getLogger(__name__)


def open_desk(
    parse: Path, ledger: Path, correct: Path | None = None, model: str | None = None
) -> tuple[Desk, TemplateContext]:
    """The desk for a parsed log; it waits neither for the radar nor for an index of near-duplicates.

    Args:
        parse: the output folder of the step `parse`, or of `rationanomaly drift`.
        ledger: the ledger to append to: a file, or a folder for one file per reviewer.
        correct: an output folder of the step `correct`; the templates of its review queue come first.
        model: a deployed detector, whose disagreement with a label counts in the order.

    Raises:
        ArtifactError: one of the folders is no finished output, or somebody has edited it.
    """
    artifacts.read(parse, only=[records.TEMPLATES, records.LINES])
    templates = records.read_table(parse / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    wanted = set() if correct is None else _queued(correct)
    order = Order(templates, wanted, model)
    desk = Desk(templates, ledger, order.by_words(), order.by_suspicion)
    return desk, TemplateContext(parse, templates, desk.items)


def serve(
    desk: Desk,
    context: TemplateContext,
    members: Sequence[Member],
    host: str = "127.0.0.1",
    port: int = 8765,
    open_to_all: bool = False,
    names: Sequence[str] = (),
) -> None:
    """Serve the page until Ctrl-C; logs one link for each member.

    Args:
        desk: of `open_desk`.
        context: of `open_desk`.
        members: who reviews; each gets a link that works once.
        host: an address of this machine; anything but loopback is reachable for others, unencrypted.
        port: 0 takes a free one.
        open_to_all: no links; whoever reaches the page gives a name.
        names: further host names under which it is reached.

    Raises:
        InputError: nobody could enter.
        ParamsError: the address or the port is none.
        InfrastructureError: the port is taken.
    """
    require_members(members, open_to_all)
    with listen(host, port) as listener:
        serve_on(listener, desk, context, members, host, open_to_all, names)


def serve_on(
    listener: socket.socket,
    desk: Desk,
    context: TemplateContext,
    members: Sequence[Member],
    host: str,
    open_to_all: bool,
    names: Sequence[str],
) -> None:
    """As `serve`, on a socket that listens on the host already."""
    known = host_names(host, names)
    address = address_of(named(host, names), listener.getsockname()[1])
    if not is_loopback(host):
        _log.warning("the review page is reachable from other machines, and nothing on it is encrypted")
    access = Access(members, open_to_all)
    for member, link in access.entrances(address):
        _log.warning("%s (%s): %s", member.name, _role(member), link)
    if open_to_all:
        _log.warning("open to everybody who reaches it: http://%s/", address)
    build_server(build_app(desk, context, access, known)).run(sockets=[listener])


def require_members(members: Sequence[Member], open_to_all: bool) -> None:
    """See to it that somebody can enter.

    Raises:
        InputError: nobody could.
    """
    if not members and not open_to_all:
        raise InputError("nobody is named who reviews", hint="Name reviewers with --reviewer NAME")


def _role(member: Member) -> str:
    return "senior" if member.senior else "reviewer"


def _queued(folder: Path) -> set[str]:
    artifacts.read(folder, only=[records.REVIEW_QUEUE])
    return {str(row["template_id"]) for _, row in records.read_objects(folder / records.REVIEW_QUEUE)}
