"""The lines of a stream with what is said of them: what the engine gives out and signals take."""

from __future__ import annotations

from typing import Literal, get_args

import polars as pl

#: ``pending``: the model has not been asked yet; a correction follows.
LineAnswer = Literal["normal", "abnormal", "invalid", "pending"]
LINE_ANSWERS: tuple[LineAnswer, ...] = get_args(LineAnswer)

#: One row per record, in the order in which they came.
JUDGED_LINES = pl.Schema(
    {
        "source": pl.String(),  # the file or stream
        "line": pl.Int64(),  # number of its first line in the source, from 1; keeps counting over rotations
        "time": pl.Datetime("us", "UTC"),  # null if the line names none
        "node": pl.String(),  # null if the line names none
        "level": pl.String(),  # in capitals; null if the line names none
        "message": pl.String(),
        "template": pl.String(),
        "template_id": pl.String(),
        "parameters": pl.List(pl.String()),  # the words at the template's wildcards
        "sessions": pl.List(pl.String()),  # null if it belongs to none
        "answer": pl.String(),  # one of LINE_ANSWERS
        "score": pl.Float64(),  # of the verdict; null while it is pending
    }
)
