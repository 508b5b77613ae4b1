"""Templates never seen before."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from math import log10
from typing import Any

import numpy as np

from rationanomaly.parse.drain import WILDCARD
from rationanomaly.signals.batch import Batch, some_of
from rationanomaly.signals.bounded import drop_oldest
from rationanomaly.signals.budget import DAY, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_time

#: Before so long, and so many lines, everything is new.
LEARN_SECONDS, _LEARN_LINES = 3600.0, 500
#: Levels of lines that are grave whatever they say.
_GRAVE = frozenset(
    {"ERROR", "ERR", "SEVERE", "FATAL", "CRITICAL", "CRIT", "ALERT", "EMERG", "EMERGENCY", "FAILURE", "PANIC"}
)
#: New templates within so long of each other are one thing.
_TOGETHER_SECONDS = 600.0
#: Cost of a template that comes with another one, in alerts.
_TOGETHER_COST = 0.1
#: Surprise of one that is grave, beyond its threshold.
_GRAVE_SURPRISE = 3.0
#: New templates are rare where fewer than this share of all alerts of a day are expected.
_COMMON = 0.5
#: Texts that are kept for finding out that a template was generalised.
_MOST_TEXTS = 20_000


class NewTemplates:
    """What was never seen before, within a budget.

    A grave one (by its level or its verdict) is an alert as long as the day's budget lasts. Any other is one if new
    templates are rare by now: by Good and Turing, the next of N lines is a new one with the probability N1 / N,
    N1 being the number of templates that came once (Good, The population frequencies of species, Biometrika 1953).

    Args:
        known: template ids of training.
        alerts_per_day: of all signals.
        max_seen: template ids that are remembered.
        budget: where tests are counted.
    """

    def __init__(self, known: Collection[str], alerts_per_day: float, max_seen: int, budget: Budget) -> None:
        self._known = frozenset(known)
        self._max_seen = max_seen
        self._budget = budget
        self._capacity = max(alerts_per_day, 1.0)
        self._tokens, self._filled = self._capacity, 0.0
        #: template id → whether it came once only so far; the longest known first.
        self._seen: dict[str, bool] = {}
        self._unsaved: dict[str, bool] = {}
        self._once = 0
        self._lines = 0
        self._began: float | None = None
        self._admitted = float("-inf")
        #: words of a text → its id, by number of words.
        self._texts: dict[int, dict[tuple[str, ...], str]] = {}
        self._text_count = 0

    @property
    def known_from(self) -> float | None:
        """From when on new templates are alerts; None as long as that is open."""
        return None if self._began is None or self._lines < _LEARN_LINES else self._began + LEARN_SECONDS

    def observe(self, batch: Batch, now: float) -> tuple[list[Candidate], list[tuple[str, str]]]:
        """Take in the lines of a batch.

        Returns:
            candidates, and (old id, new id) of templates that are an old one, generalised.
        """
        if self._began is None:
            self._began = float(batch.at.min())
        self._fill(now)
        candidates, renamed = [], []
        self._lines += batch.lines.height
        for place, key in enumerate(batch.templates):
            if key in self._seen:
                if self._seen[key]:
                    self._seen[key] = self._unsaved[key] = False
                    self._once -= 1
                continue
            words = tuple(batch.texts[place].split())
            old = self._generalised(words, key)
            once = bool(batch.first[place] == batch.last[place]) and key not in self._known and old is None
            expected = self.expected_per_day(self._filled)
            self._remember(key, once)
            if old is not None:
                renamed.append((old, key))
            elif key not in self._known:
                self._budget.count("new_template", 1)
                candidates += self._test(batch, place, key, expected)
        return candidates, renamed

    def restart(self, now: float) -> None:
        """The clock was set back; what was seen stays known."""
        self._began = self._filled = now
        self._admitted = float("-inf")

    def _remember(self, key: str, once: bool) -> None:
        self._seen[key] = self._unsaved[key] = once
        self._once += once
        if len(self._seen) > 1.05 * self._max_seen:
            self._once -= sum(drop_oldest(self._seen, self._max_seen).values())

    def _fill(self, now: float) -> None:
        """Let the budget grow with time."""
        if self._filled:
            self._tokens = min(self._capacity, self._tokens + self._capacity * max(now - self._filled, 0) / DAY)
        self._filled = max(now, self._filled)

    def expected_per_day(self, now: float) -> float:
        """New templates in the next day, by Good and Turing."""
        seconds = max(now - (self._began or now), LEARN_SECONDS)
        return self._once * DAY / seconds

    def _test(self, batch: Batch, place: int, key: str, expected: float) -> list[Candidate]:
        row = int(batch.first[place])
        line = batch.lines.row(row, named=True)
        at, began = float(batch.at[row]), self._began or 0.0
        if self.known_from is None or at < self.known_from:
            return []
        grave = (line["level"] or "") in _GRAVE or line["answer"] == "abnormal"
        together = at - self._admitted <= _TOGETHER_SECONDS
        cost = _TOGETHER_COST if together else 1.0
        if self._tokens < cost or not (grave or together or expected <= self._capacity * _COMMON):
            return []
        self._tokens -= cost
        self._admitted = max(at, self._admitted)
        surprise = self._budget.threshold("new_template") + (_GRAVE_SURPRISE if grave else 0.0)
        rarity = -log10(max(expected, 1e-3) / 1e3)
        return [
            Candidate(
                kind="new_template",
                subject=key,
                time=at,
                surprise=surprise + 0.1 * max(rarity, 0.0),
                text=f"{quote(batch.texts[place])} was never seen before, first at {show_time(at)}; "
                f"{len(self._seen) - 1} others are known, from {self._lines} lines since {show_time(began)}.",
                rows=some_of(np.flatnonzero(batch.t == place)),
                template_id=key,
                template=batch.texts[place],
                node=line["node"],
                measures={"known": len(self._seen) - 1, "expected_per_day": float(show_number(expected))},
            )
        ]

    def _generalised(self, words: tuple[str, ...], key: str) -> str | None:
        """The id of a known template that this one is, with more wildcards; its text is remembered."""
        same_length = self._texts.setdefault(len(words), {})
        old = None
        fixed = sum(WILDCARD not in word for word in words)
        if len(words) / 2 <= fixed < len(words):
            fits = (text for text in same_length if _covers(words, text))
            old = same_length.pop(next(fits, ()), None)
            self._text_count -= old is not None
        same_length[words] = key
        self._text_count += 1
        if self._text_count > _MOST_TEXTS:
            for texts in self._texts.values():
                excess = self._text_count - _MOST_TEXTS * 9 // 10
                self._text_count -= len(drop_oldest(texts, max(len(texts) - excess, 0)))
        return old if old != key else None

    # ------------------------------------------------------------ state

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table of template ids."""
        connection.execute(
            "CREATE TABLE IF NOT EXISTS signals_templates (number INTEGER PRIMARY KEY AUTOINCREMENT, "
            "template_id TEXT UNIQUE NOT NULL, once INTEGER NOT NULL)"
        )

    def store(self, connection: sqlite3.Connection) -> None:
        """Write the ids that are new; without them they would be new again."""
        if not self._unsaved:
            return
        connection.executemany(
            "INSERT INTO signals_templates (template_id, once) VALUES (?, ?) "
            "ON CONFLICT (template_id) DO UPDATE SET once = excluded.once",
            [(key, int(once)) for key, once in self._unsaved.items()],
        )
        connection.execute(
            "DELETE FROM signals_templates WHERE number <= (SELECT MAX(number) FROM signals_templates) - ?",
            (self._max_seen,),
        )
        self._unsaved = {}

    def restore(self, connection: sqlite3.Connection) -> None:
        """Read the ids."""
        rows = connection.execute("SELECT template_id, once FROM signals_templates ORDER BY number").fetchall()
        self._seen = {str(key): bool(once) for key, once in rows[-self._max_seen :]}
        self._once = sum(self._seen.values())
        self._unsaved = {}

    def dump(self) -> Any:
        """The rest, for JSON."""
        texts = [[list(words), key] for same in self._texts.values() for words, key in same.items()]
        admitted = self._admitted if self._admitted > 0 else None
        return {
            "lines": self._lines,
            "began": self._began,
            "admitted": admitted,
            "tokens": self._tokens,
            "filled": self._filled,
            "texts": texts,
        }

    def load(self, values: Any) -> None:
        """Continue from what `dump` gave."""
        self._lines, self._began = values["lines"], values["began"]
        self._tokens, self._filled = values["tokens"], values["filled"]
        self._admitted = values["admitted"] if values["admitted"] is not None else float("-inf")
        self._texts, self._text_count = {}, 0
        for words, key in values["texts"]:
            self._texts.setdefault(len(words), {})[tuple(words)] = key
            self._text_count += 1


def _covers(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    """Whether a template fits all that another one fits, word by word, with one more wildcard at least."""
    pairs = list(zip(wide, narrow, strict=True))
    if wide == narrow or any(WILDCARD not in a and a != b for a, b in pairs):
        return False
    return any(WILDCARD not in a for a, _ in pairs)
