"""Pauses between attempts to reach a server."""

from __future__ import annotations

import random

#: Seconds that a server may ask us to wait.
_LONGEST_ASKED = 3600.0


class Pauses:
    """Pauses that double with each attempt, with jitter, so that many clients don't come back at once.

    Args:
        first: seconds of the first one.
        longest: seconds.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = min(first, longest), longest
        self._attempts = 0

    def next(self, asked: float | None = None) -> float:
        """Seconds to wait now.

        Args:
            asked: seconds that the server wants (Retry-After); it gets them, up to an hour.
        """
        # Beyond 2 ** 30 every pause is the longest.
        pause = min(self._longest, self._first * 2.0 ** min(self._attempts, 30))
        self._attempts += 1
        jittered = pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return max(jittered, min(asked or 0.0, _LONGEST_ASKED))

    def reset(self) -> None:
        """An attempt has succeeded: the next pause is the first one again."""
        self._attempts = 0
