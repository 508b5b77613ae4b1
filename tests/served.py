"""A service on loopback, over real HTTP, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import httpx
import uvicorn
from fastapi import APIRouter

from rationanomaly.params import Params
from rationanomaly.review.listening import listen
from rationanomaly.serve.app import build_app
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.launch import running
from rationanomaly.serve.service import Service
from rationanomaly.stream.engine import Engine

#: Seconds that nothing here takes, even on a slow and busy machine.
LONG = 60.0


def with_serve(params: Params, **values: Any) -> Params:
    """Params whose section ``watch.serve`` has other values."""
    serve = params.watch.serve.model_copy(update=values)
    return params.model_copy(update={"watch": params.watch.model_copy(update={"serve": serve})})


@contextmanager
def serving(
    engine: Any,
    params: Params,
    keys: Keys | None = None,
    model: str = "models:/rationanomaly@champion",
    pages: APIRouter | None = None,
) -> Iterator[tuple[httpx.Client, Service]]:
    """A client of a service that runs inside the block."""
    keys = keys or Keys({}, needed=False)
    with running(cast(Engine, engine), params, keys, model) as service, listen("127.0.0.1", 0) as listener:
        app = build_app(service, ["127.0.0.1"], pages)
        # A client that a busy machine keeps from asking again for seconds finds its connection as it was.
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, ws="none", lifespan="off", backlog=512,
            timeout_keep_alive=600,
        )  # fmt: skip
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with httpx.Client(base_url=address, timeout=120, trust_env=False) as client:
                yield client, service
        finally:
            server.should_exit = True
            thread.join()


def hold_until(entered: threading.Event, service: Service) -> None:
    """Let the time that a request may take run once the engine is at work: until then a busy machine needs longer."""
    submit = service.intake.submit

    def submit_and_wait(*arguments: Any) -> Any:
        future = submit(*arguments)
        assert entered.wait(LONG)
        return future

    vars(service.intake)["submit"] = submit_and_wait


def metric(client: httpx.Client, name: str, labels: Mapping[str, str] | None = None) -> float:
    """A value of `/metrics`; 0 if there is none."""
    from prometheus_client.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and (labels or {}).items() <= sample.labels.items():
                return float(sample.value)
    return 0.0
