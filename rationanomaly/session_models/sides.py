"""Which sessions are learnt from, which choose, and which are tested.

Either the sessions came with a split of their own, or it follows from that of the templates, where that is by time:
every template that a model learns from appeared before every one that chooses, and these before every one that is
tested. A split of templates at random leaves no session whole, so there no session is learnt from.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

#: The columns of labelled templates that decide (`records.LABELLED_SCHEMA`).
_NEEDED = ("template_id", "group", "lines", "first_line", "split")


def session_sides(sessions: pl.DataFrame, labelled: pl.DataFrame) -> pl.Series:
    """The side of each session: train, validation, test, or null where it is on none.

    By time, a session is tested if it begins with or after the first tested template; it is learnt from, or chooses, if
    it ends before anything of the next side appears.

    Args:
        sessions: `records.SESSIONS_SCHEMA`.
        labelled: `records.LABELLED_SCHEMA`.
    """
    if sessions["split"].is_not_null().any():
        return sessions["split"]
    labelled = labelled.select(_NEEDED)
    tested = set(labelled.filter(pl.col("split") == "test")["template_id"])
    test = first_line_of(labelled, tested)
    if not tested or test is None:
        return pl.Series("split", [None] * sessions.height, pl.String)
    known = labelled.filter(pl.col("split") != "test")
    chosen = first_line_of(known, set(known.filter(pl.col("split") == "validation")["template_id"]))
    ends, begins = pl.col("last_line"), pl.col("first_line")
    # Where nothing chooses, all that ends before the test is learnt from.
    start = test if chosen is None or chosen >= test else chosen
    return sessions.select(
        split=pl.when(begins >= test)
        .then(pl.lit("test"))
        .when(ends < start)
        .then(pl.lit("train"))
        .when((begins >= start) & (ends < test))
        .then(pl.lit("validation"))
        .otherwise(pl.lit(None, pl.String))
    ).to_series()


def first_line_of(labelled: pl.DataFrame, later: Collection[str]) -> int | None:
    """The line with the first template of ``later`` if every other template's group was seen before it, else None.

    The order is read off the data: a group of near-duplicates appears with its first member.

    Args:
        labelled: columns ``template_id``, ``group``, ``lines``, ``first_line``.
        later: template ids.
    """
    seen = labelled.filter(pl.col("lines") > 0).with_columns(
        appears=pl.col("first_line").min().over("group"), later=pl.col("template_id").is_in(list(later))
    )
    before, after = seen.filter(~pl.col("later"))["appears"], seen.filter("later")["appears"]
    if before.is_empty() or after.is_empty():
        return None
    last, first = before.max(), after.min()
    return int(first) if isinstance(last, int) and isinstance(first, int) and last < first else None
