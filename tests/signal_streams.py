"""A stream of judged lines for tests of signals: quiet but for what a test adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from rationanomaly.params.watch.signals import SignalParams
from rationanomaly.signals.alert import Alert
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.signals.signals import Signals

#: Monday, 2 March 2026, 00:00 UTC.
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
HOUR, MINUTE = 3600.0, 60.0

SETTINGS = SignalParams(
    alerts_per_day=10,
    repeat_minutes=10,
    forget_hours=24,
    session_quiet_minutes=60,
    max_templates=5000,
    max_nodes=2000,
    max_pairs=20000,
    max_parameters=5000,
    max_sessions=50000,
    max_seen=200000,
)

Row = dict[str, Any]


def row(at: float, template: str = "request served", **more: Any) -> Row:
    """One line."""
    values: Row = {
        "source": "app.log",
        "line": 1,
        "time": datetime.fromtimestamp(at, UTC),
        "node": "web-1",
        "level": "INFO",
        "message": template,
        "template": template,
        "template_id": f"id of {template}",
        "parameters": [],
        "sessions": None,
        "answer": "normal",
        "score": 0.1,
    }
    return values | more


def poisson(
    rng: np.random.Generator, start: float, end: float, per_minute: float, make: Callable[[float], Row]
) -> list[Row]:
    """Lines at random times."""
    count = int(rng.poisson(per_minute * (end - start) / MINUTE))
    return [make(float(at)) for at in rng.uniform(start, end, count)]


def regular(
    rng: np.random.Generator,
    start: float,
    end: float,
    period: float,
    make: Callable[[float], Row],
    jitter: float = 0.02,
) -> list[Row]:
    """Lines at regular times, with a little jitter."""
    times = np.arange(start, end, period)
    return [make(float(at)) for at in times + rng.normal(0, jitter * period, len(times))]


def quiet(rng: np.random.Generator, start: float, end: float, nodes: int = 6) -> list[Row]:
    """A quiet service: some templates on some nodes, with durations and a heartbeat each."""
    rows: list[Row] = []
    for number in range(1, nodes + 1):
        node = f"web-{number}"
        for template, rate in (("request served", 3.0), ("cache refreshed", 1.0), ("connection closed", 2.0)):
            rows += poisson(rng, start, end, rate, lambda at, t=template, n=node: row(at, t, node=n))  # type: ignore[misc]
        rows += poisson(rng, start, end, 1.0, lambda at, n=node: _timed(rng, at, n))  # type: ignore[misc]
        rows += regular(rng, start + number, end, 30, lambda at, n=node: row(at, "alive", node=n))  # type: ignore[misc]
    return rows


def _timed(rng: np.random.Generator, at: float, node: str) -> Row:
    value = f"{rng.lognormal(3, 0.3):.1f}"
    template = "query took <*> ms"
    return row(at, template, node=node, message=f"query took {value} ms", parameters=[value])


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """The lines in the order of time, numbered."""
    ordered = sorted(rows, key=lambda one: (one["time"] is None, one["time"]))
    return pl.DataFrame([one | {"line": number} for number, one in enumerate(ordered, 1)], schema=JUDGED_LINES)


def batches(lines: pl.DataFrame, seconds: float = 60) -> Iterator[pl.DataFrame]:
    """The lines as they come, so many seconds at once."""
    slot = lines["time"].dt.timestamp("us") // int(seconds * 1e6)
    yield from lines.with_columns(slot=slot).partition_by("slot", maintain_order=True, include_key=False)


def watch(signals: Signals, rows: Sequence[Row], seconds: float = 60, live: bool = False) -> list[Alert]:
    """All alerts that lines cause.

    Args:
        signals: see there.
        rows: in any order.
        seconds: of a batch.
        live: whether the clock ticks behind each batch.
    """
    alerts: list[Alert] = []
    for part in batches(frame(rows), seconds):
        alerts += signals.observe(part)
        if live:
            alerts += signals.tick(part["time"].max().timestamp())  # type: ignore[union-attr]
    return alerts
