"""Incidents as JSON to any web address, signed if it is wished."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rationanomaly.params.watch.sinks import WebhookSink
from rationanomaly.remote.credentials import from_environment, resolve
from rationanomaly.remote.http import Server
from rationanomaly.remote.signing import read_secret, signed_headers
from rationanomaly.sinks.message import Message, write_row
from rationanomaly.sinks.templates import read_texts


class Webhook:
    """Posts each message once more often than never: a receiver drops what has an Idempotency-Key that it knows.

    Raises:
        ParamsError: a variable is not set, the secret is too short, or a template is wrong.
    """

    refresh_seconds: float | None = None

    def __init__(
        self, name: str, settings: WebhookSink, seconds: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        owner = f"the sink {name}"
        self._texts = read_texts(name, settings.title, settings.text)
        self._clock = clock
        self._secret = None if settings.secret is None else read_secret(from_environment(settings.secret, owner))
        token = None if settings.token is None else from_environment(settings.token, owner)
        url = resolve(settings.url, owner)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._server = Server(owner, url, seconds, headers=headers, secrets=[token or "", url])

    def send(self, message: Message) -> None:
        """See `Sink.send`."""
        row = {
            "type": f"incident.{message.change}",
            "key": message.key,
            "title": self._texts.title(message),
            "text": self._texts.text(message),
            "link": message.link or None,
            "incident": message.row,
        }
        body = write_row(row).encode()
        headers = {"Idempotency-Key": message.key}
        if self._secret is not None:
            headers |= signed_headers(self._secret, message.key, int(self._clock()), body)
        self._server.request("POST", content=body, headers=headers)

    def repeat(self, messages: Sequence[Message]) -> None:
        """Never called."""

    def close(self) -> None:
        """See `Sink.close`."""
        self._server.close()
