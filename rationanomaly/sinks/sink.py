"""What every sink does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rationanomaly.sinks.message import Message


class Sink(Protocol):
    """Takes messages, one at a time, in one thread.

    Attributes:
        refresh_seconds: pause between two calls of `repeat`; None: it is never called.
    """

    refresh_seconds: float | None

    def send(self, message: Message) -> None:
        """Deliver a message; sent a second time after a crash, it shows the receiver that it is the same.

        Raises:
            UnreachableError: it is worth another attempt.
            RefusedError: this message will never be taken.
        """
        ...

    def repeat(self, messages: Sequence[Message]) -> None:
        """Say once more what still lasts, to a receiver that forgets."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...
