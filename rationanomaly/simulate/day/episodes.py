"""The true episodes of a day: when each one is, and what it does to the lines of a quiet day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.simulate.cluster import UNITS_PER_RACK
from rationanomaly.simulate.day.machine import Machine
from rationanomaly.simulate.day.quiet import plan
from rationanomaly.simulate.day.settings import DAY_SECONDS, EPISODE_KINDS, DaySettings, EpisodeKind
from rationanomaly.simulate.faults import DOMAINS, unfold

#: An episode begins in the first part of its share of the day and ends before the share does, in seconds.
_LATEST_START, _LAST_PAUSE = 0.25, 900.0
#: Readings that stop or leave their range come this often at least, in seconds between two.
_OFTEN = 300.0
#: Lines of the catalogue's message on an average hour, from which on it is frequent: enough that its absence shows; and
#: from which on it is usual, so that it is nothing new.
_FREQUENT, _USUAL = 14.0, 2.5
#: A reading that leaves its range does so by this many of its standard deviations.
_DEVIATIONS = 12.0
_FAULT_SECONDS = 6.0
_HALF_RACK = UNITS_PER_RACK // 2


@dataclass(frozen=True)
class Episode:
    """Something that happens on the day.

    Attributes:
        id: unique on the day.
        kind: what kind of thing it is.
        start, end: seconds since 1970; of the first and last line that shows it, or that is missing.
        nodes: numbers of the nodes on which it shows.
        events: events of the machine that show it, or that are missing.
        sessions: numbers of the transfers that it breaks.
        text: one sentence that says what happens.
    """

    id: str
    kind: EpisodeKind
    start: float
    end: float
    nodes: tuple[int, ...]
    events: tuple[int, ...]
    sessions: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class _Scene:
    """What an effect works on: the lines of the day so far, and when it may happen."""

    machine: Machine
    lines: pl.DataFrame
    start: float
    longest: float
    number: int
    per_hour: float
    random: np.random.Generator

    def end(self, shortest: float, longest: float) -> float:
        """An end after some seconds, within what the schedule allows."""
        return self.start + min(self.random.uniform(shortest, longest), self.longest)

    def within(self, end: float) -> pl.Expr:
        return pl.col("time").is_between(self.start, end)

    def add(self, added: pl.DataFrame) -> pl.DataFrame:
        """The lines with those of the episode among them."""
        return pl.concat([self.lines, added.with_columns(episode=pl.lit(self.number, pl.Int64()))])

    def change(self, where: pl.Expr, **columns: pl.Expr) -> pl.DataFrame:
        """The lines with some of them changed, which are then signs of the episode."""
        marked = columns | {"episode": pl.lit(self.number, pl.Int64())}
        return self.lines.with_columns(
            pl.when(where).then(value).otherwise(pl.col(name)).alias(name) for name, value in marked.items()
        )

    def accidental(self, per_hour: float, place: int | None = None) -> int:
        """A message that comes so often, logged at ``place`` (`Cluster.speaker`) or anywhere."""
        rate = self.machine.background * self.per_hour
        if place is not None:
            rate = rate * (self.machine.place == place)
        # Where there is little traffic, the most frequent ones have to do.
        return int(self.random.choice(np.flatnonzero(rate >= min(per_hour, rate.max() / 2))))

    def compute_nodes(self, count: int) -> list[int]:
        chosen = self.random.choice(self.machine.cluster.compute, count, replace=False)
        return [int(node) for node in chosen]


@dataclass(frozen=True)
class _Happened:
    lines: pl.DataFrame
    end: float
    nodes: tuple[int, ...]
    events: tuple[int, ...]
    text: str
    sessions: tuple[int, ...] = ()


def lay_episodes(
    machine: Machine, lines: pl.DataFrame, start: float, settings: DaySettings, random: np.random.Generator
) -> tuple[pl.DataFrame, tuple[Episode, ...]]:
    """Lay episodes over the lines of a quiet day.

    The day is cut into equal shares, one for each episode, in random order of their kinds, so that two episodes are at
    least `_LAST_PAUSE` seconds apart: what belongs together is then a question with one answer.

    Args:
        machine: what logs.
        lines: of a quiet day, in `quiet.PLAN`.
        start: of the day, seconds since 1970.
        settings: how many of each kind, and how much comes by accident.
        random: draws all of it.
    """
    every = len(EPISODE_KINDS)
    kinds = [EPISODE_KINDS[k] for k in random.permutation(every * settings.episodes) % every]
    share = DAY_SECONDS / max(1, len(kinds))
    episodes: list[Episode] = []
    for number, kind in enumerate(kinds):
        begin = start + share * (number + _LATEST_START * random.random())
        longest = start + share * (number + 1) - _LAST_PAUSE - begin
        happened = _EFFECTS[kind](_Scene(machine, lines, begin, longest, number, settings.lines_per_hour, random))
        lines = happened.lines
        identity = f"{kind}-{1 + sum(one.kind == kind for one in episodes)}"
        shown = happened.nodes, happened.events, happened.sessions
        episodes.append(Episode(identity, kind, begin, happened.end, *shown, happened.text))
    return lines, tuple(episodes)


def _burst(scene: _Scene) -> _Happened:
    machine, random = scene.machine, scene.random
    event, end = scene.accidental(_USUAL), scene.end(360, 900)
    nodes, count = scene.compute_nodes(int(random.integers(1, 7))), int(random.integers(80, 250))
    return _many(scene, event, nodes, end, count, f"{count} lines of {machine.events[event].name} in place of a few")


def _unlike_peers(scene: _Scene) -> _Happened:
    event, end = scene.accidental(_USUAL, place=0), scene.end(2400, 3600)
    count = int(scene.random.integers(22, 40))
    name = scene.machine.events[event].name
    return _many(scene, event, scene.compute_nodes(1), end, count, f"one node alone logs {count} lines of {name}")


def _new_template(scene: _Scene) -> _Happened:
    machine = scene.machine
    taken = set(scene.lines["event"].unique().to_list())
    event = int(scene.random.choice([k for k in machine.held_out.tolist() if k not in taken] or machine.held_out))
    nodes, end = scene.compute_nodes(int(scene.random.integers(1, 5))), scene.end(300, 1800)
    count = int(scene.random.integers(4, 30))
    kind = "fault" if machine.events[event].fault else "benign message"
    return _many(scene, event, nodes, end, count, f"{count} lines of a {kind} that nobody has seen before")


def _many(scene: _Scene, event: int, nodes: list[int], end: float, count: int, text: str) -> _Happened:
    """More lines of one event, about some compute nodes."""
    machine, random = scene.machine, scene.random
    near = random.choice(nodes, count)
    time = scene.start + (end - scene.start) * np.sort(random.random(count))
    place = np.full(count, machine.place[event])
    node = machine.cluster.speaker(place, near)
    added = plan({"time": time, "event": np.full(count, event), "node": node, "near": near})
    return _Happened(scene.add(added), float(time[-1]), _distinct(node), (event,), text)


def _drop(scene: _Scene) -> _Happened:
    event, end = scene.accidental(_FREQUENT), scene.end(2700, 3600)
    kept = 0.1 * (scene.random.random() < 0.5)
    gone = (pl.col("event") == event) & scene.within(end)
    spared = pl.Series(scene.random.random(scene.lines.height) < kept)
    nodes = _distinct(scene.lines.filter(gone)["node"].to_numpy())
    text = f"{scene.machine.events[event].name} comes at {kept:.0%} of its rate"
    return _Happened(scene.lines.filter(~gone | spared), end, nodes, (event,), text)


def _heartbeat(scene: _Scene) -> _Happened:
    machine, random = scene.machine, scene.random
    reading = machine.readings[int(random.choice([k for k, r in enumerate(machine.readings) if r.period <= _OFTEN]))]
    nodes = [int(random.choice(reading.nodes))]
    if len(reading.nodes) > UNITS_PER_RACK and random.random() < 0.5:  # All of one half of a rack.
        first = int(random.integers(0, len(reading.nodes) // _HALF_RACK)) * _HALF_RACK
        nodes = reading.nodes[first : first + _HALF_RACK].tolist()
    end = scene.end(max(1500, 6 * reading.period), 3000)
    gone = (pl.col("event") == reading.event) & pl.col("node").is_in(nodes) & scene.within(end)
    text = f"{machine.events[reading.event].name} stops on {_counted(len(nodes), 'node')}"
    return _Happened(scene.lines.filter(~gone), end, tuple(nodes), (reading.event,), text)


def _silent_node(scene: _Scene) -> _Happened:
    node, end = scene.compute_nodes(1)[0], scene.end(1800, 3000)
    gone = (pl.col("node") == node) & scene.within(end)
    return _Happened(scene.lines.filter(~gone), end, (node,), (), "a node logs nothing")


def _parameter(scene: _Scene) -> _Happened:
    machine, random = scene.machine, scene.random
    reading = machine.readings[int(random.choice([k for k, r in enumerate(machine.readings) if r.period <= _OFTEN]))]
    node, end = int(random.choice(reading.nodes)), scene.end(2400, 3600)
    # It climbs for a third of the time and then stays; a value that is near 0 only rises.
    shift = _DEVIATIONS * (reading.spread + reading.between)
    sign = -1.0 if reading.centres.mean() > 2 * shift and random.random() < 0.5 else 1.0
    ramp = ((pl.col("time") - scene.start) / ((end - scene.start) / 3)).clip(0, 1)
    where = (pl.col("event") == reading.event) & (pl.col("node") == node) & scene.within(end)
    text = f"{machine.events[reading.event].name} {'rises' if sign > 0 else 'falls'} by {shift:.0f} on one node"
    return _Happened(
        scene.change(where, value=pl.col("value") + sign * shift * ramp), end, (node,), (reading.event,), text
    )


def _session(scene: _Scene) -> _Happened:
    machine, random = scene.machine, scene.random
    end = scene.end(1800, 3000)
    step = machine.transfer
    began = scene.lines.filter((pl.col("event") == step["requested"]) & scene.within(end - 300))["session"]
    broken = began.filter(pl.Series(random.random(len(began)) < 0.6)).to_list()
    way = str(random.choice(["lacks", "ends", "order"]))
    mine = pl.col("session").is_in(broken)
    event = pl.col("event")
    verified, closed, finished = step["verified"], step["closed"], step["finished"]
    match way:
        case "lacks":
            lines, text = scene.lines.filter(~(mine & (event == verified))), "transfers never verify their checksum"
        case "ends":
            gone = mine & event.is_in([verified, closed, finished])
            lines, text = scene.lines.filter(~gone), "transfers end while they copy"
        case _:
            other = pl.when(event == verified).then(finished).when(event == finished).then(verified).otherwise(event)
            lines = scene.lines.with_columns(event=pl.when(mine).then(other).otherwise(event))
            text = "transfers finish before they verify their checksum"
    lines = lines.with_columns(episode=pl.when(mine).then(scene.number).otherwise("episode"))
    shown = lines.filter(mine)
    nodes = _distinct(shown["node"].to_numpy())
    events = (verified, closed, finished) if way == "ends" else (verified, finished) if way == "order" else (verified,)
    last = shown["time"].max()
    return _Happened(
        lines, float(last) if isinstance(last, float) else end, nodes, events, f"{len(broken)} {text}", tuple(broken)
    )


def _fault(scene: _Scene) -> _Happened:
    machine, random = scene.machine, scene.random
    domain = str(random.choice(list(DOMAINS)))
    source = scene.compute_nodes(1)[0]
    bursts = []
    for burst in unfold(domain, random):
        choices = [
            k
            for k, one in enumerate(machine.events)
            if one.domain == burst.domain and one.fault == burst.fault and k not in machine.held_out
        ]
        if not choices:
            continue
        rate = np.array([machine.events[k].rate for k in choices], dtype=float)
        event = random.choice(choices, len(burst.lines), p=rate / rate.sum())
        near = np.full(len(event), source)
        near = near if burst.root else machine.cluster.nodes_nearby(near, random)
        node = machine.cluster.speaker(machine.place[event], near)
        time = scene.start + _FAULT_SECONDS * (burst.lines + random.random(len(event)))
        bursts.append(plan({"time": time, "event": event, "node": node, "near": near}))
    added = pl.concat(bursts)
    signs = added.filter(pl.col("event").is_in([k for k, one in enumerate(machine.events) if one.fault]))
    text = (
        f"a fault of the domain {domain} shows in {signs.height} lines on {_counted(signs['node'].n_unique(), 'node')}"
    )
    end = float(signs["time"].to_numpy().max())
    return _Happened(
        scene.add(added), end, _distinct(signs["node"].to_numpy()), _distinct(signs["event"].to_numpy()), text
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _distinct(values: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> tuple[int, ...]:
    return tuple(int(value) for value in np.unique(values))


_EFFECTS: Mapping[EpisodeKind, Callable[[_Scene], _Happened]] = {
    "burst": _burst,
    "drop": _drop,
    "heartbeat": _heartbeat,
    "silent_node": _silent_node,
    "unlike_peers": _unlike_peers,
    "parameter": _parameter,
    "new_template": _new_template,
    "session": _session,
    "fault": _fault,
}
