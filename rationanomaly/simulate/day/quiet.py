"""What the machine logs on a day on which nothing is wrong: by accident, at regular times, in transfers, at night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rationanomaly.simulate.day.machine import OPTIONAL, TRANSFER_STEPS, Machine, Reading
from rationanomaly.simulate.day.settings import DAY_SECONDS

#: Lines as they are planned, before they are put into words.
PLAN = pl.Schema(
    {
        "time": pl.Float64(),  # seconds since 1970
        "event": pl.Int64(),  # of the machine
        "node": pl.Int64(),  # that logs it
        "near": pl.Int64(),  # the compute node that it is about
        "value": pl.Float64(),  # at @value; null where there is none
        "session": pl.Int64(),  # at @id; null where there is none
        "episode": pl.Int64(),  # number of the episode that it is a sign of; null: none
    }
)
#: Of a transfer: mean seconds between two steps; transfers on an average hour.
_STEP_SECONDS, _TRANSFERS_PER_HOUR = 12.0, 50.0
_RETRIED, _COPYING = 0.15, 2
_BACKUP_AT, _BACKUP_SECONDS, _BACKUP_LINES = 2 * 3600, 1500.0, 400
#: Traffic swings by this share over a day, highest in the afternoon; on weekends there is less.
_SWING, _PEAK_HOUR, _WEEKEND = 0.35, 15.0, 0.65
#: Readings come late or early by this, in seconds.
_JITTER = 4.0

Floats = NDArray[np.float64]


def plan(columns: Mapping[str, Any]) -> pl.DataFrame:
    """Lines of `PLAN`; columns that are left out are null."""
    frame = pl.DataFrame(dict(columns))
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in PLAN.items()
    )


def quiet_day(
    machine: Machine, start: float, lines_per_hour: float, first_session: int, random: np.random.Generator
) -> pl.DataFrame:
    """The lines of a quiet day in `PLAN`, in no order; a transfer may end on the next day.

    Args:
        machine: what logs.
        start: seconds since 1970.
        lines_per_hour: of messages that come by accident, on an average hour.
        first_session: number of its first transfer.
        random: draws all of it.
    """
    return pl.concat(
        [
            accidental(machine, start, lines_per_hour, random),
            *(_readings(machine, reading, start, random) for reading in machine.readings),
            _transfers(machine, start, first_session, random),
            _backup(machine, start, random),
        ]
    )


def accidental(machine: Machine, start: float, lines_per_hour: float, random: np.random.Generator) -> pl.DataFrame:
    """Messages that come by accident over a day, each as often as the catalogue says."""
    time = _times(start, lines_per_hour, random)
    event = random.choice(len(machine.background), len(time), p=machine.background)
    near = random.integers(0, machine.cluster.compute, len(time))
    return plan(
        {"time": time, "event": event, "node": machine.cluster.speaker(machine.place[event], near), "near": near}
    )


def traffic(time: Floats) -> Floats:
    """How much traffic there is at some times (seconds since 1970), relative to an average hour of a working day."""
    hour, day = time % DAY_SECONDS / 3600, (time // DAY_SECONDS + 3) % 7  # 1970 began on a Thursday; Monday is 0.
    return (1 + _SWING * np.cos((hour - _PEAK_HOUR) * np.pi / 12)) * np.where(day >= 5, _WEEKEND, 1.0)


def _times(start: float, per_hour: float, random: np.random.Generator) -> Floats:
    """Times of a Poisson process over a day whose rate follows `traffic`."""
    highest = 1 + _SWING
    time = start + DAY_SECONDS * random.random(random.poisson(per_hour * highest * 24))
    return np.asarray(time[random.random(len(time)) < traffic(time) / highest], dtype=np.float64)


def _readings(machine: Machine, reading: Reading, start: float, random: np.random.Generator) -> pl.DataFrame:
    count = int(DAY_SECONDS / reading.period)
    # A node reports at a time of its own within the period, and keeps to it from day to day.
    phase = (reading.nodes * 7919 + reading.event * 104729) % int(reading.period)
    time = start + phase[:, None] + reading.period * np.arange(count) + random.normal(0, _JITTER, (len(phase), count))
    value = reading.centres[:, None] + reading.spread * np.clip(random.standard_normal(time.shape), -3, 3)
    node = np.repeat(reading.nodes, count)
    return plan(
        {
            "time": time.ravel(),
            "event": np.full(node.shape, reading.event),
            "node": node,
            "near": node % machine.cluster.compute,
            "value": value.ravel(),
        }
    )


def _transfers(machine: Machine, start: float, first: int, random: np.random.Generator) -> pl.DataFrame:
    begins = np.sort(_times(start, _TRANSFERS_PER_HOUR, random))
    steps, sessions, times = [], [], []
    for number, begin in enumerate(begins.tolist(), start=first):
        names = [name for name, _ in TRANSFER_STEPS for _ in range(_repeated(name, random))]
        steps += names
        sessions += [number] * len(names)
        times.append(begin + np.cumsum(0.5 + random.exponential(_STEP_SECONDS, len(names))))
    near = random.integers(0, machine.cluster.compute, len(begins))[np.array(sessions, dtype=np.int64) - first]
    since = np.concatenate(times) - np.repeat(begins, [len(some) for some in times])
    return plan(
        {
            "time": np.concatenate(times),
            "event": [machine.transfer[name] for name in steps],
            "node": near,
            "near": near,
            "value": since,
            "session": sessions,
        }
    )


def _repeated(step: str, random: np.random.Generator) -> int:
    """How often a step comes in a transfer."""
    if step not in OPTIONAL:
        return 1
    return int(random.random() < _RETRIED) if step == "retried" else int(random.integers(0, _COPYING + 1))


def _backup(machine: Machine, start: float, random: np.random.Generator) -> pl.DataFrame:
    count = int(random.poisson(_BACKUP_LINES))
    time = start + _BACKUP_AT + random.uniform(0, 120) + _BACKUP_SECONDS * random.random(count)
    node = machine.cluster.compute + random.integers(0, machine.cluster.io, count)
    return plan(
        {
            "time": time,
            "event": np.full(count, machine.backup),
            "node": node,
            "near": random.integers(0, machine.cluster.compute, count),
            "value": random.integers(1, 400, count).astype(float),
        }
    )
