"""What an alert says about where it belongs: its span of time, its lines, nodes, sessions and words."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache

from rationanomaly.signals.alert import Alert, AlertKind
from rationanomaly.text.canonical import WILDCARD

#: What an alert cites is no older than this: a line of last week must not bridge all that lies between.
_LONGEST_SPAN = 6 * 3600.0
#: A linear pattern: none of its parts can match in two ways.
_WORD_OR_NAME = re.compile(r"[\w.:-]+")
_WORDS = re.compile(r"[A-Za-z]{3,}")
#: Characters of a message in which names are looked for.
_SEARCHED = 500
#: Alerts about lines that did not come.
_MISSING: frozenset[AlertKind] = frozenset({"drop", "heartbeat", "silent_node"})
#: A shorter name is a word like any other.
_SHORTEST_NAME = 3
#: Names of one alert.
_NAMES = 60


def start_of(alert: Alert) -> float:
    """When what an alert is about began, as far as its lines tell, in seconds since 1970; never after its time."""
    times = [line.time for line in alert.lines if line.time is not None and line.time <= alert.time]
    return max(min(times, default=alert.time), alert.time - _LONGEST_SPAN)


def lines_of(alert: Alert) -> int:
    """Number of lines that it stands for; it may cite fewer. What did not come has none, although it cites the last."""
    if alert.kind in _MISSING:
        return 0
    counted = alert.measures.get("lines", alert.measures.get("count", 0.0))
    return max(len(alert.lines), int(counted) if math.isfinite(counted) else 0)


def nodes_of(alert: Alert) -> dict[str, int]:
    """The nodes that it is about, with their lines: its own, else those of the lines that it cites."""
    if alert.node is not None:
        return {alert.node: lines_of(alert)}
    return dict(Counter(line.node for line in alert.lines if line.node is not None))


def names_in(alert: Alert) -> list[str]:
    """The words of an alert's lines, and of its sentence, that may be the name of a node; not more than some."""
    texts = [alert.text, alert.subject, *(line.message for line in alert.lines[:5])]
    found = {name.strip(".:-") for text in texts for name in _WORD_OR_NAME.findall(text[:_SEARCHED])}
    return sorted(name for name in found if len(name) >= _SHORTEST_NAME)[:_NAMES]


@lru_cache(maxsize=4096)
def words_in(template: str) -> frozenset[str]:
    """The words of a template, lower-case: templates with most words in common are of one family."""
    return frozenset(word.lower() for word in _WORDS.findall(template[:_SEARCHED].replace(WILDCARD, " ")))


def as_text(alert: Alert) -> str:
    """An alert as JSON for the database."""
    return json.dumps(alert.as_row(), ensure_ascii=False)


def from_text(row: str) -> Alert:
    """The alert that `as_text` wrote."""
    return Alert.from_row(json.loads(row))


def storable(alert: Alert, now: float) -> Alert:
    """The alert as SQLite can hold it: half a character that JSON can name is replaced, and a time that is none.

    Args:
        alert: anything.
        now: in place of a time that is none, in seconds since 1970.
    """
    if not math.isfinite(alert.time):
        alert = replace(alert, time=now)
    text = as_text(alert)
    clean = text.encode("utf-8", "replace").decode()
    return alert if clean == text else from_text(clean)
