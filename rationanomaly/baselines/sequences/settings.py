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


#: Units and layers, h and g: section 5 of DeepLog's paper. Batch, epochs, learning rate and decay, which the paper has
#: not, and the same for LogAnomaly: the public implementation (logdeep) that the comparison of Le & Zhang (ICSE 2022)
#: builds on. The two bounds are ours.
PUBLISHED = NextEventSettings(
    history=10,
    candidates=9,
    units=64,
    layers=2,
    training=Training(
        batch=2_048,
        epochs=370,
        learning_rate=0.001,
        decays=(300 / 370, 350 / 370),
        max_events=4_000_000,
        max_windows=100_000,
    ),
)
