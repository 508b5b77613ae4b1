"""A process that sends what waits: ``python -m tests.outbox_process DATABASE URL``, until it is killed."""

from __future__ import annotations

import sys
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


if __name__ == "__main__":
    outbox(sys.argv[2]).run(Path(sys.argv[1]))
    threading.Event().wait()
