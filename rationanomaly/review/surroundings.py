"""What helps to judge a template: lines that it stands for with the lines around them, and its near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import polars as pl

from rationanomaly.neighbours import Neighbours, normalise
from rationanomaly.prompt import WILDCARD
from rationanomaly.records import LINES
from rationanomaly.review.desk import Item

_EXAMPLES = 3
_AROUND = 2
_TWINS = 6
_LEAST_SIMILARITY = 0.5


@dataclass(frozen=True)
class Line:
    """A log line as it is shown; ``here`` marks the one that belongs to the template."""

    number: int
    text: str
    here: bool


@dataclass(frozen=True)
class Twin:
    """A similar template with its original label and how similar it is, in [0, 1]."""

    item: Item
    similarity: float


class Surroundings:
    """Looks things up when a card asks for them, so that opening the page waits for nothing.

    Args:
        folder: the output folder of the step `parse`.
        templates: its table of templates.
        items: the desk's items.
    """

    def __init__(self, folder: Path, templates: pl.DataFrame, items: list[Item]) -> None:
        self._lines = folder / LINES
        self._texts: dict[str, str] = dict(templates.select("template_id", "template").iter_rows())
        self._messages: dict[str, list[str]] = dict(templates.select("template_id", "examples").iter_rows())
        self._items = items
        self._index: Neighbours | None = None
        self._lock = Lock()

    def examples(self, item: Item) -> list[list[Line]]:
        """Up to three lines of the template, each among the two lines before and behind it."""
        lines = pl.scan_parquet(self._lines).with_row_index("row")
        rows = lines.filter(pl.col("template_id") == item.template_id).select("row").head(_EXAMPLES).collect()
        found = []
        for row in rows["row"].to_list():
            start = max(row - _AROUND, 0)
            around = lines.slice(start, row - start + _AROUND + 1).collect()
            found.append(
                [
                    Line(number, self._message(template_id, parameters or []), here == row)
                    for here, number, template_id, parameters in around.select(
                        "row", "line", "template_id", "parameters"
                    ).iter_rows()
                ]
            )
        # A table of templates has no lines, but may have messages.
        return found or [[Line(0, message, True)] for message in self._messages.get(item.template_id) or ()]

    def twins(self, item: Item) -> list[Twin]:
        """The most similar other templates; their labels are the original ones, so blind review stays blind."""
        with self._lock:
            if self._index is None:
                self._index = Neighbours([other.template for other in self._items])
                self._members: dict[int, list[Item]] = {}
                for other, text in zip(self._items, self._index.text_of.tolist(), strict=True):
                    self._members.setdefault(text, []).append(other)
        positions, similarities = self._index.nearest([item.template], _TWINS + 1)
        found = []
        for position, similarity in zip(positions[0].tolist(), similarities[0].tolist(), strict=True):
            exact = self._index.texts[position] == normalise(item.template)
            for other in self._members[position][: _TWINS + 1]:
                if other is not item and (exact or similarity >= _LEAST_SIMILARITY):
                    found.append(Twin(other, 1.0 if exact else similarity))
        return found[:_TWINS]

    def _message(self, template_id: str, parameters: list[str]) -> str:
        """A line's message, put together again from its template and parameters."""
        pieces = self._texts.get(template_id, "").split(WILDCARD)
        if len(pieces) - 1 != len(parameters):
            return WILDCARD.join(pieces)
        return "".join(part for pair in zip(pieces, [*parameters, ""], strict=True) for part in pair)
