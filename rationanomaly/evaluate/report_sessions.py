"""The sessions that the report shows: each with its lines on a strip, the template that decided, reasons in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rationanomaly.evaluate.report_files import Evaluation, Row
from rationanomaly.evaluate.report_tables import ANSWERS
from rationanomaly.evaluate.report_texts import evidence_of, marked

#: Sessions on the page at most, and lines of each.
SHOWN, LINES = 120, 160
_LONGEST = 300
_REASONS = 6


def choose_sessions(rows: Sequence[Row]) -> list[str]:
    """The sessions to show, of one system's rows of session_predictions.jsonl.

    Mistakes, alarms and quiet sessions in turn, each kind from the highest score down: a page of alarms alone would
    tell nothing of what is missed.
    """
    order = sorted(rows, key=lambda row: (-row["score"], str(row["session"])))
    kinds: tuple[list[Row], ...] = ([], [], [])
    for row in order:
        known = row["truth"] is not None
        kinds[0 if known and row["answer"] != row["truth"] else 1 if row["answer"] != "normal" else 2].append(row)
    turns = [row for rank in range(SHOWN) for kind in kinds for row in kind[rank : rank + 1]]
    return [str(row["session"]) for row in turns[:SHOWN]]


def timeline_of(
    session: str,
    template_ids: Sequence[str],
    lines: Sequence[int] | None,
    texts: Mapping[str, str],
    scores: Mapping[str, float],
) -> dict[str, Any]:
    """A line of timelines.jsonl: the lines of a session, `LINES` at most, around the highest score.

    Args:
        session: its name.
        template_ids: of its lines, in their order.
        lines: their numbers in the log; None where they are unknown.
        texts, scores: of the templates, by id; scores in [0, 1]. A template that no model judged, as one that
            was learnt from may be, has none.
    """
    highest = max(range(len(template_ids)), key=lambda place: scores.get(template_ids[place], 0.0), default=0)
    start = max(0, min(highest - LINES // 2, len(template_ids) - LINES))
    shown = template_ids[start : start + LINES]
    ids = list(dict.fromkeys(shown))
    numbers = {key: number for number, key in enumerate(ids)}
    return {
        "session": session,
        "start": start,
        "length": len(template_ids),
        "lines": None if lines is None else [int(line) for line in lines[start : start + LINES]],
        "events": [numbers[key] for key in shown],
        "ids": ids,
        "texts": [texts.get(key, key) for key in ids],
        "scores": [float(scores[key]) if key in scores else None for key in ids],
    }


def session_data(evaluation: Evaluation) -> dict[str, Any]:
    """The sessions as JSON has them.

    Returns:
        ``rows`` as `_row` gives them; ``texts`` of templates by number, with the evidence of the final model's analysis
        marked; ``links``: for each text its template's id where the table has it; ``total``: how many sessions.
    """
    by_name = {str(row["session"]): row for row in evaluation.sessions}
    texts = _Texts(evaluation)
    rows = [_row(by_name[name], evaluation, texts) for name in choose_sessions(evaluation.sessions)]
    return {"rows": rows, "texts": texts.texts, "links": texts.links, "total": len(by_name)}


@dataclass
class _Texts:
    """Numbers the templates that sessions name, so that the text of each stands once."""

    evaluation: Evaluation

    def __post_init__(self) -> None:
        self.texts: list[str] = []
        self.links: list[str | None] = []
        self._numbers: dict[str, int] = {}

    def number(self, key: str, text: str) -> int:
        """The number of the template with this id and text."""
        if key not in self._numbers:
            self._numbers[key] = len(self.texts)
            said = self.evaluation.answers.get(self.evaluation.final, {}).get(key, {})
            self.texts.append(marked(text, evidence_of(said), _LONGEST))
            self.links.append(key if key in self.evaluation.templates else None)
        return self._numbers[key]


def _row(row: Row, evaluation: Evaluation, texts: _Texts) -> list[Any]:
    """Name, lines, truth, answer, score, what decided, reasons, timeline."""
    timeline = evaluation.timelines.get(str(row["session"]))
    because = row.get("because")
    known = dict(zip(timeline["ids"], timeline["texts"], strict=True)) if timeline else {}
    if because is not None and because in evaluation.templates:
        known[because] = evaluation.templates[because]["template"]
    reasons = [
        [marked(str(one["text"]), longest=_LONGEST), [int(place) for place in one.get("positions") or ()]]
        for one in (row.get("reasons") or ())[:_REASONS]
    ]
    return [
        marked(str(row["session"]), longest=_LONGEST),
        row["lines"],
        ANSWERS.index(row["truth"]) if row["truth"] in ANSWERS else None,
        ANSWERS.index(row["answer"]),
        round(row["score"] * 1000),
        texts.number(because, str(known.get(because, because))) if because else None,
        reasons,
        _timeline(timeline, texts) if timeline else None,
    ]


def _timeline(timeline: Row, texts: _Texts) -> list[Any]:
    """Place of the first line that is shown, lines of the session, and of each shown line: text, score, number."""
    numbers = [texts.number(key, text) for key, text in zip(timeline["ids"], timeline["texts"], strict=True)]
    scores = [None if score is None else round(score * 1000) for score in timeline["scores"]]
    return [
        timeline["start"],
        timeline["length"],
        [numbers[event] for event in timeline["events"]],
        [scores[event] for event in timeline["events"]],
        timeline["lines"],
    ]
