"""Faults that arise on one node and spread: an episode is a root cause and what follows from it.

The root's messages come first and thin out. Each consequence starts some lines later, on the same node or one
near it, and may have consequences of its own. Benign messages of the same domain (corrected errors, retries
that worked) come more often shortly before and during an episode, as they do on real machines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Domain:
    """A kind of fault.

    Attributes:
        category: the reviewers' category for it, as the paper names them.
        remark: what a reviewer writes beside it.
        follows: consequence → probability that an episode brings it.
    """

    category: str
    remark: str
    follows: Mapping[str, float] = field(default_factory=dict)


DOMAINS: Mapping[str, Domain] = {
    "memory": Domain("hardware failure", "memory can no longer be trusted", {"processor": 0.4, "job": 0.6}),
    "processor": Domain("hardware failure", "a core or socket is failing", {"job": 0.5, "scheduler": 0.4}),
    "link": Domain("network issue", "traffic is lost or slowed", {"filesystem": 0.5, "job": 0.5, "scheduler": 0.3}),
    "storage": Domain("hardware failure", "data or redundancy is at risk", {"filesystem": 0.6, "database": 0.4}),
    "filesystem": Domain("system error", "files can't be read or written safely", {"job": 0.5, "daemon": 0.3}),
    "power": Domain("hardware failure", "supply or redundancy is lost", {"cooling": 0.4, "link": 0.4, "firmware": 0.3}),
    "cooling": Domain("hardware failure", "heat will take nodes down", {"processor": 0.6, "memory": 0.3}),
    "daemon": Domain("software exception", "a service is down or hangs", {"scheduler": 0.4, "job": 0.4}),
    "job": Domain("software exception", "work of a user is lost or wrong", {"scheduler": 0.3}),
    "scheduler": Domain("system error", "nodes or jobs are lost to the scheduler", {"job": 0.4}),
    "security": Domain("other", "somebody may have broken in", {"daemon": 0.2}),
    "database": Domain("software exception", "records are lost or refused", {"daemon": 0.4, "scheduler": 0.3}),
    "firmware": Domain("system error", "the node is out of control or of service", {"scheduler": 0.5}),
    "clock": Domain("system error", "time stamps and leases go wrong", {"filesystem": 0.4, "database": 0.3}),
}

_DEEPEST = 2
#: Mean number of messages of a root cause, of a consequence, and of benign ones around them.
_ROOT, _CONSEQUENCE, _ECHO = 14, 6, 5
#: Mean gap in lines between a fault's messages; mean delay in lines of a consequence.
_GAP, _DELAY = 4, 25


class Burst(NamedTuple):
    """The messages of one domain within an episode.

    Attributes:
        domain: key of `DOMAINS`.
        lines: offsets of the messages from the start of the episode, ascending, in lines; may be negative.
        root: whether it is the episode's cause; a consequence may show on nodes near by.
        fault: False for the benign messages around it.
    """

    domain: str
    lines: np.ndarray[tuple[int], np.dtype[np.int64]]
    root: bool
    fault: bool


def unfold(domain: str, random: np.random.Generator) -> Iterator[Burst]:
    """The bursts of one episode that starts in ``domain``."""
    yield Burst(domain, _spread(_ECHO, 3 * _GAP, random) - 6 * _GAP, root=True, fault=False)
    pending, seen = [(domain, 0, 0)], {domain}
    while pending:
        name, start, generation = pending.pop(0)
        mean = _ROOT if generation == 0 else _CONSEQUENCE
        yield Burst(name, start + _spread(mean, _GAP, random), root=generation == 0, fault=True)
        if generation == _DEEPEST:
            continue
        for follower, probability in DOMAINS[name].follows.items():
            if random.random() < probability and follower not in seen:
                seen.add(follower)
                pending.append((follower, start + 1 + int(random.exponential(_DELAY)), generation + 1))


def _spread(mean: int, gap: int, random: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Offsets of about ``mean`` messages whose gaps grow: a fault is loudest when it is new."""
    count = max(2, int(random.poisson(mean)))
    gaps = 1 + random.exponential(gap * np.linspace(0.3, 1.7, count))
    return np.cumsum(gaps).astype(np.int64)
