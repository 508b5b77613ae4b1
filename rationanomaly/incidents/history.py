"""What is usual in a stream: lines of each template by hour, and what an incident's hours differ in from quiet ones."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

import polars as pl

from rationanomaly.incidents.draft import Draft

_HOUR = 3600
#: Templates of an hour that are counted; of more the most frequent: bounds the table where a log makes up new ones.
_TEMPLATES = 5000
#: Characters of a template's text that are kept.
_TEXT = 2000
#: So many quiet hours are compared, the newest ones; fewer than the least are no history.
_QUIET_HOURS, _LEAST_HOURS = 48, 3
#: From this distance on, in standard deviations of a count with the expected mean (Poisson), a difference is named; of
#: those that are no template of the incident so many.
_DEVIATIONS, _OTHERS = 5.0, 10
_OWN = 50
#: Sets of quiet hours of which the usual lines are remembered.
_REMEMBERED = 8


def count_lines(connection: sqlite3.Connection, lines: pl.DataFrame, now: float, days: int) -> list[int]:
    """Add lines to the counts by hour, inside the caller's transaction.

    Args:
        connection: to the database.
        lines: see `signals.judged_lines.JUDGED_LINES`.
        now: for lines before the first one with a time; seconds since 1970.
        days: so much of the stream is kept, by the log's clock.

    Returns:
        the hours whose counts have changed.
    """
    if lines.is_empty():
        return []
    # A line without a time came when the one before it came.
    time = pl.col("time").dt.epoch("us").forward_fill().fill_null(int(now * 1e6))
    timed = lines.select("template_id", "template", time=time).drop_nulls()
    groups = (
        timed.group_by("template_id", hour=pl.col("time") // (_HOUR * 1_000_000))
        .agg(lines=pl.len(), template=pl.col("template").first())
        .sort("lines", descending=True)
        .filter(pl.int_range(pl.len()).over("hour") < _TEMPLATES)
    )
    clock = timed["time"].median()
    if not isinstance(clock, int | float):
        return []
    newest = connection.execute("SELECT max(hour) FROM incidents_hours").fetchone()[0]
    connection.executemany(
        "INSERT INTO incidents_hours VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines",
        groups.select("hour", "template_id", "lines").iter_rows(),
    )
    texts = groups.group_by("template_id").agg(pl.col("template").first().str.slice(0, _TEXT), pl.col("hour").max())
    connection.executemany(
        "INSERT INTO incidents_texts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hour = excluded.hour"
        " WHERE hour < excluded.hour",
        texts.iter_rows(),
    )
    # The middle one: a single line with a time of its own must not move the clock.
    connection.execute("INSERT OR REPLACE INTO incidents_clock VALUES (1, ?)", (clock / 1e6,))
    hour = int(clock / 1e6) // _HOUR
    hours: list[int] = groups["hour"].unique().to_list()
    _drop_surplus(connection, hours)
    if newest is None or hour > newest:
        for table in ("incidents_hours", "incidents_texts"):
            connection.execute(f"DELETE FROM {table} WHERE hour < ?", (hour - 24 * days,))  # noqa: S608
    return hours


def read_clock(connection: sqlite3.Connection) -> float | None:
    """Where the log's clock stands; None before the first line."""
    row = connection.execute("SELECT time FROM incidents_clock").fetchone()
    return None if row is None else float(row[0])


def read_texts(connection: sqlite3.Connection, template_ids: Iterable[str]) -> dict[str, str]:
    """Template ids → texts, as far as they are known."""
    query = "SELECT template FROM incidents_texts WHERE template_id = ?"
    found = {identity: connection.execute(query, (identity,)).fetchone() for identity in template_ids}
    return {identity: row[0] for identity, row in found.items() if row is not None}


