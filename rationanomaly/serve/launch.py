"""Start the service: `rationanomaly serve`."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rationanomaly.errors import ParamsError
from rationanomaly.incidents.pages import build_pages
from rationanomaly.incidents.rendering import PREFIX
from rationanomaly.params import Params, VerdictKind
from rationanomaly.review.access import Access
from rationanomaly.review.connections import PAGE_CONNECTIONS, build_server
from rationanomaly.review.desk import Member
from rationanomaly.review.host_names import host_names, named
from rationanomaly.review.listening import address_of, is_loopback, listen
from rationanomaly.serve.app import build_app
from rationanomaly.serve.intake import Intake
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.metrics import Meter
from rationanomaly.serve.service import Service
from rationanomaly.serve.source_feed import SourceFeed
from rationanomaly.serve.stream_names import StreamNames
from rationanomaly.serve.swapping import ModelSwitch
from rationanomaly.sinks.outbox import Outbox
from rationanomaly.sources.chunk import LineSource
from rationanomaly.sources.kinds import open_sources
from rationanomaly.stream.engine import Engine

if TYPE_CHECKING:
    from uvicorn import Server

_log = logging.getLogger(__name__)
#: Seconds that a connection is kept after an answer: clients send again and again.
_KEEP_ALIVE = 30


def serve(
    model: str,
    state: Path,
    params: Params,
    *,
    ledger: Path | None = None,
    verdict: VerdictKind | None = None,
    members: Sequence[Member] = (),
    host: str = "127.0.0.1",
    port: int = 8126,
) -> None:
    """Serve until SIGTERM or Ctrl-C; then requests that have begun are answered, and their lines stored.

    Args:
        model: folder of a model, or an address in the registry; an alias is followed.
        state: folder of the stream.
        params: all sections.
        ledger: decisions that hold at once, and that the pages append to.
        verdict: reasoned or direct; None: as the model's card says.
        members: who may open the pages of incidents; each gets a link that works once, in the log.
        host: an address of this machine.
        port: 0 takes a free one.

    Raises:
        ParamsError: keys are missing, or not what they should be; the address or the port is none.
        InfrastructureError: the port is taken, or another process uses the state folder.
    """
    settings = params.watch.serve
    keys = Keys.read(settings.keys)
    if not keys.needed and not is_loopback(host):
        hint = "Set watch.serve.keys to the NAME of an environment variable with API keys, or listen on 127.0.0.1"
        raise ParamsError(f"whoever reaches {host} could use the service without a key", hint=hint)
    with ExitStack() as stack:
        # Before the model is loaded, which takes seconds: a port that is taken is known at once.
        listener = stack.enter_context(listen(host, port))
        source = open_sources(params.watch.sources, params.parse.max_line_bytes)
        known = host_names(host, settings.hosts)
        address = address_of(named(host, settings.hosts), listener.getsockname()[1])
        engine = Engine.open(model, state, params, ledger=ledger, verdict=verdict)
        stack.callback(engine.close)
        service = stack.enter_context(running(engine, params, keys, model, source))
        access = Access(members)
        pages = build_pages(engine.database, ledger, access, params.watch.incidents) if members else None
        app = build_app(service, known, pages)
        server = build_server(app, per_client=settings.max_requests + PAGE_CONNECTIONS, keep_alive=_KEEP_ALIVE)
        stack.enter_context(_ending_by_signal(server))
        for member, link in access.entrances(f"{address}{PREFIX}"):
            _log.warning("%s: %s", member.name, link)
        _log.warning("model %s answers at http://%s/; the interface is described at /docs", engine.version, address)
        server.run(sockets=[listener])
        service.closing = True


@contextmanager
def running(
    engine: Engine, params: Params, keys: Keys, model: str, source: LineSource | None = None
) -> Iterator[Service]:
    """The parts of a service with their threads, which end with the block, after what waits is stored.

    Args:
        engine: of the stream; is left open.
        params: all sections.
        keys: who may do what.
        model: as the engine was opened with.
        source: is read beside what clients send; None: nothing is.
    """
    settings = params.watch.serve
    service: Service | None = None
    meter = Meter(engine, lambda: service is not None and service.problem() is None)
    intake = Intake(engine, meter, params.watch.stream.commit_seconds, settings.max_body_bytes)
    switch = ModelSwitch(engine, meter, model, settings.registry_seconds)
    names = StreamNames(engine.positions(), settings.max_streams)
    service = Service(engine, intake, switch, meter, names, keys, settings, params.parse)
    with ExitStack() as stack:
        if params.watch.sinks.to:
            outbox = Outbox(params.watch.sinks)
            meter.watch_sinks(outbox.counters)
            outbox.run(engine.database)
            stack.callback(outbox.stop)
        intake.start()
        stack.callback(intake.close)
        if source is not None:
            feed = SourceFeed(source, intake, engine.positions, params.watch.stream.commit_seconds)
            meter.watch_sources(lambda: feed.reads)
            feed.start()
            stack.callback(feed.close)
        switch.start()
        stack.callback(switch.close)
        yield service
        service.closing = True


@contextmanager
def _ending_by_signal(server: Server) -> Iterator[None]:
    """Let signals end the server alone, one before it listens to them too.

    It raises them again behind itself, when lines still wait to be stored.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
