"""Promoters in processes of their own: killed before any call of the registry, or held at one until another has passed.

One server process imports MLflow once and forks a clean child for each promoter.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Any

from rationanomaly.errors import RationAnomalyError
from rationanomaly.register import promotion, promotion_log, rivals
from rationanomaly.register.policy import Policy
from rationanomaly.runs import model_registry
from tests.forkserver import forkserver

CONTEXT = multiprocessing.get_context("forkserver")
_LOADED = ("tests.promoter", "mlflow", "mlflow.store.model_registry.sqlalchemy_store")
#: Seconds after which a process that hangs is a failure.
LONGEST = 600
PROPOSED = "await_turn"


@dataclass
class Plan:
    """What becomes of one promoter.

    Attributes:
        environment: variables, MLFLOW_TRACKING_URI among them.
        kill_before: the number of the registry call before which it is killed; None: it lives.
        meet: names of calls before which it waits for others (a barrier), each once; `PROPOSED`: it has proposed its
            version, and looks for other proposals next.
        hold: names of calls before which it says that it is there (the first event) and waits for the second, once.
        patience: seconds that it leaves others to finish what they began.
        window: seconds in which it waits for the proposals of others.
    """

    environment: Mapping[str, str]
    kill_before: int | None = None
    meet: dict[str, Any] = field(default_factory=dict)
    hold: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    patience: float = 0.0
    window: float = 0.0


class Watched:
    """A client of the registry whose calls are counted."""

    def __init__(self, client: Any, plan: Plan) -> None:
        self.client, self.plan = client, plan
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            called = " ".join([name, *(str(one) for one in arguments[1:2] if name == "set_registered_model_alias")])
            self.calls.append(called)
            if len(self.calls) == self.plan.kill_before:
                os.kill(os.getpid(), signal.SIGKILL)
            if (barrier := self.plan.meet.pop(called, None)) is not None:
                barrier.wait(LONGEST)
            if (events := self.plan.hold.pop(called, None)) is not None:
                events[0].set()
                assert events[1].wait(LONGEST)
            return method(*arguments, **named)

        return call


@dataclass(frozen=True)
class Outcome:
    """How a promoter ended: what it said, or the error, or that it was killed; the calls that it made."""

    done: Any
    error: RationAnomalyError | None
    was_killed: bool
    calls: list[str]

    @property
    def problem(self) -> str:
        return str(self.error)


class Promoter:
    """One promoter, or whoever rolls back, that has been started."""

    def __init__(self, plan: Plan, action: str, *arguments: Any) -> None:
        self.receiving, sending = CONTEXT.Pipe(duplex=False)
        given = (sending, plan, action, arguments)
        self.process: ForkServerProcess = forkserver(*_LOADED).Process(target=_act, args=given)
        self.process.start()
        sending.close()

    @classmethod
    def promote(cls, plan: Plan, address: str, policy: Policy, alias: str = "champion") -> Promoter:
        return cls(plan, "promote", address, alias, policy)

    @classmethod
    def rollback(cls, plan: Plan, address: str) -> Promoter:
        return cls(plan, "rollback", address)

    def wait(self) -> Outcome:
        try:
            assert self.receiving.poll(LONGEST), "a promoter hangs"
            done, kind, error, calls = self.receiving.recv()
        except EOFError:
            done, kind, error, calls = None, None, {}, []
        self.process.join(LONGEST)
        killed = self.process.exitcode == -signal.SIGKILL
        assert killed or self.process.exitcode == 0
        made = None if kind is None else kind(error.pop("problem"), **error)
        return Outcome(done, made, killed, calls)


def promote_each(receiving: Connection, sending: Connection, environment: Mapping[str, str], barrier: Any) -> None:
    """Promote one version after the other, for as many as come; each time others have proposed theirs before it looks.

    Args:
        receiving: address and policy of each; None: there are no more.
        sending: what it said, or the error's class and problem.
        environment: variables, MLFLOW_TRACKING_URI among them.
        barrier: for those that promote at once.
    """
    os.environ |= environment
    promotion_log._PATIENCE, promotion_log._PAUSE, rivals._WINDOW = LONGEST, 0.01, 0.0
    await_turn = rivals.await_turn

    def meet(*given: Any) -> Any:
        barrier.wait(LONGEST)
        return await_turn(*given)

    rivals.await_turn = meet  # type: ignore[assignment]
    while (asked := receiving.recv()) is not None:
        address, policy = asked
        try:
            sending.send((promotion.promote(address, "champion", policy), None, ""))
        except RationAnomalyError as error:
            sending.send((None, type(error), error.problem))


def _act(sending: Connection, plan: Plan, action: str, arguments: tuple[Any, ...]) -> None:
    os.environ |= plan.environment
    promotion_log._PATIENCE, promotion_log._PAUSE, rivals._WINDOW = plan.patience, 0.01, plan.window
    await_turn = rivals.await_turn

    def meet(*given: Any) -> Any:
        if (barrier := plan.meet.pop(PROPOSED, None)) is not None:
            barrier.wait(LONGEST)
        return await_turn(*given)

    rivals.await_turn = meet  # type: ignore[assignment]
    watched = Watched(model_registry.connect(), plan)
    model_registry.connect = lambda: watched
    try:
        done = getattr(promotion, action)(*arguments)
    except RationAnomalyError as error:
        parts = {"problem": error.problem, "file": error.file, "line": error.line, "hint": error.hint}
        sending.send((None, type(error), parts, watched.calls))
    else:
        sending.send((done, None, {}, watched.calls))
