"""What the routes of the service share."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from rationanomaly.errors import ArtifactError, InfrastructureError, InputError, ParamsError, RationAnomalyError
from rationanomaly.params import ParseParams
from rationanomaly.params.watch import ServeParams
from rationanomaly.parse import formats
from rationanomaly.parse.record_reader import AUTO
from rationanomaly.serve.asking import Asking
from rationanomaly.serve.body import read_body
from rationanomaly.serve.intake import Intake, Share
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.metrics import Meter
from rationanomaly.serve.problems import JSON, Problem
from rationanomaly.serve.stream_names import StreamNames
from rationanomaly.serve.swapping import ModelSwitch
from rationanomaly.stream.engine import Engine

T = TypeVar("T")
Message = TypeVar("Message", bound=BaseModel)
#: After which a request may be sent again. OpenTelemetry's exporters drop what they can't send within 10 seconds.
RETRY_SECONDS = 2
#: Threads for questions to the engine, which wait while lines are taken, and for work that waits for nobody.
_QUICK, _WORKING = 8, 2
#: Bytes of a message that is read faster than a thread is asked.
_SMALL = 32_768


@dataclass
class Service:
    """The parts of a running service.

    Attributes:
        engine: the stream.
        intake: feeds it.
        switch: changes its model.
        meter: counts.
        names: the streams of clients.
        keys: who may do what.
        settings: the params section ``watch.serve``.
        parse: the params section ``parse``, which knows the names of formats.
        closing: whether we are being stopped.
        asking: puts questions for verdicts.
    """

    engine: Engine
    intake: Intake
    switch: ModelSwitch
    meter: Meter
    names: StreamNames
    keys: Keys
    settings: ServeParams
    parse: ParseParams
    closing: bool = False
    asking: Asking = field(init=False)
    _quick: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_QUICK))
    _working: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_WORKING))

    def __post_init__(self) -> None:
        self.asking = Asking(self.engine, self.settings.max_waiting_requests)

    def check_format(self, name: str) -> None:
        """Refuse a format before lines are taken by it: one that is unknown would fail a whole batch.

        Raises:
            Problem: 400, there is none of this name.
        """
        if name == AUTO:
            return
        try:
            formats.find(name, self.parse)
        except RationAnomalyError:
            raise Problem(400, "unknown_format", "There is no log format of this name.") from None

    def problem(self) -> str | None:
        """Why no requests are taken; None if they are."""
        if self.closing:
            return "the service is being stopped"
        return self.intake.problem if self.intake.alive else "lines are not read"

    async def quickly(self, call: Callable[..., T], *arguments: Any) -> T:
        """Ask the engine or its database for something that does not take long, in a thread."""
        return await to_thread.run_sync(lambda: call(*arguments), limiter=self._quick)

    async def work(self, size: int, call: Callable[..., T], *arguments: Any) -> T:
        """Read or write a message: a large one in a thread, so that others are served meanwhile.

        Args:
            size: of the message in bytes.
            call: what is done.
            arguments: of it.
        """
        if size < _SMALL:
            return call(*arguments)
        return await to_thread.run_sync(lambda: call(*arguments), limiter=self._working)

    async def slowly(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call something in a thread of its own that may take minutes."""
        return await to_thread.run_sync(lambda: call(*arguments), limiter=CapacityLimiter(1))

    async def read(self, request: Request, kind: type[Message]) -> Message:
        """The body of a request as a message.

        Raises:
            Problem: it is none.
        """
        if content_type(request) != JSON:
            raise Problem(415, "unknown_type", f"Content-Type must be {JSON}.")
        body = await read_body(request, self.settings)
        try:
            found = await self.work(len(body), json.loads, body)
        except (ValueError, RecursionError):
            raise Problem(400, "not_json", "The body is no JSON.") from None
        return await self.work(len(body), check, found, kind)

    async def stored(self, future: Future[Share]) -> Share:
        """Wait until lines are stored.

        Raises:
            Problem: they can't be, or it is not their turn in time; then none of them is.
        """
        waiting = asyncio.wrap_future(future)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=self.settings.answer_seconds)
            if not done and future.cancel():
                raise Problem(503, "busy", "Too many lines wait to be read. Come later.", RETRY_SECONDS)
            # What has been begun is answered: who is told otherwise would send it again.
            return await waiting
        except RationAnomalyError as error:
            raise as_problem(error) from error


def check(found: Any, kind: type[Message]) -> Message:
    """What a client sent, as a message.

    Raises:
        Problem: 422, it is none.
    """
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise Problem(422, "wrong_request", _first_fault(error)) from None


def as_problem(error: RationAnomalyError) -> Problem:
    """What a request is told of an error of ours: not which file of the server it is about."""
    text = f"{error.problem}. {error.hint}." if error.hint else f"{error.problem}."
    if isinstance(error, InputError | ParamsError):
        return Problem(400, "wrong_request", text)
    if isinstance(error, InfrastructureError):
        return Problem(503, "unavailable", text, RETRY_SECONDS)
    return Problem(422 if isinstance(error, ArtifactError) else 500, "failed", text)


def answer(message: BaseModel) -> Response:
    """A message as JSON, in ASCII: what is unsafe in a terminal, or no text at all, stands there as an escape."""
    return Response(as_json(message.model_dump()), media_type=JSON)


def as_json(value: Any) -> str:
    """JSON in ASCII, also of numbers of NumPy, which statistics leave in evidence."""
    return json.dumps(value, default=lambda other: other.item())


def place_of(parts: Sequence[int | str]) -> str:
    """Where in a message something lies. The names of unknown fields are the client's own text: not all are shown."""
    shown = (part[:40] if part.isascii() and part.isidentifier() else "…" for part in map(str, parts))
    return ".".join(str(part) if isinstance(part, int) else one for part, one in zip(parts, shown, strict=True))


def content_type(request: Request) -> str:
    """Of the body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def now_nanos() -> int:
    """Nanoseconds since 1970."""
    return time.time_ns()


def _first_fault(error: ValidationError) -> str:
    """Where the first fault lies and what it is, without quoting what was sent."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = place_of(first["loc"]) or "the body"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {first['msg']}{more}."
