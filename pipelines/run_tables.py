"""Runs and their tasks as tables for people and as documents for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from pipelines.connection import Server
from pipelines.run_state import RunState, parse_run
from pipelines.schedule import Schedule
from pipelines.submission import equal, find_experiment
from rationanomaly.cli import console
from rationanomaly.errors import InputError, ParamsError

STATES = ("PENDING", "RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "CANCELING", "CANCELED", "PAUSED")


def list_runs(server: Server, experiment: str | None, state: str | None, limit: int) -> list[RunState]:
    """The newest runs.

    Args:
        server: where.
        experiment: name; None: all that may be seen.
        state: of the runs; None: all.
        limit: so many at most.

    Raises:
        ParamsError: no such state.
        InputError: no such experiment.
    """
    query = {"sort_by": "created_at desc", "page_size": str(min(limit, 200)), **server.scope}
    if state:
        if state.upper() not in STATES:
            raise ParamsError(f"`--state {state}` is none", hint=f"There are {', '.join(STATES).lower()}")
        query["filter"] = equal("state", state.upper())
    if experiment:
        identity = find_experiment(server, experiment)
        if identity is None:
            raise InputError(f"the server has no experiment {experiment}", hint="`list` without it shows all runs")
        query["experiment_id"] = identity
    found: list[RunState] = []
    for page in server.pages("list runs", "/runs", **query):
        found += [parse_run(one) for one in page.get("runs") or ()]
        if len(found) >= limit:
            break
    return found[:limit]


def run_document(server: Server, state: RunState) -> dict[str, Any]:
    """A run for programs; times as ISO 8601, durations in seconds."""
    now = datetime.now(UTC)
    return {
        "run_id": state.identity, "name": state.name, "state": state.state, "page": server.run_page(state.identity),
        "created": _iso(state.created), "finished": _iso(state.finished), "error": state.error,
        "tasks": [
            {"name": task.name, "state": task.state, "started": _iso(task.started), "finished": _iso(task.finished),
             "seconds": task.seconds(now), "error": task.error}
            for task in state.tasks
        ],
    }  # fmt: skip


def show_run(server: Server, state: RunState) -> None:
    """Print a run and its tasks."""
    now = datetime.now(UTC)
    age = f" for {shown_seconds(state.age.total_seconds())}" if state.age and not state.is_final else ""
    title = f"{state.name}: {state.state.lower()}{age}"
    console.STDOUT.print(console.inert(title), highlight=False, soft_wrap=True)
    console.STDOUT.print(console.inert(server.run_page(state.identity)), highlight=False, soft_wrap=True)
    if state.error:
        console.STDOUT.print(console.inert(state.error), highlight=False, soft_wrap=True)
    if not state.tasks:
        return
    table = Table("task", "state", "duration", "why")
    for task in state.tasks:
        seconds = task.seconds(now)
        cells = (task.name, task.state.lower(), "" if seconds is None else shown_seconds(seconds), task.error or "")
        table.add_row(*(console.inert(cell) for cell in cells))
    console.STDOUT.print(table)


def show_runs(runs: Sequence[RunState]) -> None:
    """Print a table of runs."""
    table = Table("run", "name", "state", "created", "duration")
    for run in runs:
        created = f"{run.created:%Y-%m-%d %H:%M}" if run.created else ""
        age = shown_seconds(run.age.total_seconds()) if run.age else ""
        table.add_row(*(console.inert(cell) for cell in (run.identity, run.name, run.state.lower(), created, age)))
    console.STDOUT.print(table)


def show_schedules(schedules: Sequence[Schedule]) -> None:
    """Print a table of schedules."""
    table = Table("schedule", "state", "when", "id")
    for one in schedules:
        cells = (one.name, "on" if one.is_enabled else "paused", one.when, one.identity)
        table.add_row(*(console.inert(cell) for cell in cells))
    console.STDOUT.print(table)


def shown_seconds(seconds: float) -> str:
    """Such as 2 h 05 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    return f"{minutes} min {whole % 60:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
