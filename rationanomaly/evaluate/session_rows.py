"""What the systems say of the tested sessions, as files.

A column at a time: a hundred thousand sessions of two dozen systems are millions of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly import records
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.levels import TestedSessions
from rationanomaly.evaluate.predictions import SessionAnswers, SystemAnswers
from rationanomaly.evaluate.report_files import TIMELINES
from rationanomaly.evaluate.report_sessions import choose_sessions, timeline_of
from rationanomaly.evaluate.session_model import SessionModelAnswers
from rationanomaly.records import SESSION_PREDICTIONS

_REASONS = pl.List(pl.Struct({"text": pl.String(), "positions": pl.List(pl.Int64())}))


def write_session_rows(
    folder: Path,
    table: pl.DataFrame,
    sessions: TestedSessions,
    systems: Sequence[SystemAnswers],
    whole: Sequence[SessionAnswers],
    chosen: SessionModelAnswers | None,
) -> None:
    """Every system's answer on every tested session; ``because`` is the template that scores most.

    Args:
        folder: of the step.
        table: `sessions.TESTED_SCHEMA`.
        sessions: the same over flat arrays.
        systems: those that judge templates.
        whole: those that judge whole sessions.
        chosen: the final model's session model, whose alarms have reasons.
    """
    shared = table.select(
        "session",
        "lines",
        templates=pl.col("templates").list.len().cast(pl.Int64),
        truth=_label(pl.Series(sessions.truth, dtype=pl.Boolean)),
        corrected=_label(table["corrected"]),
    )
    ids = np.array([*sessions.ids, None], dtype=object)
    with (folder / SESSION_PREDICTIONS).open("wb") as file:
        for system in (one for one in systems if one.by_id):
            judged = sessions.verdicts(system)
            because = pl.Series("because", ids[judged.deciding].tolist(), dtype=pl.String)
            shared.select(
                pl.lit(system.name).alias("model"),
                pl.all(),
                pl.Series("answer", judged.labels, dtype=pl.String),
                pl.Series("score", judged.scores),
                because,
            ).write_ndjson(file)
        for one in (*whole, *([] if chosen is None else [chosen.answers])):
            rows = shared.select(
                pl.lit(one.name).alias("model"),
                pl.all(),
                pl.Series("answer", one.answers, dtype=pl.String),
                pl.Series("score", one.scores, dtype=pl.Float64),
                pl.lit(None, pl.String).alias("because"),
            )
            if chosen is not None and one is chosen.answers:
                found = [_reasons(chosen, row) for row in range(table.height)]
                rows = rows.with_columns(pl.Series("reasons", found, dtype=_REASONS))
            rows.write_ndjson(file)


def write_timelines(
    folder: Path,
    held_out: HeldOut,
    sessions: TestedSessions,
    final: SystemAnswers,
    chosen: SessionModelAnswers | None,
) -> None:
    """The lines of the sessions that the report shows.

    Args:
        folder: of the step.
        held_out: what is tested.
        sessions: the tested sessions over flat arrays.
        final: the final model's verdicts on templates.
        chosen: its verdicts on whole sessions, where it has a session model.
    """
    judged = sessions.verdicts(final)
    table = held_out.sessions.table.select(
        "session",
        truth=_label(pl.Series(sessions.truth, dtype=pl.Boolean)),
        answer=pl.Series(judged.labels if chosen is None else chosen.answers.answers, dtype=pl.String),
        score=pl.Series(judged.scores.tolist() if chosen is None else chosen.answers.scores, dtype=pl.Float64),
    )
    shown = choose_sessions(table.to_dicts())
    teaching = held_out.teaching.filter(pl.col("session").is_in(shown)).select(
        "session", "template_ids", "first_line", "last_line"
    )
    texts = dict(held_out.templates.iter_rows())
    scores = {key: one.score for key, one in final.by_id.items()}
    by_name = {name: (ids, first, last) for name, ids, first, last in teaching.iter_rows()}
    rows = []
    for name in shown:
        ids, first, last = by_name[name]
        # Where sessions interleave, a line's place in its session does not tell its number.
        numbers = range(first, last + 1) if last - first + 1 == len(ids) else None
        rows.append(timeline_of(name, ids, numbers, texts, scores))
    records.write_rows(folder / TIMELINES, rows)


def _reasons(chosen: SessionModelAnswers, row: int) -> list[dict[str, object]]:
    return [{"text": reason.text, "positions": list(reason.positions)} for reason in chosen.reasons.get(row, ())]


def _label(flags: pl.Series) -> pl.Series:
    """``normal``, ``abnormal`` or null."""
    return pl.select(pl.when(flags).then(pl.lit("abnormal")).when(~flags).then(pl.lit("normal"))).to_series()
