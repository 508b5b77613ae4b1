"""Questions for verdicts of many requests at once, put to the engine together: it answers one caller at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from anyio import CapacityLimiter, to_thread

from rationanomaly.detection.answered import ModelVersion
from rationanomaly.detection.verdict import Verdict
from rationanomaly.serve.problems import Problem
from rationanomaly.stream.engine import Engine

Found = tuple[ModelVersion, list[Verdict | None]]
_Together = tuple[ModelVersion, Mapping[str, Verdict | None]]
#: Templates of one question to the engine, unless one request alone has more.
_TOGETHER = 5000
#: Times that a question is put again because the model was changed meanwhile.
_ATTEMPTS = 3


class Asking:
    """Asks for verdicts. All methods are of one event loop.

    Args:
        engine: that is asked.
        max_waiting: requests that may wait for verdicts at the same time.
    """

    def __init__(self, engine: Engine, max_waiting: int) -> None:
        self._engine = engine
        self._waiting: deque[tuple[Sequence[str], asyncio.Future[Found]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._patient = CapacityLimiter(max_waiting)

    async def ask(self, templates: Sequence[str], wait_seconds: float) -> Found:
        """Verdicts in the order of the templates, with the version of the model that all of them are of.

        None where a verdict is not known, and does not come in time; where too many wait already, nobody waits.

        Raises:
            Problem: 503, the model is being changed again and again.
        """
        version, found = await self._ask_now(templates)
        if not wait_seconds or None not in found or self._patient.available_tokens < 1:
            return version, found
        late = [text for text, verdict in zip(templates, found, strict=True) if verdict is None]
        await to_thread.run_sync(lambda: self._engine.ask(late, wait_seconds), limiter=self._patient)
        return await self._ask_now(templates)

    async def _ask_now(self, templates: Sequence[str]) -> Found:
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((templates, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        limiter = CapacityLimiter(1)
        while self._waiting:
            batch = [self._waiting.popleft()]
            size = len(batch[0][0])
            while self._waiting and size + len(self._waiting[0][0]) <= _TOGETHER:
                batch.append(self._waiting.popleft())
                size += len(batch[-1][0])
            texts = list(dict.fromkeys(text for templates, _ in batch for text in templates))
            try:
                version, found = await to_thread.run_sync(self._ask_engine, texts, limiter=limiter)
            except Exception as error:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for templates, future in batch:
                # Who has gone away does not wait any more.
                if not future.done():
                    future.set_result((version, [found[text] for text in templates]))

    def _ask_engine(self, texts: Sequence[str]) -> _Together:
        for _ in range(_ATTEMPTS):
            version = self._engine.version
            found = self._engine.ask(texts, 0.0)
            if self._engine.version == version:
                return version, dict(zip(texts, found, strict=True))
        raise Problem(503, "busy", "The model is being changed. Come again.", 1)
