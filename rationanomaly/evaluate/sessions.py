"""Sessions: which are tested, what is true of them, how templates' verdicts become a session's.

Logs used in training are excluded from session tests (METHOD). What that means depends on the split:

- given: the sessions came with a split of their own, as published test sets do. All lines of the test sessions count.
- chronological: every template that the models learnt from first appeared before every held-out one. The test
  sessions are those that begin with or after the first held-out template; all their lines count.
- by template (stratified): lines of all templates are mixed in every session. The test sessions are those with at
  least one held-out line, reduced to these lines, in the verdict as in the truth.

A session's score is the highest of its templates'. It is abnormal if one of its templates is called so; else
invalid if one is invalid or has no verdict; else normal (`session_verdicts`). No session is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from rationanomaly.session_models.sides import first_line_of

Scope = Literal["given split", "after training", "held-out lines"]

#: A session's row: its templates as a set, and its truths (null where unknown).
TESTED_SCHEMA = pl.Schema(
    {
        "session": pl.String(),
        "lines": pl.Int64(),  # counted ones
        "templates": pl.List(pl.String()),  # ids, sorted, each once
        "truth": pl.Boolean(),  # any counted line truly abnormal
        "corrected": pl.Boolean(),  # any counted template abnormal by its corrected label
    }
)


@dataclass(frozen=True)
class TestSessions:
    """The sessions that are tested.

    Attributes:
        scope: how they were chosen; see the module.
        table: `TESTED_SCHEMA`, in the order of the log.
    """

    scope: Scope
    table: pl.DataFrame

    __test__ = False  # not a test class, whatever pytest thinks of its name


@dataclass(frozen=True)
class ScoredAnswer:
    """What a model says of one template."""

    answer: str
    score: float


def choose_sessions(
    sessions: pl.DataFrame, lines: pl.DataFrame, labelled: pl.DataFrame, held_out: frozenset[str], side: str = "test"
) -> TestSessions:
    """Choose the sessions of one side and reduce them to what counts.

    Args:
        sessions: `records.SESSIONS_SCHEMA`.
        lines: with ``line``, ``template_id`` and ``abnormal``.
        labelled: `records.LABELLED_SCHEMA`.
        held_out: template ids that no model learnt from: the tested ones, and those without any label.
        side: the side that is wanted of sessions that came with a split of their own.
    """
    labels = labelled.select("template_id", "label").unique("template_id", keep="first")
    members = _members(sessions, lines).join(labels, on="template_id", how="left", maintain_order="left")
    scope, chosen = _scope(sessions, labelled, held_out, side)
    if chosen is None:
        members = members.filter(pl.col("template_id").is_in(list(held_out)))
    else:
        members = members.filter(pl.col("session").is_in(chosen["session"].implode()))
    table = members.group_by("session", maintain_order=True).agg(
        lines=pl.len().cast(pl.Int64),
        templates=pl.col("template_id").unique().sort(),
        # Null if nothing is known of any line: `any` alone would make it False.
        truth=pl.when(pl.col("abnormal").is_not_null().any()).then(pl.col("abnormal").any()),
        corrected=pl.when(pl.col("label").is_not_null().any()).then((pl.col("label") == "abnormal").any()),
    )
    if chosen is not None:
        # Of a whole session its own label holds where nobody knows more of its lines.
        table = table.join(sessions.select("session", "alert"), on="session", how="left", maintain_order="left")
        table = table.with_columns(truth=pl.col("truth").fill_null(pl.col("alert")))
    return TestSessions(scope, table.select(pl.col(name).cast(kind) for name, kind in TESTED_SCHEMA.items()))


def _scope(
    sessions: pl.DataFrame, labelled: pl.DataFrame, held_out: frozenset[str], side: str
) -> tuple[Scope, pl.DataFrame | None]:
    """How sessions are chosen, and which of them count as a whole; None: each with its held-out lines."""
    if sessions["split"].is_not_null().any():
        return "given split", sessions.filter(pl.col("split") == side)
    start = first_line_of(labelled, held_out)
    if start is None:
        return "held-out lines", None
    return "after training", sessions.filter(pl.col("first_line") >= start)


def session_truth(table: pl.DataFrame) -> list[bool | None]:
    """Truth file, alert tags or a session's own label; where nothing is known of a session, corrected labels.

    Args:
        table: `TESTED_SCHEMA`.
    """
    return table.select(pl.col("truth").fill_null(pl.col("corrected"))).to_series().to_list()


def _members(sessions: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """One row per line of a session: ``session``, ``template_id``, ``abnormal``.

    Where sessions are runs of consecutive lines, each line's own truth is known. Sessions that interleave (by node,
    by request) only tell their templates: a line's truth is then that of most lines of its template, and never
    abnormal in a session without alert.
    """
    starts = sessions.select("session", "first_line", "last_line").sort("first_line")
    joined = lines.select("line", "template_id", "abnormal").join_asof(
        starts, left_on="line", right_on="first_line", strategy="backward"
    )
    joined = joined.filter(pl.col("line") <= pl.col("last_line"))
    counts = sessions.join(joined.group_by("session").len(), on="session", how="left")
    if (counts["lines"] == counts["len"].fill_null(0)).all():
        return joined.select("session", "template_id", "abnormal")
    usual = lines.group_by("template_id").agg(usual=pl.col("abnormal").mean() >= 0.5)
    members = sessions.select("session", "alert", template_id="template_ids").explode("template_id")
    abnormal = pl.col("usual") & pl.col("alert").fill_null(True)
    return members.join(usual, on="template_id", how="left", maintain_order="left").select(
        "session", "template_id", abnormal=abnormal
    )
