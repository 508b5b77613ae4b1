"""What a simulated day is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

EpisodeKind = Literal[
    "burst",  # a benign message comes many times as often
    "drop",  # a frequent message all but stops, everywhere
    "heartbeat",  # a regular message stops, on one node or in half a rack
    "silent_node",  # a node logs nothing
    "unlike_peers",  # a node logs a message that its peers hardly ever log
    "parameter",  # a reading leaves its range
    "new_template",  # a message that nobody has seen before
    "session",  # transfers lack a step, end early or come out of order
    "fault",  # a fault arises on one node and spreads
]
EPISODE_KINDS: tuple[EpisodeKind, ...] = get_args(EpisodeKind)

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class DaySettings:
    """A simulated day.

    Attributes:
        seed: equal settings give equal lines.
        history_days: quiet days before it, from which a watch can learn; from 7 on they hold each weekday.
        episodes: of each kind on the day; 0: the day is as quiet as those before it.
        compute: compute nodes; I/O nodes and service hosts come with them.
        lines_per_hour: of messages that come by accident, on an average hour; readings, transfers and backups add
            about as many.
        reworded: share of the messages that an update of the software words anew, from the day on: a drift.
    """

    seed: int
    history_days: int = 7
    episodes: int = 2
    compute: int = 64
    lines_per_hour: float = 1250.0
    reworded: float = 0.0
