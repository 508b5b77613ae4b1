"""The windows before each event, each distinct one once: logs repeat themselves, so there are far fewer of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Ints


@dataclass(frozen=True)
class NextEvents:
    """Distinct pairs of a window and the event that follows it.

    Attributes:
        rows: the window, oldest event first, and behind it the next event, shape (m, history + 1).
        counts: lines that each pair was found at, shape (m,).
        pair: of each line, a row of ``rows``, shape (lines,).
    """

    rows: Ints
    counts: Ints
    pair: Ints


def next_events(classes: Ints, starts: Ints, history: int, padding: int) -> NextEvents:
    """The distinct pairs of all lines of all sessions.

    Args:
        classes: of all lines, one session after the other, each at least 0.
        starts: where each session begins, and where the last one ends, shape (n + 1,).
        history: events of a window.
        padding: stands in a window for what lies before a session's first line.
    """
    lengths = np.diff(starts)
    places = np.arange(len(classes)) + history * (np.repeat(np.arange(len(lengths)), lengths) + 1)
    stream = np.full(len(classes) + history * len(lengths), padding, dtype=np.int64)
    stream[places] = classes
    if not len(classes):
        nothing = np.empty(0, np.int64)
        return NextEvents(np.empty((0, history + 1), np.int64), nothing, nothing)
    pair = _numbered(_runs(stream, history + 1)[places - history])
    counts = np.bincount(pair)
    somewhere = np.empty(len(counts), np.int64)
    somewhere[pair] = places
    rows = stream[somewhere[:, None] + np.arange(-history, 1)]
    return NextEvents(rows, counts, pair)


def _runs(stream: Ints, length: int) -> Ints:
    """A number for the ``length`` values from each place on; equal runs, and no others, have equal numbers."""
    # Runs are put together from two halves, which is far quicker than to sort rows.
    if length == 1:
        return stream
    half = length // 2
    halves = _runs(stream, half)
    runs = _paired(halves[:-half], halves[half:])
    return runs if length == 2 * half else _paired(runs[:-1], stream[2 * half :])


def _paired(first: Ints, second: Ints) -> Ints:
    return _numbered(first * (int(second.max()) + 1) + second)


def _numbered(values: Ints) -> Ints:
    """Each value's place among the distinct ones."""
    size = int(values.max()) + 1
    if size > 4 * len(values):
        sorted_: Ints = np.unique(values, return_inverse=True)[1]
        return sorted_
    present = np.zeros(size, np.bool_)
    present[values] = True
    places: Ints = np.cumsum(present)[values] - 1
    return places
