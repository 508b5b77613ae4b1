"""The made-up machine: racks of compute nodes, I/O nodes that serve them, and service hosts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNITS_PER_RACK = 16
_COMPUTE_PER_IO = 32
_SERVICE_HOSTS = 4

#: Subsystems that log from elsewhere than from compute nodes.
_ON_IO = frozenset({"filesystem", "storage", "ionode"})
_ON_SERVICE = frozenset({"scheduler", "monitoring", "database", "security", "time", "cooling", "power"})

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Cluster:
    """The nodes, numbered: compute nodes first, rack by rack, then I/O nodes, then service hosts.

    Attributes:
        compute: number of compute nodes.
        io: number of I/O nodes.
        service: number of service hosts.
    """

    compute: int
    io: int
    service: int

    @property
    def names(self) -> list[str]:
        """The name of each node."""
        return [
            *(f"nid{number:05d}" for number in range(self.compute)),
            *(f"io{number:03d}" for number in range(self.io)),
            *(f"svc{number}" for number in range(self.service)),
        ]

    def nodes_nearby(self, node: Indices, random: np.random.Generator) -> Indices:
        """For each compute node one that is close to it: mostly within the same rack."""
        return (node + random.integers(-3, 4, len(node))) % self.compute

    def speaker(self, place: Indices, near: Indices) -> Indices:
        """The node that logs what happens to or around the compute node ``near``.

        Args:
            place: 0: the compute node itself, 1: the I/O node of its rack, 2: the service host of its rack.
            near: numbers of compute nodes.
        """
        rack = near // UNITS_PER_RACK
        io, service = self.compute + rack % self.io, self.compute + self.io + rack % self.service
        return np.where(place == 0, near, np.where(place == 1, io, service))


def build_cluster(nodes: int) -> Cluster:
    """A cluster with ``nodes`` compute nodes."""
    return Cluster(nodes, max(1, nodes // _COMPUTE_PER_IO), _SERVICE_HOSTS)


def place_of(subsystem: str) -> int:
    """Where a subsystem logs; see `Cluster.speaker`."""
    return 1 if subsystem in _ON_IO else 2 if subsystem in _ON_SERVICE else 0
