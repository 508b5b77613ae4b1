"""Any OpenAI-compatible chat endpoint as a teacher: OpenAI, Azure, vLLM, Ollama, ``transformers serve``.

    export OPENAI_API_KEY=…
    rationanomaly distill --set distill.teacher=openai --set distill.endpoint.model=gpt-4o

What is asked once is in the journal and is never asked again. Before a request is sent, its worst case must fit into
the budget; it is counted as the server says afterwards, or at its worst case where the server does not say.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from rationanomaly import progress
from rationanomaly.distill.budget import Budget, worst_case
from rationanomaly.distill.journal import Journal, digest
from rationanomaly.distill.pace import Clock, Pace, Sleep
from rationanomaly.distill.requests import Request, answer_of
from rationanomaly.distill.teacher_prompt import TeacherPrompt, load_teacher_prompt
from rationanomaly.distill.teachers import Answer, Bill, Question, Teacher
from rationanomaly.distill.wire import Reply, Wire
from rationanomaly.errors import InfrastructureError
from rationanomaly.params import DistillParams, Params
from rationanomaly.steps import Inputs
from rationanomaly.text.secrets import Secrets

log = logging.getLogger(__name__)


def campaign_of(params: Params, prompt: TeacherPrompt) -> str:
    """Digest of what changes the answers: endpoint, model, settings, prompt. Limits, prices and keys do not."""
    settings, endpoint = params.distill, params.distill.endpoint
    return digest("openai", endpoint.url, endpoint.model, settings.output_tokens, settings.temperature, prompt.digest)


@contextmanager
def open_endpoint(params: Params, _: Inputs, state: Path) -> Iterator[Teacher]:
    """The endpoint that params name, with the journal in the state folder."""
    prompt, secrets = load_teacher_prompt(params), Secrets()
    with secrets.kept_out_of_logs(), Journal(state, campaign_of(params, prompt), secrets) as journal:
        yield EndpointTeacher(params.distill, prompt, journal, secrets)


class EndpointTeacher:
    """Asks an endpoint: several calls in flight, within rate limits, time limits and a budget.

    Args:
        settings: the params section.
        prompt: writes the messages.
        journal: open; holds what was asked before.
        secrets: learns the key, so that it can be struck from what is written.
        clock: seconds; for tests.
        sleep: waits so many seconds; for tests.
    """

    def __init__(
        self,
        settings: DistillParams,
        prompt: TeacherPrompt,
        journal: Journal,
        secrets: Secrets,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        endpoint = settings.endpoint
        self.name = f"openai:{endpoint.model}"
        self.prompt_version = prompt.version
        self._settings, self._endpoint, self._prompt = settings, endpoint, prompt
        self._journal, self._secrets, self._clock, self._sleep = journal, secrets, clock, sleep
        self._budget = Budget(settings.budget)
        self._pace = Pace(endpoint.requests_per_minute, endpoint.tokens_per_minute, clock, sleep)
        self._deadline = clock() + endpoint.total_seconds
        self._jitter = random.Random(0)  # noqa: S311 - spreads retries, guards nothing
        self._in_flight = self._failed_in_a_row = self._parts = 0

    @property
    def bill(self) -> Bill:
        """See `Teacher`."""
        return Bill(self._journal.calls, self._journal.spent, self._spent())

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """See `Teacher`. Opens no connection, and needs no key, if the journal knows all the answers.

        Raises:
            InfrastructureError: the endpoint refuses for good (key, model, credit), or has stopped answering.
            ParamsError: an environment variable that params name is not set.
        """
        requests = [Request.of(question, self._prompt, self._journal.campaign) for question in questions]
        found = [answer_of(self._journal.answer(request.key)) for request in requests]
        missing = [number for number, answer in enumerate(found) if answer is None]
        if missing:
            fresh = asyncio.run(self._ask_all([requests[number] for number in missing]))
            for number, answer in zip(missing, fresh, strict=True):
                found[number] = answer
        return [answer for answer in found if answer is not None]

    async def _ask_all(self, requests: Sequence[Request]) -> list[Answer]:
        """Ask by as many workers as calls may be in flight."""
        self._settled = asyncio.Condition()
        self._parts += 1
        answers: dict[int, Answer] = {}
        queue = iter(enumerate(requests))
        failed: BaseException | None = None
        async with Wire(self._settings, self._secrets) as wire:
            try:
                async with asyncio.TaskGroup() as workers:
                    for _ in range(min(self._endpoint.concurrency, len(requests))):
                        workers.create_task(self._work(wire, queue, answers, len(requests)))
            except* InfrastructureError as errors:
                failed = errors.exceptions[0]
                while isinstance(failed, BaseExceptionGroup):
                    failed = failed.exceptions[0]
        # Not in the block: before Python 3.11.4 what is raised there comes in a group.
        if failed is not None:
            raise failed
        return [answers[number] for number in range(len(requests))]

    async def _work(
        self, wire: Wire, queue: Iterator[tuple[int, Request]], answers: dict[int, Answer], total: int
    ) -> None:
        for number, request in queue:
            answers[number] = await self._ask(wire, request)
            part = f", part {self._parts}" if self._parts > 1 else ""
            progress.report(f"asking {self.name}{part}", len(answers), total, "questions", {"spent": self._spent()})

    async def _ask(self, wire: Wire, request: Request) -> Answer:
        """Send until there is an answer, or until another try is of no use."""
        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=self._must_stop,
            wait=self._wait,
            retry=retry_if_result(lambda reply: reply.again),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        reply: Reply = await retrying(self._send, wire, request)
        if reply.answer is not None:
            self._failed_in_a_row = 0
            answer = answer_of(reply.answer)
            assert answer is not None  # noqa: S101 - there is something to make it of
            return replace(answer, fresh=True)
        if reply.outcome not in ("budget", "time"):
            self._count_failure(reply)
        return Answer("", reply.outcome, reply.detail, final=True)

    async def _send(self, wire: Wire, request: Request) -> Reply:
        """Send once, if time and budget allow, and settle what it took."""
        worst = worst_case(request.messages, self._settings.output_tokens)
        await self._pace.wait(worst.total)
        left = self._deadline - self._clock()
        if left <= 0:
            return Reply("time", f"the {self._endpoint.total_seconds:g} s of the whole step were used up")
        async with self._settled:
            while not self._budget.allows(self._journal.spent, worst):
                if not self._in_flight:
                    return Reply("budget", "its worst case did not fit into what was left of the budget")
                await self._settled.wait()
            call = self._journal.sent(request.key, request.messages, worst)
            self._in_flight += 1
        try:
            reply = await wire.send(request.messages, request.seed, min(self._endpoint.call_seconds, left))
        finally:
            self._in_flight -= 1
        used = worst if reply.used is None else reply.used
        if used.prompt > worst.prompt or used.completion > worst.completion:
            log.warning(
                "the endpoint counts %s, more than the worst case %s: no budget can be kept with it", used, worst
            )
        self._journal.settled(call, request.key, used, reply.outcome, reply.answer)
        async with self._settled:
            self._settled.notify_all()
        if reply.hint is not None:
            raise InfrastructureError(f"the teacher's endpoint refuses: {reply.detail}", hint=reply.hint)
        return reply

    def _wait(self, state: RetryCallState) -> float:
        """Seconds before the next try: what the server asks, else exponential with jitter."""
        reply = _reply(state)
        if reply.wait is not None:
            return reply.wait
        longest = min(self._endpoint.max_backoff, self._endpoint.initial_backoff * 2.0 ** (state.attempt_number - 1))
        return longest * self._jitter.uniform(0.5, 1.0)

    def _must_stop(self, state: RetryCallState) -> bool:
        """After the last attempt, or when the wait is longer than allowed or than the time that is left."""
        patience = min(self._endpoint.max_backoff, self._deadline - self._clock())
        return state.attempt_number >= self._endpoint.attempts or state.upcoming_sleep > patience

    def _count_failure(self, reply: Reply) -> None:
        self._failed_in_a_row += 1
        log.warning("no answer from %s: %s, %s", self.name, reply.outcome, reply.detail)
        if self._failed_in_a_row >= self._endpoint.give_up_after:
            problem = (
                f"the teacher left {self._failed_in_a_row} questions in a row unanswered; the last: {reply.detail}"
            )
            hint = "See to the endpoint and start again: answers that came are in the journal and cost nothing"
            raise InfrastructureError(problem, hint=hint)

    def _spent(self) -> float:
        return self._budget.price(self._journal.spent)


def _reply(state: RetryCallState) -> Reply:
    reply = state.outcome.result() if state.outcome is not None else None
    assert isinstance(reply, Reply)  # noqa: S101 - `_send` returns nothing else
    return reply
