"""Start the review page: `rationanomaly review`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from rationanomaly import artifacts, records
from rationanomaly.errors import InputError
from rationanomaly.review.access import Access
from rationanomaly.review.app import build_app
from rationanomaly.review.context import TemplateContext
from rationanomaly.review.desk import Desk, Member
from rationanomaly.review.listening import is_loopback, listen
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
) -> None:
    """Serve the page until Ctrl-C; logs one link for each member.

    Args:
        desk: of `open_desk`.
        context: of `open_desk`.
        members: who reviews; each gets a link that works once.
        host: an address of this machine; anything but loopback is reachable for others, unencrypted.
        port: 0 takes a free one.
        open_to_all: no links; whoever reaches the page gives a name.

    Raises:
        InputError: nobody could enter.
        InfrastructureError: the port is taken.
    """
    import uvicorn

    if not members and not open_to_all:
        raise InputError("nobody is named who reviews", hint="Name reviewers with --reviewer NAME")
    listener = listen(host, port)
    address = f"{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    if not is_loopback(host):
        _log.warning("the review page is reachable from other machines, and nothing on it is encrypted")
    access = Access(members, open_to_all)
    for token, member in access.links.items():
        _log.warning("%s (%s): http://%s/enter?token=%s", member.name, _role(member), address, token)
    if open_to_all:
        _log.warning("open to everybody who reaches it: http://%s/", address)
    hosts = ["*"] if host in ("0.0.0.0", "::") else ["127.0.0.1", "localhost", host]  # noqa: S104
    app = build_app(desk, context, access, hosts)
    # Neither web sockets nor start-up hooks are used; leaving them out spares their imports.
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    server.run(sockets=[listener])


def _role(member: Member) -> str:
    return "senior" if member.senior else "reviewer"


def _queued(folder: Path) -> set[str]:
    artifacts.read(folder, only=[records.REVIEW_QUEUE])
    return {str(row["template_id"]) for _, row in records.read_objects(folder / records.REVIEW_QUEUE)}
