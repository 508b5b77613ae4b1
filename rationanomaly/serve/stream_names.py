"""Names of the streams that clients make: inert, bounded in length and number."""

from __future__ import annotations

from collections.abc import Iterable

from rationanomaly.serve.problems import Problem

_LONGEST = 100
_KEPT = frozenset("._-/:@+ ")


class StreamNames:
    """Knows the streams of clients.

    Args:
        known: streams that there are already.
        limit: at most so many of clients.
    """

    def __init__(self, known: Iterable[str], limit: int) -> None:
        self._known = {name for name in known if name.startswith(("http/", "otlp/"))}
        self._limit = limit

    def of_client(self, name: str) -> str:
        """The stream that a client names.

        Raises:
            Problem: 400, there are too many.
        """
        stream = f"http/{_inert(name)}"
        if not self._admits(stream):
            raise Problem(400, "too_many_streams", "There are too many streams already. Use the name of one of them.")
        return stream

    def of_service(self, name: str) -> str:
        """The stream of a service's records; when there are too many, all others share one."""
        stream = f"otlp/{_inert(name)}"
        return stream if self._admits(stream) else "otlp/other"

    def _admits(self, stream: str) -> bool:
        if stream not in self._known and len(self._known) < self._limit:
            self._known.add(stream)
        return stream in self._known


def _inert(name: str) -> str:
    """Letters, digits and a few signs of a name: it stands in pages, terminals and messages."""
    kept = "".join(letter if letter.isalnum() or letter in _KEPT else "_" for letter in name[:_LONGEST])
    return kept.strip() or "unnamed"
