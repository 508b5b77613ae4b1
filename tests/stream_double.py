"""An engine without a model and without statistics, with the signatures of `stream.engine.Engine`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event, RLock
from typing import Any

import polars as pl

from rationanomaly.detection.answered import ModelVersion
from rationanomaly.detection.verdict import Verdict
from rationanomaly.errors import InputError
from rationanomaly.incidents.book import IncidentBook
from rationanomaly.records import template_id
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.database import connect, transaction
from rationanomaly.stream.taken import Settled, Taken


def verdict_on(template: str) -> Verdict:
    """Abnormal where the template says that something failed."""
    score = 0.9 if "fail" in template else 0.1
    answer: Any = "abnormal" if score > 0.5 else "normal"
    return Verdict(template, answer, score, score, answer, True, f"It says so. So the log is {answer}.", (), True)


class DoubleEngine:
    """Remembers the lines that it took; what it does not know it learns when somebody waits for it.

    Attributes:
        fault: raised by `take` instead of taking; given the chunks.
        taken: data by stream, as they were stored.
        batches: chunks of each transaction.
        gate: `take` waits for it.
        loading: `swap` waits for it.
        swapped: models that were changed to.
    """

    def __init__(self, folder: Path, known: Sequence[str] = ()) -> None:
        self.database, self.ledger = folder / "stream.db", None
        self.connection = connect(self.database)
        with transaction(self.connection):
            IncidentBook.prepare(self.connection)
        self.version = ModelVersion("d1" * 32, "3", "rationanomaly", "1")
        self.known = list(known)
        self.fault: Callable[[Sequence[Chunk]], Exception | None] = lambda chunks: None
        self.taken: dict[str, bytes] = {}
        self.batches: list[list[Chunk]] = []
        self.gate, self.loading = Event(), Event()
        self.gate.set()
        self.loading.set()
        self.entered = Event()
        self.swapped: list[str] = []
        self.calls = 0
        self.ticks = Event()
        self._lock = RLock()

    def take(self, chunks: Sequence[Chunk], write: Any = None) -> Taken:
        """One row per line; the template is the message."""
        self.entered.set()
        self.gate.wait()
        with self._lock:
            if (fault := self.fault(chunks)) is not None:
                raise fault
            rows: list[dict[str, Any]] = []
            for chunk in chunks:
                if chunk.format not in ("auto", "otlp", "plain"):
                    raise InputError("no such format", hint="Name another")
                first = self.taken.get(chunk.stream, b"").count(b"\n") + 1
                self.taken[chunk.stream] = self.taken.get(chunk.stream, b"") + chunk.data
                for number, raw in enumerate(chunk.data.decode("utf-8", "replace").split("\n")[:-1], first):
                    rows.append(_row(chunk, number, raw))
            self.batches.append(list(chunks))
            return Taken(pl.DataFrame(rows, JUDGED_LINES), [], [], 0, self.version)

    def settle(self, write: Any = None) -> Settled:
        """Nothing."""
        return Settled([], [], [])

    def tick(self, write: Any = None) -> Taken:
        """Nothing."""
        self.ticks.set()
        return Taken(JUDGED_LINES.to_frame(), [], [], 0, self.version)

    def positions(self) -> dict[str, Any]:
        """Of the streams so far."""
        return dict.fromkeys(self.taken)

    def ask(self, templates: Sequence[str], wait_seconds: float) -> list[Verdict | None]:
        """What is known; all of it for who waits."""
        with self._lock:
            self.calls += 1
            if wait_seconds:
                self.known += [one for one in templates if one not in self.known]
            return [verdict_on(one) if one in self.known else None for one in templates]

    def similar(self, template: str, k: int) -> list[tuple[str, float, Verdict | None]]:
        """By common words."""
        words = set(template.split())
        found = [(one, len(words & set(one.split())) / len(words | set(one.split()))) for one in self.known]
        found.sort(key=lambda one: -one[1])
        return [(text, near, verdict_on(text)) for text, near in found[:k]]

    def swap(self, model: str) -> None:
        """The next version."""
        self.loading.wait()
        if "broken" in model:
            raise InputError("no such registered model version", file=model)
        self.swapped.append(model)
        number = int(self.version.number or 0) + 1
        self.version = ModelVersion(f"d{number}" * 32, "3", "rationanomaly", str(number))

    def counters(self) -> Mapping[str, float]:
        """As the engine calls them."""
        lines = float(sum(data.count(b"\n") for data in self.taken.values()))
        return {"lines": lines, "answer.normal": lines, "alert.line": 2.0, "templates": float(len(self.known)),
                "pending": 0.0, "model_calls": float(self.calls), "log_time": time.time()}  # fmt: skip

    def close(self) -> None:
        """Close the database."""
        self.connection.close()


def full_disk(_chunks: Sequence[Chunk]) -> Exception:
    """What SQLite says of a full disk."""
    return sqlite3.OperationalError("database or disk is full")


def _row(chunk: Chunk, number: int, raw: str) -> dict[str, Any]:
    verdict = verdict_on(raw)
    row = dict.fromkeys(JUDGED_LINES.names())
    return row | {
        "source": chunk.stream, "line": number, "node": chunk.node, "message": raw, "template": raw,
        "template_id": template_id(raw), "parameters": [], "answer": verdict.answer, "score": verdict.score,
    }  # fmt: skip
