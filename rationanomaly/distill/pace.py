"""Rate limits: at most so many requests and tokens within any minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

_WINDOW = 60.0

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


class Pace:
    """Lets calls go as fast as the limits allow, in the order in which they ask.

    Args:
        requests: most requests within any 60 seconds.
        tokens: most tokens within any 60 seconds, by the worst case of each call; a call that is larger by
            itself goes when the window is empty.
        clock: seconds; for tests.
        sleep: waits so many seconds; for tests.
    """

    def __init__(self, requests: int, tokens: int, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._requests, self._tokens = requests, tokens
        self._clock, self._sleep = clock, sleep
        self._sent: deque[tuple[float, int]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait(self, tokens: int) -> None:
        """Return when a call of so many tokens may be sent."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # Each part of the questions is asked in a loop of its own, and a lock serves one.
            self._loop, self._turn = loop, asyncio.Lock()
        async with self._turn:
            while True:
                now = self._clock()
                while self._sent and self._sent[0][0] <= now - _WINDOW:
                    self._sent.popleft()
                in_window = sum(count for _, count in self._sent)
                if not self._sent or (len(self._sent) < self._requests and in_window + tokens <= self._tokens):
                    self._sent.append((now, tokens))
                    return
                await self._sleep(self._sent[0][0] + _WINDOW - now)
