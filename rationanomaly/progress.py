"""Progress as events: the library says how far it is, whoever listens shows it.

The command line draws bars from these events, a pod writes them as log lines, a test collects them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """How far one task is.

    Attributes:
        task: what is being done, a few words ("GRPO", "mining templates").
        done: how much of it, in ``unit``.
        total: all of it, in ``unit``; None when unknown.
        unit: "lines", "bytes", "steps", …
        metrics: the newest values worth showing beside the bar, such as ``{"loss": 0.41}``.
    """

    task: str
    done: float
    total: float | None = None
    unit: str = "steps"
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON, for a listener in another process: `report_json` makes the event of it again."""
        return json.dumps({**vars(self), "metrics": dict(self.metrics)})


Listener = Callable[[Event], None]
_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


def report(
    task: str, done: float, total: float | None = None, unit: str = "steps", metrics: Mapping[str, float] | None = None
) -> None:
    """Tell the listener, if there is one, how far ``task`` is."""
    listener = _listener.get()
    if listener is not None:
        listener(Event(task, done, total, unit, metrics or {}))


def report_json(line: str) -> None:
    """Tell the listener what another process wrote with `Event.to_json`.

    Raises:
        ValueError, TypeError: the line is not of that kind.
    """
    report(**json.loads(line))


def track(items: Iterable[T], task: str, total: int | None = None, unit: str = "steps") -> Iterator[T]:
    """Yield ``items`` and report each one as done."""
    report(task, 0, total, unit)
    for done, item in enumerate(items, start=1):
        yield item
        report(task, done, total, unit)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the events raised inside the block to ``listener``."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
