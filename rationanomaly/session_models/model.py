"""What every session model is, once it is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rationanomaly.session_models.batch import Events, Floats, SessionBatch

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reason:
    """Something that can be checked in a session.

    Attributes:
        text: a sentence; log text in it stands between backquotes.
        positions: the lines that show it, by their place in the session from 0 on; empty where something is missing.
        weight: how much it adds to the session's score; reasons of one session are sorted by it.
    """

    text: str
    positions: tuple[int, ...]
    weight: float


class SessionModel(Protocol):
    """Judges sessions."""

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """How suspicious each session is, shape (n,), finite, larger for more.

        Args:
            sessions: any; codes from the number of events that the model was fitted with on are new to it.
            events: of these sessions; begins with the events that the model was fitted with.
        """
        ...


#: From training sessions, which of them are abnormal, their events, and a seed, to a model.
Fit = Callable[[SessionBatch, Flags, Events, int], SessionModel]
