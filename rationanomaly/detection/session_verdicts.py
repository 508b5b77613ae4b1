"""Verdicts on sessions: what their lines say one by one, and what no single line shows.

A model folder carries the session model that was chosen when it was trained, with its threshold. One without, because
the split of its templates left no session whole, judges a session by its worst template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from rationanomaly.detection.verdict import Verdict
from rationanomaly.records import Answer
from rationanomaly.session_models.batch import SessionBatch
from rationanomaly.session_models.chosen import ChosenSessionModel

#: What judges a session where the model folder carries no session model.
WORST_TEMPLATE = "maximum"
#: Sessions that are judged at once.
_AT_ONCE = 10_000


@dataclass(frozen=True)
class SessionReason:
    """Something that can be checked in the log: a sentence, and the numbers of the lines that show it."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class SessionVerdict:
    """What is said of a session.

    Attributes:
        session: its name: a window's number or time, or a key.
        first_line, last_line: their numbers in the log.
        lines: how many it has.
        answer: abnormal from the model's threshold on. By the worst template: abnormal if one of its templates is
            called so, else invalid if one is, else normal.
        score: larger for more suspicious.
        by: the session model, or `WORST_TEMPLATE`.
        reasons: the weightiest first; of abnormal sessions.
    """

    session: str
    first_line: int
    last_line: int
    lines: int
    answer: Answer
    score: float
    by: str
    reasons: tuple[SessionReason, ...]

    def as_row(self) -> dict[str, Any]:
        """One JSON object: a line of ``rationanomaly detect --sessions``."""
        return asdict(self) | {"score": round(self.score, 6)}


class SessionCollector:
    """Puts the lines of a log together to sessions, as frames of `parse.live.read_log` come.

    Args:
        contiguous: whether a session's lines follow each other, so that it is complete when the next one begins; else
            all are held until the log ends.
    """

    def __init__(self, contiguous: bool) -> None:
        self._contiguous = contiguous
        self._open: list[pl.DataFrame] = []
        self._complete: list[pl.DataFrame] = []
        #: On the templates of all lines so far, by id.
        self.verdicts: dict[str, Verdict] = {}

    def add(self, lines: pl.DataFrame, verdicts: Mapping[str, Verdict]) -> None:
        """Take in lines.

        Args:
            lines: columns ``line``, ``template_id``, ``template``, ``sessions``.
            verdicts: on their templates, by text.
        """
        for key, text in lines.select("template_id", "template").unique("template_id").iter_rows():
            self.verdicts[key] = verdicts[text]
        table = lines.select("line", "template_id", pl.col("sessions").alias("session")).explode("session")
        table = table.filter(pl.col("session").is_not_null())
        if table.is_empty():
            return
        self._open.append(table)
        if self._contiguous:
            everything = pl.concat(self._open)
            last = everything["session"] == everything["session"].last()
            self._open = [everything.filter(last)]
            self._complete.append(_sessions(everything.filter(~last)))

    def finish(self) -> pl.DataFrame:
        """All sessions, in the order of their first lines: ``session``, ``lines`` and ``template_ids`` as lists."""
        parts = [*self._complete, *([_sessions(pl.concat(self._open))] if self._open else [])]
        self._open, self._complete = [], []
        return pl.concat(parts) if parts else _sessions(_NOTHING)


_NOTHING = pl.DataFrame(schema={"line": pl.Int64, "template_id": pl.String, "session": pl.String})


def _sessions(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.group_by("session", maintain_order=True).agg(lines=pl.col("line"), template_ids=pl.col("template_id"))


def judge_sessions(
    sessions: pl.DataFrame, verdicts: Mapping[str, Verdict], model: ChosenSessionModel | None
) -> Iterator[SessionVerdict]:
    """Judge what `SessionCollector.finish` gave.

    Args:
        sessions: ``session``, ``lines``, ``template_ids``.
        verdicts: by template id, on all templates of the sessions.
        model: of the model folder; None: the worst template decides.
    """
    for start in range(0, sessions.height, _AT_ONCE):
        part = sessions.slice(start, _AT_ONCE)
        yield from _by_worst_template(part, verdicts) if model is None else _by_model(part, verdicts, model)


def _by_worst_template(sessions: pl.DataFrame, verdicts: Mapping[str, Verdict]) -> Iterator[SessionVerdict]:
    for name, lines, ids in sessions.select("session", "lines", "template_ids").iter_rows():
        found = {verdicts[key].answer for key in ids}
        answer: Answer = "abnormal" if "abnormal" in found else "invalid" if "invalid" in found else "normal"
        # An expert's decision overrules the score, so the worst is looked for among what is called like the session.
        worst = max(
            (place for place, key in enumerate(ids) if verdicts[key].answer == answer),
            key=lambda place: verdicts[ids[place]].score,
        )
        score = max(verdicts[key].score for key in ids)
        reasons: tuple[SessionReason, ...] = ()
        if answer == "abnormal":
            text = f"`{verdicts[ids[worst]].template}` is called abnormal"
            reasons = (SessionReason(text, (lines[worst],)),)
        yield SessionVerdict(name, lines[0], lines[-1], len(lines), answer, score, WORST_TEMPLATE, reasons)


def _by_model(
    sessions: pl.DataFrame, verdicts: Mapping[str, Verdict], model: ChosenSessionModel
) -> Iterator[SessionVerdict]:
    sequences: list[list[str]] = sessions["template_ids"].to_list()
    texts = {key: verdicts[key].template for sequence in sequences for key in sequence}
    # The session model was fitted to direct scores.
    scores = {key: verdicts[key].direct_score for key in texts}
    decided = {key: float(verdicts[key].answer == "abnormal") for key in texts if verdicts[key].precedent is not None}
    events = model.events_with(texts, scores, decided)
    codes = events.codes()
    batch = SessionBatch.of([[codes[key] for key in sequence] for sequence in sequences])
    found = model.scores(batch, events)
    for row, (name, lines) in enumerate(sessions.select("session", "lines").iter_rows()):
        answer: Answer = "abnormal" if found[row] >= model.threshold.value else "normal"
        reasons = () if answer == "normal" else tuple(
            SessionReason(reason.text, tuple(lines[place] for place in reason.positions))
            for reason in model.reasons(batch, events, row)
        )  # fmt: skip
        yield SessionVerdict(name, lines[0], lines[-1], len(lines), answer, float(found[row]), model.name, reasons)
