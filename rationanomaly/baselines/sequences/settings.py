"""How the networks are trained: the papers' settings, and what bounds the work on a machine without a GPU."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """How a network is trained, with Adam.

    Attributes:
        batch: examples of a step, repeated ones included.
        epochs: at most; 1 is as many steps as go through all examples once, repeated ones included.
        learning_rate: of the first steps.
        decays: shares of the steps behind which the learning rate is a tenth of what it was.
        max_events: of the distinct examples of all steps together; bounds the time, and so the epochs.
        max_windows: distinct examples at most; beyond it, a sample of them by how often they occur.
    """

    batch: int
    epochs: int
    learning_rate: float
    decays: tuple[float, ...]
    max_events: int
    max_windows: int


@dataclass(frozen=True)
class NextEventSettings:
    """What DeepLog and LogAnomaly are set to.

    Attributes:
        history: events of a window (h).
        candidates: the next event has to be among so many most probable ones (g).
        units: of a layer.
        layers: of an LSTM.
        training: how.
    """

    history: int
    candidates: int
    units: int
    layers: int
    training: Training
