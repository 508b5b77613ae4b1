"""Simulate quiet days and the day after them, and write them as logs with the true episodes beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from rationanomaly.artifacts import writing_file
from rationanomaly.simulate.day.episodes import Episode, lay_episodes
from rationanomaly.simulate.day.machine import Machine
from rationanomaly.simulate.day.quiet import quiet_day
from rationanomaly.simulate.day.settings import DAY_SECONDS, DaySettings
from rationanomaly.simulate.timeline import Block
from rationanomaly.simulate.wording import UNTAGGED, Wording

HISTORY, DAY, EPISODES = "history.log", "day.log", "episodes.json"
#: A Tuesday: the day on which the episodes are.
DAY_START = float(np.datetime64("2031-03-18T00:00:00", "s").astype(np.int64))
_PLAN, _EPISODES, _REWORDED = 12, 13, 15
#: Lines of each message in `DayLog.training`.
_TRAINING = 12

#: What `DayLog.lines` holds.
LINES = pl.Schema(
    {
        "time": pl.Datetime("us", "UTC"),
        "node": pl.String(),
        "subsystem": pl.String(),
        "level": pl.String(),
        "message": pl.String(),
        "session": pl.String(),  # the transfer; null where the line belongs to none
        "event": pl.Int64(),  # index into the machine's events
        "episode": pl.Int64(),  # index into the episodes; null: a line of a quiet day
    }
)


@dataclass(frozen=True)
class DayLog:
    """Quiet days and the day after them.

    Attributes:
        machine: what logs.
        lines: all lines in order, in `LINES`.
        day_start: of the day with the episodes, seconds since 1970.
        episodes: what happens on it, in the order of their starts.
        training: lines of `LINES` without times: each message that somebody has seen before, several times.
    """

    machine: Machine
    lines: pl.DataFrame
    day_start: float
    episodes: tuple[Episode, ...]
    training: pl.DataFrame

    def truth(self, templates: Sequence[Sequence[str]] | None = None) -> list[dict[str, Any]]:
        """The episodes as JSON rows.

        Args:
            templates: of each event, as a miner names them; None: the texts of the catalogue, with placeholders.
        """
        names = self.machine.cluster.names
        texts = templates or [[event.text] for event in self.machine.events]
        shown = dict(self.lines.group_by("episode").len().drop_nulls().iter_rows())
        return [
            {
                "id": one.id,
                "kind": one.kind,
                "start": round(one.start, 3),
                "end": round(one.end, 3),
                "nodes": [names[node] for node in one.nodes],
                "templates": [text for event in one.events for text in texts[event]],
                "sessions": [session_name(number) for number in one.sessions],
                "lines": shown.get(number, 0),
                "text": one.text,
            }
            for number, one in enumerate(self.episodes)
        ]


def session_name(number: int) -> str:
    """What a transfer is called in its lines."""
    return f"x{number:06d}"


def simulate_day(settings: DaySettings) -> DayLog:
    """Simulate the quiet days and the day after them. Equal settings give equal lines."""
    machine = Machine.build(settings)
    first = DAY_START - DAY_SECONDS * settings.history_days
    days, session = [], 1
    for number in range(settings.history_days + 1):
        random = np.random.default_rng([settings.seed, _PLAN, number])
        lines = quiet_day(machine, first + DAY_SECONDS * number, settings.lines_per_hour, session, random)
        session = max(session, 1 + (lines["session"].drop_nulls().to_numpy().max(initial=session)))
        days.append(lines)
    random = np.random.default_rng([settings.seed, _EPISODES])
    days[-1], episodes = lay_episodes(machine, days[-1], DAY_START, settings, random)
    wording = Wording(machine.events, [UNTAGGED] * len(machine.events), machine.cluster, "simulated", settings.seed)
    # A transfer of one day may end on the next, and all of it is one log.
    planned = pl.concat(days).sort("time", maintain_order=True).filter(pl.col("time") >= first)
    worded = _reword(_worded(machine, wording, planned, 0), settings)
    return DayLog(machine, worded, DAY_START, episodes, _training(machine, wording))


def write(settings: DaySettings, folder: Path) -> DayLog:
    """Write ``history.log``, ``day.log`` and ``episodes.json`` into ``folder``, in the log format ``simulated``.

    Each file appears whole or not at all.

    Args:
        settings: of the day.
        folder: made if there is none; files of these names are replaced.
    """
    log = simulate_day(settings)
    on_the_day = pl.col("time").dt.epoch("ms") >= int(1000 * log.day_start)
    with ExitStack() as files:
        for name, lines in ((HISTORY, log.lines.filter(~on_the_day)), (DAY, log.lines.filter(on_the_day))):
            path = files.enter_context(writing_file(folder / name))
            path.write_text("".join(f"{line}\n" for line in as_logged(lines)), encoding="utf-8", newline="\n")
        path = files.enter_context(writing_file(folder / EPISODES))
        path.write_text(json.dumps(log.truth(), indent=1) + "\n", encoding="utf-8", newline="\n")
    return log


def as_logged(lines: pl.DataFrame) -> pl.Series:
    """Lines of `LINES` in the log format ``simulated``, without line ends."""
    time = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    parts = [pl.lit(UNTAGGED), time, "node", "subsystem", "level", "message"]
    return lines.select(pl.concat_str(parts, separator=" ")).to_series()


def _worded(machine: Machine, wording: Wording, planned: pl.DataFrame, number: int) -> pl.DataFrame:
    """Planned lines as `LINES`."""
    event, node = planned["event"].to_numpy(), planned["node"].to_numpy()
    milliseconds = (1000 * planned["time"]).cast(pl.Int64)
    block = Block(number, 1, event, node, planned["near"].to_numpy(), milliseconds.to_numpy())
    digits = pl.Series(machine.digits).gather(event)
    value = pl.col("value").fill_null(0.0)
    whole, exact = value.round(0).cast(pl.Int64).cast(pl.String), value.round(1).cast(pl.String)
    session = pl.format("x{}", pl.col("session").cast(pl.String).str.zfill(6))
    message = pl.col("message").str.replace("@value", pl.when(digits > 0).then(exact).otherwise(whole), literal=True)
    message = message.str.replace("@id", pl.col("session_name").fill_null(""), literal=True)
    subsystems, levels = (
        pl.Series([getattr(one, name) for one in machine.events]).gather(event) for name in ("subsystem", "severity")
    )
    return (
        planned.with_columns(message=wording.messages(block), session_name=session)
        .select(
            milliseconds.cast(pl.Datetime("ms", "UTC")).dt.cast_time_unit("us").alias("time"),
            pl.Series(machine.cluster.names).gather(node).alias("node"),
            subsystems.alias("subsystem"),
            levels.alias("level"),
            message.alias("message"),
            pl.col("session_name").alias("session"),
            "event",
            "episode",
        )
        .match_to_schema(LINES)
    )


def _reword(lines: pl.DataFrame, settings: DaySettings) -> pl.DataFrame:
    """The lines with what an update words anew."""
    events = lines["event"].unique().sort()
    random = np.random.default_rng([settings.seed, _REWORDED])
    reworded = events.sample(fraction=settings.reworded, seed=int(random.integers(2**31)))
    updated = pl.col("event").is_in(reworded.to_list()) & (pl.col("time").dt.epoch("ms") >= int(1000 * DAY_START))
    message = pl.when(updated).then(pl.format("service runtime says: {}", "message")).otherwise("message")
    return lines.with_columns(message=message)


def _training(machine: Machine, wording: Wording) -> pl.DataFrame:
    """Every message that somebody has seen before the day."""
    event = np.repeat(machine.seen, _TRAINING)
    near = np.arange(len(event)) % machine.cluster.compute
    planned = pl.DataFrame({"event": event, "node": near, "near": near}).with_columns(
        time=pl.lit(0.0), value=pl.int_range(pl.len()).cast(pl.Float64) / 7, session=pl.int_range(pl.len()),
        episode=pl.lit(None, pl.Int64()),
    )  # fmt: skip
    return _worded(machine, wording, planned, 1)
