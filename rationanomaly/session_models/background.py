"""What reasons are given with, whatever the model: normal training sessions, and what followed what in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.next_event import NextEvent, fit_next_event
from rationanomaly.session_models.normal_sessions import NormalSessions, describe_normal


@dataclass(frozen=True)
class Background:
    """What normal training sessions are like.

    Attributes:
        normal: what they have in common.
        next_event: what followed what in them.
    """

    normal: NormalSessions
    next_event: NextEvent


def fit_background(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> Background:
    """Read it off the normal training sessions."""
    normal = describe_normal(train.take(np.flatnonzero(~abnormal)), len(events))
    return Background(normal, fit_next_event(train, abnormal, events, seed))
