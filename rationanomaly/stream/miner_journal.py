"""A miner whose learning survives a crash: what changed it lies in the database, and is learnt again from there."""

from __future__ import annotations

import sqlite3
from typing import cast

import polars as pl

from rationanomaly.parse.mining import Miner

#: What is asked of messages: the columns that `Miner.masked` reads.
_OF_MESSAGE = ("message", "message_template")


class MinerJournal:
    """Finds the templates of messages, and keeps what it learns from them.

    Args:
        miner: as the model folder carries it.
    """

    def __init__(self, miner: Miner) -> None:
        self._miner = miner
        #: Ids of the templates of training.
        self.templates = miner.templates()
        self._new: list[str] = []

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        connection.execute("CREATE TABLE IF NOT EXISTS stream_masks (id INTEGER PRIMARY KEY, mask TEXT NOT NULL)")

    def restore(self, connection: sqlite3.Connection) -> None:
        """Learn again what `store` has kept."""
        self._miner.learn(mask for (mask,) in connection.execute("SELECT mask FROM stream_masks ORDER BY id"))

    def store(self, connection: sqlite3.Connection) -> None:
        """Keep what was learnt since the last call."""
        connection.executemany("INSERT INTO stream_masks (mask) VALUES (?)", [(mask,) for mask in self._new])
        self._new.clear()

    def name(self, messages: pl.DataFrame) -> pl.DataFrame:
        """``message`` with single spaces, ``template``, ``template_id``, ``parameters``, of each row.

        Args:
            messages: ``message``, ``message_template``; by first appearance.
        """
        masked = self._miner.masked(messages.select(_OF_MESSAGE))
        self._new += self._miner.learn(cast(pl.Enum, masked.schema["mask"]).categories)
        return self._miner.name(masked)

    def known(self) -> list[str]:
        """The texts of all templates by now."""
        return self._miner.templates()
