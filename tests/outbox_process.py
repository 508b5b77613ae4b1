"""A process that sends what waits until it is killed, forked by ``python -m tests.forked``."""

from __future__ import annotations

import threading
from pathlib import Path

from rationanomaly.params.watch import SinkParams
from rationanomaly.sinks.outbox import Outbox


def outbox(url: str) -> Outbox:
    """One sink, a webhook."""
    settings = {
        "to": {"hook": {"kind": "webhook", "url": url}}, "incident_url": None, "first_retry_seconds": 0.01,
        "retry_seconds": 0.1, "timeout_seconds": 10.0, "max_waiting": 1000,
    }  # fmt: skip
    return Outbox(SinkParams.model_validate(settings))


def main(database: str, url: str) -> None:
    """Send until the process ends."""
    outbox(url).run(Path(database))
    threading.Event().wait()
