"""The data of the report's table of templates, as small as a page that opens at once needs it.

Templates that are learnt from are neighbours of many tested ones, so their texts stand once. Where all of it would be
larger than a page may be, texts are cut, and at last rows are left out: mistakes are kept longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rationanomaly.evaluate.report_files import Evaluation, Row, title_of
from rationanomaly.evaluate.report_tables import ANSWERS
from rationanomaly.evaluate.report_texts import evidence_of, marked, quotes_in, quotes_of
from rationanomaly.text.untrusted import for_terminal

#: Bytes of the table's data at most, and the lengths of texts, in characters, that are tried to get there.
MAX_BYTES = 3_400_000
_LENGTHS = (4000, 1500, 600, 250, 120)
_NEIGHBOURS = 5
_NONE = "-"


def template_data(evaluation: Evaluation, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The table as JSON has it; the script of the page knows its form.

    Returns:
        ``rows`` as `_row` gives them, ``texts`` of neighbours by number, ``systems`` as (name, title) with the number
        of the ``final`` one, ``datasets``; ``total``: how many templates there are, ``longest``: the length that texts
        are cut to.
    """
    final = evaluation.final
    order = sorted(evaluation.templates, key=lambda key: _rank(evaluation.answers.get(final, {}).get(key)))
    datasets = sorted({str(row["dataset"]) for row in evaluation.templates.values()})
    for longest in _LENGTHS:
        builder = _Builder(evaluation, datasets, longest)
        rows, size = [], 0
        for key in order:
            row = builder.row(key)
            size += _size(row)
            if size + builder.bytes > max_bytes:
                break
            rows.append(row)
        if len(rows) == len(order):
            break
    return {
        "systems": [[name, title_of(name)] for name in evaluation.systems],
        "final": evaluation.systems.index(final) if evaluation.systems else 0,
        "datasets": [marked(name) for name in datasets],
        "answers": list(ANSWERS),
        "rows": rows,
        "texts": builder.texts,
        "total": len(order),
        "longest": longest,
    }


@dataclass
class _Builder:
    """Makes rows, and numbers the texts that several of them name."""

    evaluation: Evaluation
    datasets: Sequence[str]
    longest: int

    def __post_init__(self) -> None:
        self.texts: list[str] = []
        self.bytes = 0
        self._numbers: dict[str, int] = {}

    def row(self, key: str) -> list[Any]:
        """id, template, data set, truth, mixed, answers and scores by system, direct score and answer, rationale, what
        is true of it, teacher's text, neighbours."""
        shared = self.evaluation.templates[key]
        mine: Row = self.evaluation.answers.get(self.evaluation.final, {}).get(key, {})
        said = [self.evaluation.answers[name].get(key) for name in self.evaluation.systems]
        rationale, teacher = mine.get("rationale"), shared.get("teacher_rationale")
        return [
            key,
            marked(shared["template"], evidence_of(mine), self.longest),
            self.datasets.index(str(shared["dataset"])),
            _code(shared["truth"]),
            int(bool(shared.get("mixed"))),
            "".join(_NONE if one is None else str(_code(one["answer"])) for one in said),
            [None if one is None else _score(one["score"]) for one in said],
            _score(mine.get("direct_score")),
            _code(mine.get("direct_answer")),
            marked(rationale, quotes_of(mine), self.longest) if rationale else None,
            [mine.get("stated"), mine.get("consistent"), bool(mine.get("grounded")), bool(mine.get("wordless"))]
            if rationale
            else None,
            marked(teacher, quotes_in(teacher, str(shared["template"])), self.longest) if teacher else None,
            [self._neighbour(one) for one in (shared.get("similar") or ())[:_NEIGHBOURS]] or None,
        ]

    def _neighbour(self, one: Row) -> list[Any]:
        text = str(one["template"])
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(marked(text, longest=self.longest))
            self.bytes += _size(self.texts[-1])
        return [self._numbers[text], _code(one.get("label")), _score(one.get("similarity"))]


def _rank(row: Row | None) -> tuple[bool, float, str]:
    """Mistakes first, then the highest scores."""
    return (True, 0.0, "") if row is None else (row["answer"] == row["truth"], -row["score"], row["template_id"])


def _code(answer: str | None) -> int | None:
    return ANSWERS.index(answer) if answer in ANSWERS else None


def _score(value: float | None) -> int | None:
    """In thousandths: shorter than a fraction."""
    return None if value is None else round(value * 1000)


def _size(value: Any) -> int:
    """About the bytes of `report_texts.as_data`."""
    if isinstance(value, str):
        # Every character that isn't plain is written as an escape of six.
        return len(for_terminal(value)) + 3 if value.isascii() else 6 * len(value)
    return sum(map(_size, value)) + 2 if isinstance(value, list) else 5
