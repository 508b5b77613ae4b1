"""Verdicts that outlive the process: what a model has said of a template is not asked again."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from rationanomaly.detection.answered import Answered, ModelVersion
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.verdict_record import read_verdict, write_verdict

_log = logging.getLogger(__name__)

_TABLES = (
    """CREATE TABLE IF NOT EXISTS verdicts (
        template_id TEXT NOT NULL,
        model TEXT NOT NULL,     -- digest of the model folder
        prompt TEXT NOT NULL,    -- version of the prompt
        kind TEXT NOT NULL,      -- of the final verdict: reasoned or direct
        verdict TEXT NOT NULL,   -- JSON
        final INTEGER NOT NULL,
        used REAL NOT NULL,      -- when last, seconds since 1970
        PRIMARY KEY (template_id, model, prompt, kind)
    )""",
    "CREATE INDEX IF NOT EXISTS verdicts_used ON verdicts (used)",
)
#: A final verdict stays where a direct one comes late.
_PUT = """
    INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET verdict = excluded.verdict, final = excluded.final, used = excluded.used
    WHERE excluded.final >= verdicts.final
"""
_DELETE = """
    DELETE FROM verdicts WHERE rowid IN (
        SELECT rowid FROM verdicts ORDER BY used, rowid LIMIT max(0, (SELECT count(*) FROM verdicts) - ?)
    )
"""
# Any number of ids as one value: the number of variables of a statement is limited.
_FIND = """
    SELECT template_id, verdict, final FROM verdicts
    WHERE template_id IN (SELECT value FROM json_each(?)) AND model = ? AND prompt = ? AND kind = ?
"""
_FIND_ANY = "SELECT template_id, verdict, final FROM verdicts WHERE template_id IN (SELECT value FROM json_each(?))"
_TOUCH = """
    UPDATE verdicts SET used = ?
    WHERE template_id IN (SELECT value FROM json_each(?)) AND model = ? AND prompt = ? AND kind = ?
"""
_NEWEST = """
    SELECT template_id, verdict, final FROM verdicts
    WHERE model = ? AND prompt = ? AND kind = ? ORDER BY used DESC, rowid DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A model's own verdict, without precedents.

    Attributes:
        verdict: as it was given; its floats are the same.
        final: see `Answered.final`; one that isn't is to be asked for again after a restart.
    """

    verdict: Verdict
    final: bool


class VerdictStore:
    """The table ``verdicts`` of a stream's database, keyed by template id, model digest, prompt version and kind.

    All methods write inside the caller's transaction.

    Args:
        max_verdicts: rows at most; those that have not been used for longest are deleted.
    """

    def __init__(self, max_verdicts: int) -> None:
        self._max = max_verdicts

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        for statement in _TABLES:
            connection.execute(statement)

    def find(
        self, connection: sqlite3.Connection, template_ids: Collection[str], model: ModelVersion
    ) -> dict[str, StoredVerdict]:
        """What this model has said, by template id; those of which it has said nothing are left out."""
        if not template_ids:
            return {}
        return dict(_read(connection.execute(_FIND, (json.dumps(list(template_ids)), *_key(model)))))

    @staticmethod
    def texts(connection: sqlite3.Connection, template_ids: Collection[str]) -> dict[str, str]:
        """The templates on which any model has said something, id → text."""
        rows = connection.execute(_FIND_ANY, (json.dumps(list(template_ids)),))
        return {identity: stored.verdict.template for identity, stored in _read(rows)}

    def put(self, connection: sqlite3.Connection, answered: Iterable[Answered], now: float) -> None:
        """Store what came; a final verdict is not replaced by one that isn't.

        Args:
            connection: in a transaction.
            answered: of any model.
            now: seconds since 1970.
        """
        rows = [
            (one.template_id, *_key(one.version), write_verdict(one.verdict), int(one.final), now) for one in answered
        ]
        if rows:
            connection.executemany(_PUT, rows)
            connection.execute(_DELETE, (self._max,))

    def touch(
        self, connection: sqlite3.Connection, template_ids: Collection[str], model: ModelVersion, now: float
    ) -> None:
        """Note that these are still of use, so that they are not the first to be deleted."""
        if template_ids:
            connection.execute(_TOUCH, (now, json.dumps(list(template_ids)), *_key(model)))

    def newest(
        self, connection: sqlite3.Connection, model: ModelVersion, limit: int
    ) -> Iterator[tuple[str, StoredVerdict]]:
        """The verdicts of a model that were used last, by template id, newest first."""
        yield from _read(connection.execute(_NEWEST, (*_key(model), limit)))

    @staticmethod
    def count(connection: sqlite3.Connection) -> int:
        """Rows of all models."""
        return int(connection.execute("SELECT count(*) FROM verdicts").fetchone()[0])


def _key(model: ModelVersion) -> tuple[str, str, str]:
    return model.digest, model.prompt, model.verdict


def _read(rows: Iterable[tuple[str, str, int]]) -> Iterator[tuple[str, StoredVerdict]]:
    """The verdicts of rows; a damaged one counts as missing, so that the model is asked again."""
    for identity, text, final in rows:
        try:
            verdict = read_verdict(text)
        except (ValueError, TypeError):
            _log.warning("the stored verdict on template %s is damaged; the model is asked again", identity)
            continue
        yield identity, StoredVerdict(verdict, bool(final))
