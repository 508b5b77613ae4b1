"""A model's own verdict as JSON, from which the same verdict is read again; between processes and in a database.

`Verdict.as_row` is for people: it rounds scores, and it shows precedents, which are not the model's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_args

from rationanomaly.detection.verdict import Verdict
from rationanomaly.records import Answer
from rationanomaly.text.evidence import Span

_KEPT = tuple(field.name for field in fields(Verdict) if field.name != "precedent")
_ANSWERS = get_args(Answer)


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """One JSON object; numpy's floats become Python's."""
    row = {name: getattr(verdict, name) for name in _KEPT}
    row |= {name: float(row[name]) for name in ("score", "direct_score")}
    return row | {"evidence": [asdict(span) for span in verdict.evidence]}


def verdict_of(row: Mapping[str, Any]) -> Verdict:
    """The verdict that `verdict_row` described.

    Raises:
        ValueError: it describes none.
    """
    try:
        read = {"evidence": _spans(row["evidence"]), "suspicions": tuple(map(str, row["suspicions"]))}
        verdict = Verdict(**{name: row[name] for name in _KEPT} | read)
    except (KeyError, TypeError) as error:
        raise ValueError("is not a verdict") from error
    if verdict.answer not in _ANSWERS or not all(
        isinstance(score, float) for score in (verdict.score, verdict.direct_score)
    ):
        raise ValueError("is not a verdict")
    return verdict


def write_verdict(verdict: Verdict) -> str:
    """`verdict_row` as text: ASCII, for a template may hold halves of characters, which no UTF-8 text can."""
    return json.dumps(verdict_row(verdict))


def read_verdict(text: str) -> Verdict:
    """The verdict that `write_verdict` wrote.

    Raises:
        ValueError: it wrote none.
    """
    row = json.loads(text)
    if not isinstance(row, dict):
        raise ValueError("is not a verdict")
    return verdict_of(row)


def _spans(rows: Any) -> tuple[Span, ...]:
    return tuple(Span(**row) for row in rows)
