from __future__ import annotations

import os
import signal
import threading

import pytest

from rationanomaly.training import interruption
from rationanomaly.training.interruption import Interrupted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_raises_at_once_outside_a_training_loop(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match="nothing half-written was kept"), interruption.handle_signals():
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_loop_continues_until_it_asks(number: signal.Signals) -> None:
    with interruption.handle_signals(), interruption.deferred():
        assert interruption.asked() is None
        os.kill(os.getpid(), number)
        assert interruption.asked() is number


def test_a_second_signal_does_not_wait() -> None:
    with interruption.handle_signals(), interruption.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)


def test_the_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruption.handle_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_nothing_is_installed() -> None:
    seen = []

    def enter() -> None:
        with interruption.handle_signals():
            seen.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
