"""Made-up sessions of a file store: a block is opened, received by three nodes, stored three times, and deleted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.model import Flags

OPEN, RECEIVE, STORE, READ, DELETE, FAIL, NEW = range(7)
TEXTS = (
    "open block <*>",
    "receive block <*> from <*>",
    "block <*> stored on <*>",
    "read block <*>",
    "delete block <*>",
    "write to <*> failed: disk error",
    "checksum of <*> unknown",
)
#: Of training, without NEW.
EVENTS = Events(tuple(f"t{code}" for code in range(NEW)), TEXTS[:NEW], np.array([0.02, 0.03, 0.02, 0.1, 0.05, 0.9]))
#: With an event that no training session holds.
ALL_EVENTS = Events(tuple(f"t{code}" for code in range(NEW + 1)), TEXTS, np.append(EVENTS.scores, 0.3))

NORMAL = [OPEN, RECEIVE, RECEIVE, RECEIVE, STORE, STORE, STORE, READ, DELETE]
#: One for each kind of fault.
WITHOUT_DELETE = [OPEN, RECEIVE, RECEIVE, RECEIVE, STORE, STORE, STORE, READ]
STORED_TOO_OFTEN = [OPEN, RECEIVE, RECEIVE, RECEIVE, *[STORE] * 9, READ, DELETE]
BACKWARDS = [DELETE, OPEN, STORE, RECEIVE, STORE, RECEIVE, STORE, RECEIVE, READ]
FAILED = [OPEN, RECEIVE, FAIL, RECEIVE, RECEIVE, STORE, STORE, STORE, READ, DELETE]
WITH_NEW = [OPEN, RECEIVE, RECEIVE, NEW, RECEIVE, STORE, STORE, STORE, READ, DELETE]
FAULTS = (WITHOUT_DELETE, STORED_TOO_OFTEN, BACKWARDS, FAILED)


@dataclass(frozen=True)
class Made:
    """Sessions and their truth."""

    batch: SessionBatch
    abnormal: Flags


def normal(random: np.random.Generator) -> list[int]:
    """A normal session: now and then a store comes before the last receive, and reads are none to three."""
    body = [RECEIVE, RECEIVE, RECEIVE, STORE, STORE, STORE]
    if random.random() < 0.4:
        body[2:4] = [STORE, RECEIVE]
    return [OPEN, *body, *[READ] * int(random.integers(0, 4)), DELETE]


def made_sessions(count: int, seed: int, share: float = 0.2) -> Made:
    """``count`` sessions, ``share`` of them with one of `FAULTS`."""
    random = np.random.default_rng(seed)
    abnormal = random.random(count) < share
    sequences = [FAULTS[random.integers(len(FAULTS))] if bad else normal(random) for bad in abnormal]
    return Made(SessionBatch.of(sequences), abnormal)