class UsualLines:
    """Lines of each template in a quiet hour, remembered as long as the counts of the quiet hours stay as they are."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, ...], Mapping[str, float]] = {}

    def of(self, connection: sqlite3.Connection, quiet: Sequence[int]) -> Mapping[str, float]:
        """The median, or the mean, of each template over some hours."""
        key = tuple(quiet)
        found = self._found.pop(key, None)
        if found is None:
            found = _usual(connection, quiet)
            if len(self._found) >= _REMEMBERED:
                self._found.pop(next(iter(self._found)))
        self._found[key] = found
        return found

    def forget(self, hours: Collection[int]) -> None:
        """Lines of these hours have come."""
        changed = set(hours)
        self._found = {key: found for key, found in self._found.items() if changed.isdisjoint(key)}


def compare(
    connection: sqlite3.Connection, draft: Draft, own: Collection[str], usual_lines: UsualLines | None = None
) -> dict[str, tuple[float, float]]:
    """What the hours of an incident differ in from quiet ones: template id → (lines now, lines expected).

    Expected of a template is its median over quiet hours or, where that is 0, its mean, for as long as the incident's
    hours have lasted.

    Args:
        connection: to the database.
        draft: the incident.
        own: ids of its templates; they are named whether or not they differ.
        usual_lines: what is remembered of quiet hours; None: nothing.

    Returns:
        its own templates, and others that differ most; nothing where there is too little history.
    """
    first, last = int(draft.opened // _HOUR), int(draft.updated // _HOUR)
    quiet = _quiet_hours(connection, first)
    if len(quiet) < _LEAST_HOURS:
        return {}
    clock = max(draft.updated, read_clock(connection) or draft.updated)
    hours = (min(clock, (last + 1) * _HOUR) - first * _HOUR) / _HOUR
    query = "SELECT template_id, sum(lines) FROM incidents_hours WHERE hour BETWEEN ? AND ? GROUP BY template_id"
    now: dict[str, float] = dict(connection.execute(query, (first, last)))
    usual = (usual_lines or UsualLines()).of(connection, quiet)
    pairs = {name: (float(now.get(name, 0)), usual.get(name, 0.0) * hours) for name in {*now, *usual}}
    distances = {name: abs(seen - expected) / max(expected, 1.0) ** 0.5 for name, (seen, expected) in pairs.items()}
    mine = sorted((name for name in own if name in pairs), key=lambda name: (-distances[name], name))[:_OWN]
    far = [name for name in pairs if name not in own and distances[name] >= _DEVIATIONS]
    others = sorted(far, key=lambda name: (-distances[name], name))[:_OTHERS]
    return {name: pairs[name] for name in (*mine, *others)}


def _quiet_hours(connection: sqlite3.Connection, before: int) -> list[int]:
    """The newest hours before one in which lines came and no incident was open, newest first.

    The first hour of a stream is none: it may have been watched for a part of it only.
    """
    query = "SELECT DISTINCT hour FROM incidents_hours WHERE hour < ? ORDER BY hour DESC LIMIT 1000"
    hours = [hour for (hour,) in connection.execute(query, (before,))][:-1]
    if not hours:
        return []
    query = "SELECT opened, updated FROM incidents WHERE updated >= ? AND opened < ? AND ending = ''"
    spans = connection.execute(query, (hours[-1] * _HOUR, before * _HOUR)).fetchall()
    busy = {hour for opened, updated in spans for hour in range(int(opened // _HOUR), int(updated // _HOUR) + 1)}
    # Where there is always an incident, these are the hours that there are.
    quiet = [hour for hour in hours if hour not in busy]
    return (quiet if len(quiet) >= _LEAST_HOURS else hours)[:_QUIET_HOURS]


def _usual(connection: sqlite3.Connection, quiet: Collection[int]) -> Mapping[str, float]:
    """Lines of each template in a quiet hour."""
    counts: dict[str, list[int]] = defaultdict(list)
    query = "SELECT template_id, lines FROM incidents_hours WHERE hour = ?"
    for hour in quiet:
        for name, lines in connection.execute(query, (hour,)):
            counts[name].append(lines)
    return {name: _middle(found, len(quiet)) for name, found in counts.items()}


def _middle(counts: list[int], hours: int) -> float:
    """The median over some hours, or the mean where the median is 0; hours without a count have 0."""
    return median([*counts, *[0] * (hours - len(counts))]) or sum(counts) / hours


def _drop_surplus(connection: sqlite3.Connection, hours: Iterable[int]) -> None:
    """Keep the most frequent templates of an hour."""
    for hour in hours:
        count = connection.execute("SELECT count(*) FROM incidents_hours WHERE hour = ?", (hour,)).fetchone()[0]
        # Not at each new one: half as many again are let in before the rare ones are dropped.
        if count > 1.5 * _TEMPLATES:
            connection.execute(
                "DELETE FROM incidents_hours WHERE hour = ? AND template_id NOT IN (SELECT template_id FROM"
                " incidents_hours WHERE hour = ? ORDER BY lines DESC, template_id LIMIT ?)",
                (hour, hour, _TEMPLATES),
            )
