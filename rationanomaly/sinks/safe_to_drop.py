"""Templates whose lines nobody needs: reviewed as normal, frequent, and never part of an incident.

What is left out is kept, so every doubt keeps a template out: a verdict that says otherwise, a decision that is still
open, words that a line of another template could have as well.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rationanomaly.decisions.ledger import read_ledger
from rationanomaly.decisions.precedents import Precedents
from rationanomaly.errors import InputError
from rationanomaly.records import template_id
from rationanomaly.sinks.line_pattern import LinePattern

#: What has to be there before anything can be said.
_TABLES = ("incidents_hours", "incidents_texts", "incidents_alerts", "incidents_places", "incidents_tail", "verdicts")


@dataclass(frozen=True)
class Safe:
    """A template that is safe to drop.

    Attributes:
        template_id, template: which.
        lines: of it in the history that the stream keeps.
        pattern: of its lines.
    """

    template_id: str
    template: str
    lines: int
    pattern: LinePattern


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why others were not.

    Attributes:
        safe: most frequent first.
        lines: of all templates in the history.
        kept: reason → number of templates that were reviewed as normal and are kept for it.
    """

    safe: tuple[Safe, ...]
    lines: int
    kept: Mapping[str, int]

    @property
    def share(self) -> float:
        """Of the lines, in [0, 1]."""
        return sum(one.lines for one in self.safe) / self.lines if self.lines else 0.0


def choose(database: Path, ledger: Path, min_lines: int, max_templates: int) -> Choice:
    """The templates that are safe to drop.

    Args:
        database: of the stream; read only.
        ledger: decisions of reviewers.
        min_lines: in the history, below which a template isn't frequent.
        max_templates: in the filter: each costs a pattern to be tried on every line.

    Raises:
        InputError: it is no database of a stream, or the ledger can't be read.
    """
    normal, reviewed = _reviewed(ledger)
    with _opened(database) as connection:
        counts = dict(connection.execute("SELECT template_id, sum(lines) FROM incidents_hours GROUP BY template_id"))
        texts = dict(connection.execute("SELECT template_id, template FROM incidents_texts"))
        incidents = {row[0] for row in connection.execute(
            "SELECT template_id FROM incidents_alerts WHERE template_id IS NOT NULL "
            "UNION SELECT value FROM incidents_places WHERE what = 'template'"
        )}  # fmt: skip
        contrary = {identity for identity, text in connection.execute("SELECT template_id, verdict FROM verdicts")
                    if not _says_normal(text)}  # fmt: skip
        seen = connection.execute("SELECT message, template_id, answer FROM incidents_tail").fetchall()
    kept: dict[str, int] = defaultdict(int)
    candidates: list[Safe] = []
    for identity in normal & counts.keys():
        text = texts.get(identity, "")
        pattern = LinePattern.of(text) if template_id(text) == identity else None
        reason = (
            "part of an incident" if identity in incidents
            else "a model says otherwise" if identity in contrary
            else "not frequent" if counts[identity] < min_lines
            else "too few words" if pattern is None
            else None
        )  # fmt: skip
        if reason is not None:
            kept[reason] += 1
        elif pattern is not None:
            candidates.append(Safe(identity, text, counts[identity], pattern))
    names = {one.template_id for one in candidates}
    others = {identity: text for identity, text in {**reviewed, **texts}.items() if identity not in names}
    safe = list(_alone(candidates, others.values(), kept))
    safe = _unlike_lines(safe, [message for message, identity, answer in seen
                                if answer != "normal" or identity not in names], kept)  # fmt: skip
    safe.sort(key=lambda one: (-one.lines, one.template_id))
    if len(safe) > max_templates:
        kept["beyond the limit of templates"] = len(safe) - max_templates
    return Choice(tuple(safe[:max_templates]), sum(counts.values()), dict(kept))


def _reviewed(ledger: Path) -> tuple[frozenset[str], dict[str, str]]:
    """Ids of templates that experts have settled as normal, and the texts of all that they looked at."""
    read = read_ledger(ledger)
    labels: dict[str, set[str]] = defaultdict(set)
    for precedent in Precedents().under(read).all:
        labels[precedent.template_id].add(precedent.label)
    normal = frozenset(identity for identity, found in labels.items() if found == {"normal"})
    return normal, {entry.decision.template_id: entry.decision.template for entry in read.entries}


def _alone(candidates: Collection[Safe], others: Iterable[str], kept: dict[str, int]) -> Iterator[Safe]:
    """The candidates of which no pattern can match a line of another template that isn't safe."""
    by_length: dict[int, list[LinePattern]] = defaultdict(list)
    for text in others:
        other = LinePattern(text.split())
        by_length[len(other.words)].append(other)
    for one in candidates:
        if any(one.pattern.may_share_lines(other) for other in by_length[len(one.pattern.words)]):
            kept["its words fit another template, too"] += 1
        else:
            yield one


def _unlike_lines(safe: list[Safe], messages: Collection[str], kept: dict[str, int]) -> list[Safe]:
    """Those whose pattern matches none of the lines that the stream keeps as evidence; in linear time, with polars."""
    lines = pl.Series(messages, dtype=pl.String)
    found = [one for one in safe if not lines.str.contains(one.pattern.regex).any()]
    if len(found) < len(safe):
        kept["its words fit another line, too"] += len(safe) - len(found)
    return found


def _says_normal(verdict: str) -> bool:
    try:
        return bool(json.loads(verdict)["answer"] == "normal")
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    """A database that is only read."""
    hint = "Name the state folder of detect --follow or serve"
    if not database.is_file():
        raise InputError("there is no database of a stream", file=database, hint=hint)
    connection = sqlite3.connect(database, timeout=30.0)
    try:
        connection.execute("PRAGMA query_only = TRUE")
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if set(_TABLES) - {row[0] for row in connection.execute(query)}:
            raise InputError("is no database of a stream that has judged lines", file=database, hint=hint)
        yield connection
    except sqlite3.DatabaseError as error:
        raise InputError(f"can't be read as a database: {error}", file=database, hint=hint) from error
    finally:
        connection.close()
