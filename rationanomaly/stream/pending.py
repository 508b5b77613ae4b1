"""Templates whose final verdict has not come, with some of their lines: what a correction will be about."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

import polars as pl

from rationanomaly.signals.alert import MAX_MESSAGE, LineRef
from rationanomaly.signals.judged_lines import JUDGED_LINES

_REF = ("source", "line", "time", "node", "message")


@dataclass(frozen=True)
class PendingTemplate:
    """A template whose lines were given out before its final verdict.

    Attributes:
        template: its text.
        count: number of these lines.
        lines: the first of them.
        nodes: for each node of ``lines`` how many of all come from it.
    """

    template: str
    count: int = 0
    lines: tuple[LineRef, ...] = ()
    nodes: Mapping[str | None, int] = field(default_factory=dict)


class Pending:
    """The table of these templates; all methods write inside the transaction of the caller.

    Args:
        most_lines: of a template, that are kept.
    """

    def __init__(self, most_lines: int) -> None:
        self._most = most_lines

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        connection.execute(
            "CREATE TABLE IF NOT EXISTS stream_pending "
            "(template_id TEXT PRIMARY KEY, template TEXT NOT NULL, count INTEGER NOT NULL, own TEXT NOT NULL)"
        )

    def add(self, connection: sqlite3.Connection, lines: pl.DataFrame) -> None:
        """Note lines that are given out.

        Args:
            connection: in a transaction.
            lines: `JUDGED_LINES`, those alone whose templates have no final verdict.
        """
        for (identity,), mine in lines.partition_by("template_id", as_dict=True, maintain_order=True).items():
            old = self._find(connection, str(identity)) or PendingTemplate(mine["template"][0])
            kept = old.lines + line_refs(mine.head(max(self._most - len(old.lines), 0)))
            more = dict(mine["node"].value_counts().iter_rows())
            nodes = {
                node: old.nodes.get(node, 0) + more.get(node, 0) for node in dict.fromkeys(one.node for one in kept)
            }
            own = json.dumps({"lines": [asdict(one) for one in kept], "nodes": list(nodes.items())})
            row = (str(identity), old.template, old.count + mine.height, own)
            connection.execute("INSERT OR REPLACE INTO stream_pending VALUES (?, ?, ?, ?)", row)

    def take(self, connection: sqlite3.Connection, template_id: str, final: bool) -> PendingTemplate | None:
        """What is kept of a template whose verdict has come; it is forgotten if that is final."""
        found = self._find(connection, template_id)
        if found is not None and final:
            connection.execute("DELETE FROM stream_pending WHERE template_id = ?", (template_id,))
        return found

    @staticmethod
    def each(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
        """Template id and text of all, read as they are asked for."""
        yield from connection.execute("SELECT template_id, template FROM stream_pending")

    def all(self, connection: sqlite3.Connection) -> dict[str, str]:
        """Template id → text of all."""
        return dict(self.each(connection))

    @staticmethod
    def _find(connection: sqlite3.Connection, template_id: str) -> PendingTemplate | None:
        query = "SELECT template, count, own FROM stream_pending WHERE template_id = ?"
        row = connection.execute(query, (template_id,)).fetchone()
        if row is None:
            return None
        own = json.loads(row[2])
        return PendingTemplate(row[0], row[1], tuple(LineRef(**one) for one in own["lines"]), dict(own["nodes"]))


def line_refs(lines: pl.DataFrame) -> tuple[LineRef, ...]:
    """Lines (`JUDGED_LINES`) as evidence."""
    rows = lines.select(
        "source", "line", pl.col("time").dt.epoch("us") / 1e6, "node", pl.col("message").str.slice(0, MAX_MESSAGE)
    )
    return tuple(LineRef(*row) for row in rows.iter_rows())


def as_judged(identity: str, found: PendingTemplate, answer: str, score: float) -> pl.DataFrame:
    """The kept lines of a template as `JUDGED_LINES` with the verdict that has come."""
    rows = {name: [getattr(line, name) for line in found.lines] for name in _REF}
    frame = pl.DataFrame(rows, schema={**{name: JUDGED_LINES[name] for name in _REF}, "time": pl.Float64()})
    known = {"template": found.template, "template_id": identity, "answer": answer, "score": score}
    return frame.select(
        (pl.lit(known[name], kind) if name in known else _column(name, kind)).alias(name)
        for name, kind in JUDGED_LINES.items()
    )


def _column(name: str, kind: pl.DataType) -> pl.Expr:
    if name == "time":
        return (pl.col("time") * 1e6).cast(pl.Int64).cast(kind)
    return pl.col(name) if name in _REF else pl.lit(None, kind)
