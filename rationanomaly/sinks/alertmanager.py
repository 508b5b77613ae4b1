"""Incidents as alerts of a Prometheus Alertmanager, API v2: firing while they are open, then resolved.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from rationanomaly.errors import one_line
from rationanomaly.params.watch.sinks import AlertmanagerSink
from rationanomaly.remote.credentials import from_environment, resolve
from rationanomaly.remote.http import Server
from rationanomaly.sinks.message import Message, write_row
from rationanomaly.sinks.templates import read_texts

NAME = "RationAnomalyIncident"
#: So many refreshes may fail before the server takes an open incident for resolved.
_PATIENCE = 4
#: Alerts of one request.
_BATCH = 200
_LABEL = 200


class Alertmanager:
    """Reports each incident as one alert whose labels never change, so that updates are no new alerts.

    Raises:
        ParamsError: a variable is not set, or a template is wrong.
    """

    def __init__(
        self, name: str, settings: AlertmanagerSink, seconds: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        owner = f"the sink {name}"
        self.refresh_seconds: float | None = settings.refresh_seconds
        self._lasts = settings.refresh_seconds * _PATIENCE
        self._texts = read_texts(name, settings.title or "{{ incident.title }}", settings.text)
        self._labels, self._clock = settings.labels, clock
        token = None if settings.token is None else from_environment(settings.token, owner)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = resolve(settings.url, owner)
        self._server = Server(owner, url, seconds, headers=headers, secrets=[token or ""])

    def send(self, message: Message) -> None:
        """See `Sink.send`."""
        self._post([message])

    def repeat(self, messages: Sequence[Message]) -> None:
        """See `Sink.repeat`."""
        for first in range(0, len(messages), _BATCH):
            self._post(messages[first : first + _BATCH])

    def close(self) -> None:
        """See `Sink.close`."""
        self._server.close()

    def _post(self, messages: Sequence[Message]) -> None:
        now = self._clock()
        body = write_row_list([self._alert(message, now) for message in messages])
        self._server.request("POST", "/api/v2/alerts", content=body)

    def _alert(self, message: Message, now: float) -> dict[str, Any]:
        labels = {
            **self._labels, "alertname": NAME, "incident": message.incident, "kind": message.kind, "node": message.node,
        }  # fmt: skip
        # By our clock: a replayed log is years old, and what ended then is no alert; one that begins in the future is
        # refused.
        start = min(float(message.row["opened"]), now)
        end = now if message.change == "resolved" else now + self._lasts
        alert = {
            "labels": {key: one_line(value)[:_LABEL] for key, value in labels.items() if one_line(value)},
            "annotations": {"summary": self._texts.title(message), "description": self._texts.text(message)},
            "startsAt": _timestamp(start),
            "endsAt": _timestamp(max(end, start + 0.001)),
        }
        return alert | ({"generatorURL": message.link} if message.link else {})


def write_row_list(rows: Sequence[dict[str, Any]]) -> bytes:
    """A JSON list."""
    return f"[{','.join(map(write_row, rows))}]".encode()


def _timestamp(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return "1970-01-01T00:00:00.000Z"
