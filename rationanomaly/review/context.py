"""What helps to decide on a template: lines that it stands for with the lines around them, and its near-duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from rationanomaly.records import LINES
from rationanomaly.review.desk import Item
from rationanomaly.text.canonical import WILDCARD

if TYPE_CHECKING:
    from rationanomaly.text.similarity import SimilarityIndex

_EXAMPLES = 3
_AROUND = 2
_NEAR_DUPLICATES = 6
_LEAST_SIMILARITY = 0.5


@dataclass(frozen=True)
class Line:
    """A log line as it is shown.

    Attributes:
        number: 1-based in the input; 0 for a message that came with a table of templates.
        parts: its text in pieces; those that stand at the template's wildcards are marked with True.
        here: whether it is one of the template's own lines, or only near one.
    """

    number: int
    parts: list[tuple[str, bool]]
    here: bool


@dataclass(frozen=True)
class NearDuplicate:
    """A similar template with its original label and how similar it is, in [0, 1]."""

    item: Item
    similarity: float


class TemplateContext:
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
        self._index: tuple[SimilarityIndex, dict[int, list[Item]]] | None = None

    def examples(self, item: Item) -> list[list[Line]]:
        """Up to three lines of the template, each among the two lines before and behind it."""
        lines = pl.scan_parquet(self._lines, glob=False).with_row_index("row")
        rows = lines.filter(pl.col("template_id") == item.template_id).select("row").head(_EXAMPLES).collect()
        found = []
        for row in rows["row"].to_list():
            start = max(row - _AROUND, 0)
            around = lines.slice(start, row - start + _AROUND + 1).collect()
            found.append(
                [
                    Line(number, self._parts(template_id, parameters or []), here == row)
                    for here, number, template_id, parameters in around.select(
                        "row", "line", "template_id", "parameters"
                    ).iter_rows()
                ]
            )
        # A table of templates has no lines, but may have messages.
        return found or [[Line(0, [(message, False)], True)] for message in self._messages.get(item.template_id) or ()]

    def prepare_near_duplicates(self) -> None:
        """Make the index that `near_duplicates` looks into; takes seconds, so nobody should wait for it."""
        from rationanomaly.text.similarity import SimilarityIndex

        index = SimilarityIndex([item.template for item in self._items])
        members: dict[int, list[Item]] = {}
        for item, text in zip(self._items, index.text_of.tolist(), strict=True):
            members.setdefault(text, []).append(item)
        self._index = index, members

    def near_duplicates(self, item: Item) -> list[NearDuplicate] | None:
        """The most similar other templates; None as long as `prepare_near_duplicates` has not ended.

        Their labels are the original ones, so blind review stays blind.
        """
        if self._index is None:
            return None
        from rationanomaly.text.similarity import normalise

        index, members = self._index
        positions, similarities = index.nearest([item.template], _NEAR_DUPLICATES + 1)
        found = []
        for position, similarity in zip(positions[0].tolist(), similarities[0].tolist(), strict=True):
            exact = index.texts[position] == normalise(item.template)
            for other in members[position][: _NEAR_DUPLICATES + 1]:
                if other.key != item.key and (exact or similarity >= _LEAST_SIMILARITY):
                    found.append(NearDuplicate(other, 1.0 if exact else similarity))
        return found[:_NEAR_DUPLICATES]

    def _parts(self, template_id: str, parameters: list[str]) -> list[tuple[str, bool]]:
        """A line's message, put together again from its template and parameters."""
        pieces = self._texts.get(template_id, "").split(WILDCARD)
        if len(pieces) - 1 != len(parameters):
            return [(WILDCARD.join(pieces), False)]
        pairs = zip(pieces, [*parameters, ""], strict=True)
        return [part for piece, parameter in pairs for part in ((piece, False), (parameter, True)) if part[0]]
