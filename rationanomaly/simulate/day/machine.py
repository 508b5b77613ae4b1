"""The machine of a simulated day: the catalogue's messages, and regular ones that only a stream shows as such."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rationanomaly.simulate.cluster import Cluster, build_cluster, place_of
from rationanomaly.simulate.day.settings import DaySettings
from rationanomaly.simulate.events import Event, load_catalogue

#: Steps of a transfer in order; those that may be left out, or come several times, are in `OPTIONAL`.
TRANSFER_STEPS = (
    ("requested", "transfer @id requested"),
    ("opened", "transfer @id opened its source"),
    ("copying", "transfer @id copies since @value s"),
    ("retried", "transfer @id retried one block"),
    ("verified", "transfer @id verified its checksum"),
    ("closed", "transfer @id closed its target"),
    ("finished", "transfer @id finished after @value s"),
)
OPTIONAL = frozenset({"copying", "retried"})
BACKUP = "nightly backup wrote volume @value"
#: Messages of the catalogue that nobody has seen before the day, benign ones and faults.
_HELD_OUT = 8
_MACHINE = 11

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """A number that some nodes report at regular times.

    Attributes:
        event: index into the machine's events.
        nodes: which report it.
        period: seconds between two reports of a node.
        centres: usual value of each of ``nodes``.
        between, spread: standard deviations: of the centres, and of a node's values about its own.
    """

    event: int
    nodes: Numbers
    period: float
    centres: NDArray[np.float64]
    between: float
    spread: float


@dataclass(frozen=True)
class Machine:
    """What logs, and what it can log.

    Attributes:
        events: the catalogue, then messages of the day's own.
        digits: behind the point of an event's ``@value``.
        cluster: the nodes.
        background: probability of each event among those that come by accident.
        place: where each event is logged; see `Cluster.speaker`.
        held_out: events that nobody has seen before the day.
        readings: regular messages.
        transfer: step of a transfer → its event.
        backup: event of the nightly backup.
    """

    events: tuple[Event, ...]
    digits: Numbers
    cluster: Cluster
    background: NDArray[np.float64]
    place: Numbers
    held_out: Numbers
    readings: tuple[Reading, ...]
    transfer: dict[str, int]
    backup: int

    @classmethod
    def build(cls, settings: DaySettings) -> Self:
        """The machine of a day; what it holds out and its usual values are drawn by the seed."""
        random = np.random.default_rng([settings.seed, _MACHINE])
        catalogue, cluster = load_catalogue(), build_cluster(settings.compute)
        held_out = _hold_out(catalogue, random)
        rows = _rows()
        own = [Event(r["event"], r["subsystem"], r["severity"], "normal", "", 0, r["text"]) for r in rows]
        own += [Event(f"TRF-{name}", "storage", "INFO", "normal", "", 0, text) for name, text in TRANSFER_STEPS]
        own.append(Event("BKP01", "storage", "INFO", "normal", "", 0, BACKUP))
        first = len(catalogue)
        rate = np.array([0 if one.fault or k in held_out else one.rate for k, one in enumerate(catalogue)], dtype=float)
        digits = np.zeros(first + len(own), dtype=np.int64)
        digits[first : first + len(rows)] = [int(row["digits"]) for row in rows]
        return cls(
            events=(*catalogue, *own),
            digits=digits,
            cluster=cluster,
            background=rate / rate.sum(),
            place=np.array([place_of(one.subsystem) for one in catalogue]),
            held_out=np.array(sorted(held_out)),
            readings=tuple(_reading(row, first + k, cluster, random) for k, row in enumerate(rows)),
            transfer={name: first + len(rows) + k for k, (name, _) in enumerate(TRANSFER_STEPS)},
            backup=first + len(own) - 1,
        )

    @property
    def seen(self) -> Numbers:
        """The events that somebody has seen before the day."""
        return np.setdiff1d(np.arange(len(self.events)), self.held_out)


def _hold_out(catalogue: tuple[Event, ...], random: np.random.Generator) -> set[int]:
    """As many benign messages as faults, none that a whole domain would be missing."""
    benign = [k for k, one in enumerate(catalogue) if not one.fault and not one.domain]
    faults = [k for k, one in enumerate(catalogue) if one.fault]
    half = _HELD_OUT // 2
    return {*random.choice(benign, half, replace=False).tolist(), *random.choice(faults, half, replace=False).tolist()}


def _rows() -> list[dict[str, str]]:
    text = resources.files("rationanomaly.simulate.day").joinpath("readings.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines(), strict=True))


def _reading(row: dict[str, str], event: int, cluster: Cluster, random: np.random.Generator) -> Reading:
    io, service = cluster.compute, cluster.compute + cluster.io
    nodes = {
        "compute": np.arange(io),
        "io": np.arange(io, service),
        "service": np.arange(service, service + cluster.service),
        "first": np.array([service]),
    }[row["where"]]
    between = float(row["between"])
    centres = float(row["centre"]) + between * np.clip(random.standard_normal(len(nodes)), -2, 2)
    return Reading(event, nodes, float(row["period"]), centres, between, float(row["spread"]))
