"""What signals and incidents find on simulated days with known episodes, and what they raise without one.

    python -m benchmarks.day                      # the reported days; six minutes of one core
    python -m benchmarks.day --development 3      # other days, for choosing; their number
    python -m benchmarks.day --workers 4          # several days at once
    python -m benchmarks.day --json day.json      # with all alerts and incidents of the first day, for the picture

Each day comes behind seven quiet ones, from which the signals learn, line by line through the real miner, the real
signals and the real book of incidents. Answers on lines are not a model's: on templates of training they are the true
labels, as reviewed ones are; on new templates they are wrong in a stated share. Nothing was tuned on the reported days:
values were chosen on the days of --development, whose seeds are others.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import polars as pl

from benchmarks.day_scores import DayScores, score_day, without_repetitions
from rationanomaly.drift.book import DriftBook
from rationanomaly.drift.measures import Measured
from rationanomaly.drift.report import report_drift
from rationanomaly.incidents.book import IncidentBook
from rationanomaly.incidents.incident import Incident
from rationanomaly.params import DEFAULTS_NAME, Params, load_params
from rationanomaly.signals.alert import Alert
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.signals.signals import Signals, abnormal_lines
from rationanomaly.simulate.day import EPISODE_KINDS, DaySettings, simulate_day
from rationanomaly.simulate.day.mined import AnswerErrors, MinedDay
from rationanomaly.simulate.day.settings import DAY_SECONDS
from rationanomaly.stream.database import connect, transaction

#: Seeds of the days that are reported: with episodes, and quiet ones. Development has those from 1 on.
REPORTED, QUIET = range(101, 111), range(201, 204)
#: Length of a batch in seconds, in the quiet days before and on the day itself.
_HISTORY_SECONDS, _DAY_SECONDS = 1800.0, 120.0
#: Share of the messages that an update words anew, to see drift.
_REWORDED = 0.2
TARGET_ONE_INCIDENT, TARGET_FALSE_INCIDENTS = 0.8, 2.0


@dataclass(frozen=True)
class Watched:
    """What came of one day.

    Attributes:
        truth: its episodes.
        alerts: of the day.
        incidents: of the day, in their last states.
        lines: per hour of the day, for the picture.
        drift: of the day against the quiet ones.
        seconds_per_line: of the processor that signals and incidents took.
    """

    truth: list[dict[str, Any]]
    alerts: list[Alert]
    incidents: list[Incident]
    lines: list[int]
    drift: tuple[Measured, ...]
    seconds_per_line: float

    @property
    def scores(self) -> DayScores:
        """Held against the truth."""
        return score_day(self.truth, self.alerts, self.incidents)


def watch_day(settings: DaySettings, params: Params, errors: AnswerErrors) -> Watched:
    """Let signals and incidents watch a simulated day."""
    log = simulate_day(settings)
    day = MinedDay(log, params.parse, errors, settings.seed)
    drift = DriftBook(params.watch.drift, day.known)
    signals, book = Signals(params.watch.signals, day.known), IncidentBook(params.watch.incidents)
    alerts: list[Alert] = []
    incidents: dict[str, Incident] = {}
    spent, count = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        connection = connect(Path(folder) / "stream.db")
        connection.execute("PRAGMA synchronous = OFF")  # What is measured is what is found.
        Signals.prepare(connection)
        IncidentBook.prepare(connection)
        DriftBook.prepare(connection)
        for batch in day.batches(_HISTORY_SECONDS, _DAY_SECONDS):
            corrected = day.corrected(batch)
            start = time.process_time()
            found, changed = _take(connection, signals, book, batch, corrected)
            spent, count = spent + time.process_time() - start, count + batch.height
            alerts += [alert for alert in found if alert.time >= log.day_start]
            incidents |= {one.id: one for one in changed}
            with transaction(connection):
                drift.observe(connection, batch)
        last_hour = log.day_start + DAY_SECONDS - 1
        measured = report_drift(drift, connection, params.watch.drift, None, last_hour).measures
        connection.close()
    hours = log.lines.filter(pl.col("time").dt.epoch("s") >= int(log.day_start))["time"].dt.hour()
    per_hour = dict(hours.value_counts().iter_rows())
    return Watched(
        truth=log.truth(day.truth_templates()),
        alerts=alerts,
        incidents=[one for one in incidents.values() if one.opened >= log.day_start],
        lines=[int(per_hour.get(hour, 0)) for hour in range(24)],
        drift=measured,
        seconds_per_line=spent / count,
    )


def watch_days(settings: Sequence[DaySettings], params: Params, errors: AnswerErrors, workers: int) -> list[Watched]:
    """Watch several days, each in a process of its own where ``workers`` is above 1; what comes out is the same."""
    if workers == 1:
        return [watch_day(one, params, errors) for one in settings]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(watch_day, settings, repeat(params), repeat(errors)))


def _take(
    connection: sqlite3.Connection, signals: Signals, book: IncidentBook, batch: pl.DataFrame, corrected: pl.DataFrame
) -> tuple[list[Alert], list[Incident]]:
    """One batch as the engine takes it; answers that were pending come right behind it."""
    lines = batch.select(JUDGED_LINES.names()).match_to_schema(JUDGED_LINES)
    now = float(batch["time"].dt.epoch("ms").to_numpy().max()) / 1000
    with transaction(connection):
        book.observe(connection, lines)
        found = [*abnormal_lines(lines), *signals.observe(lines), *signals.tick(now)]
        if corrected.height:
            found += abnormal_lines(corrected.select(JUDGED_LINES.names()))
        changed = [*book.add(connection, found), *book.tick(connection, now)]
    return found, changed


def show(name: str, days: Sequence[DayScores], print_line: Callable[[str], None]) -> bool:
    """Print the table of some days; whether the targets are met."""
    episodes = [one for day in days for one in day.episodes]
    print_line(f"{name}: {len(days)} days, {len(episodes)} episodes")
    print_line(f"{'kind':14} {'episodes':>8} {'recall':>7} {'any kind':>8} {'delay min':>9} {'one incident':>12}")
    for kind in EPISODE_KINDS:
        mine = [one for one in episodes if one.kind == kind]
        if mine:
            delays = [one.delay for one in mine if one.delay is not None]
            delay = f"{median(delays) / 60:9.1f}" if delays else f"{'-':>9}"
            own, any_kind = _share(one.by_own_kind for one in mine), _share(bool(one.alert_kinds) for one in mine)
            alone = _share(one.alone for one in mine)
            print_line(f"{kind:14} {len(mine):8} {own:7.2f} {any_kind:8.2f} {delay} {alone:12.2f}")
    raised, false = Counter[str](), Counter[str]()
    for day in days:
        raised.update(day.alerts)
        false.update(day.false_alerts)
    print_line(f"{'alert kind':14} {'a day':>8} {'false a day':>11}")
    for alert_kind in sorted(raised):
        print_line(f"{alert_kind:14} {raised[alert_kind] / len(days):8.1f} {false[alert_kind] / len(days):11.1f}")
    print_line(f"{'all':14} {raised.total() / len(days):8.1f} {false.total() / len(days):11.1f}")
    incidents = sum(day.incidents for day in days) / len(days)
    false_incidents = sum(day.false_incidents for day in days) / len(days)
    print_line(f"incidents: {incidents:.1f} a day")
    met = false_incidents <= TARGET_FALSE_INCIDENTS
    print_line(_target("DAY_FALSE_INCIDENTS", false_incidents, TARGET_FALSE_INCIDENTS, met))
    if episodes:
        alone = _share(one.alone for one in episodes)
        print_line(_target("DAY_ONE_INCIDENT", alone, TARGET_ONE_INCIDENT, alone >= TARGET_ONE_INCIDENT))
        met = met and alone >= TARGET_ONE_INCIDENT
    return met


def show_drift(name: str, days: Sequence[Watched], print_line: Callable[[str], None]) -> None:
    """Print what the days are against those before them."""
    print_line(f"drift, {name}:")
    print_line(f"{'measure':16} {'highest':>8} {'limit':>6} {'drifted days':>12}")
    by_name: dict[str, list[Measured]] = {}
    for day in days:
        for one in day.drift:
            by_name.setdefault(one.name, []).append(one)
    for name, found in by_name.items():
        values = [abs(one.value) for one in found if one.value is not None]
        highest = f"{max(values):8.3f}" if values else f"{'-':>8}"
        print_line(f"{name:16} {highest} {found[0].threshold:6.2f} {sum(one.drifted for one in found):12}")


def as_document(settings: DaySettings, day: Watched) -> dict[str, Any]:
    """A day as JSON, for `docs/day_picture.py`."""
    return {
        "seed": settings.seed,
        "episodes": day.truth,
        "alerts": [{"kind": one.kind, "time": one.time, "text": one.text} for one in without_repetitions(day.alerts)],
        "incidents": [
            {"id": one.id, "opened": one.opened, "updated": one.updated, "title": one.title} for one in day.incidents
        ],
        "false_incidents": day.scores.false_incidents,
        "lines": day.lines,
    }


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _target(name: str, value: float, target: float, met: bool) -> str:
    return f"{name} = {value:.2f} (target {target:g}) {'ok' if met else 'short'}"


def main() -> int:
    """Measure, print the tables and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", type=int, metavar="DAYS", help="so many other days, and none of the reported")
    parser.add_argument("--reviewed-errors", type=float, default=0.0, help="share of wrong answers, known templates")
    parser.add_argument("--miss", type=float, default=0.1, help="share of wrong answers on new faults")
    parser.add_argument(
        "--false-alarm", type=float, default=0.05, help="share of wrong answers on new benign templates"
    )
    parser.add_argument("--days", type=int, help="only so many of the reported days, and as many quiet ones at most")
    parser.add_argument("--workers", type=int, default=1, help="days that are watched at once, each on a core")
    parser.add_argument("--json", type=Path, help="write the first day to this file")
    arguments = parser.parse_args()
    params = load_params(Path(DEFAULTS_NAME))
    errors = AnswerErrors(arguments.reviewed_errors, arguments.miss, arguments.false_alarm)
    seeds = REPORTED if arguments.development is None else range(1, 1 + arguments.development)
    quiet_seeds = QUIET if arguments.development is None else range(51, 52)
    if arguments.days is not None:
        seeds, quiet_seeds = seeds[: arguments.days], quiet_seeds[: arguments.days]
    updated = DaySettings(seed=quiet_seeds[0], episodes=0, reworded=_REWORDED)
    every = [*(DaySettings(seed=seed) for seed in seeds), *(DaySettings(seed=seed, episodes=0) for seed in quiet_seeds)]
    watched = watch_days([*every, updated], params, errors, arguments.workers)
    days, quiet, reworded = watched[: len(seeds)], watched[len(seeds) : -1], watched[-1:]
    if arguments.json is not None:
        document = as_document(DaySettings(seed=seeds[0]), days[0])
        arguments.json.write_text(json.dumps(document) + "\n", encoding="utf-8")
    met = show("days with episodes", [day.scores for day in days], print)
    met = show("quiet days", [day.scores for day in quiet], print) and met
    show_drift("quiet days", quiet, print)
    show_drift(f"a day after {_REWORDED:.0%} of the messages were reworded", reworded, print)
    print(f"signals and incidents take {1e6 * median(day.seconds_per_line for day in days):.1f} µs a line")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
