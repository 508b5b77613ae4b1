"""SIGTERM and Ctrl-C: a training loop finishes its step and writes a checkpoint first, all else stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(KeyboardInterrupt):
    """A signal ended the program; the message says what was kept."""


class _Asked:
    """What the signal handlers have seen in this process."""

    signal: signal.Signals | None = None
    deferring = False


@contextmanager
def handle_signals() -> Iterator[None]:
    """Inside the block both signals raise `Interrupted`, so that what is half-written is removed.

    Outside the main thread Python can't take signals; there the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _take) for number in _SIGNALS}
    _Asked.signal = None
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deferred() -> Iterator[None]:
    """Inside the block the first signal is only noted, for `asked`; a second one raises."""
    _Asked.deferring = True
    try:
        yield
    finally:
        _Asked.deferring = False


def asked() -> signal.Signals | None:
    """The signal that was noted inside `deferred`."""
    return _Asked.signal


def message(step: int) -> str:
    """What a person reads after an interruption that left a checkpoint at ``step`` (0: none)."""
    kept = f"a checkpoint of step {step} was kept" if step else "there was no step to keep"
    return f"interrupted; {kept}; run the same command to continue"


def _take(number: int, _frame: FrameType | None) -> None:
    repeated = _Asked.signal is not None
    _Asked.signal = signal.Signals(number)
    if repeated or not _Asked.deferring:
        raise Interrupted("interrupted; nothing half-written was kept; run the same command to continue")
