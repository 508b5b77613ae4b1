"""What is true of lines and templates, where somebody knows it.

The truth file (``line,label``) comes first, then a line's own alert tag; a template without either has its corrected
label. A template is truly abnormal from the same share of abnormal lines on as in `parse`.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.records import LABELS


def read_truth(path: Path) -> pl.DataFrame | None:
    """Read the truth about lines.

    Returns:
        columns ``line`` (1-based) and ``abnormal``; None for a file that holds only its header: nobody knows.

    Raises:
        InputError: not CSV with these columns, an unknown label, a line number that is none or comes twice; names
            file, line and hint.
    """
    try:
        table = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = "can't be read as CSV: " + str(error).splitlines()[0][:200]
        raise InputError(problem, file=path, hint="Write a header `line,label` and one row per line") from error
    if not {"line", "label"} <= set(table.columns):
        found = ", ".join(table.columns)[:100]
        raise InputError(f"has the columns {found}, not line and label", file=path, line=1, hint="Correct the header")
    if table.is_empty():
        return None
    rows = table.select(
        row=pl.int_range(pl.len()) + 2,
        line=pl.col("line").str.strip_chars().cast(pl.Int64, strict=False),
        label=pl.col("label").str.strip_chars(),
    )
    _refuse(rows, pl.col("line").is_null() | (pl.col("line") < 1), path, "holds no line number", "Count from 1")
    known = f"Write {' or '.join(LABELS)}"
    _refuse(rows, ~pl.col("label").is_in(LABELS).fill_null(False), path, "holds an unknown label", known)
    _refuse(rows, ~pl.col("line").is_first_distinct(), path, "names a line for the second time", "Remove one row")
    return rows.select("line", abnormal=pl.col("label") == "abnormal")


def label_lines(lines: pl.DataFrame, truth: pl.DataFrame | None, path: Path) -> pl.DataFrame:
    """Add ``abnormal`` to the lines of `parse`: from the truth file, else the alert tag, else null.

    Raises:
        InputError: the truth file says nothing of a line of the log.
    """
    if truth is None:
        return lines.with_columns(abnormal=pl.col("alert"))
    labelled = lines.join(truth, on="line", how="left", maintain_order="left")
    unknown = labelled.filter(pl.col("abnormal").is_null())
    if unknown.height:
        problem = f"says nothing of line {unknown['line'][0]} of the log ({unknown.height} such lines)"
        raise InputError(problem, file=path, hint="Use the truth of this very log, or a file with the header only")
    return labelled


def label_templates(labelled: pl.DataFrame, lines: pl.DataFrame, known: bool, abnormal_share: float) -> pl.DataFrame:
    """Add ``truth`` to the labelled templates, and how wrong the best verdict on each must be.

    Args:
        labelled: `records.LABELLED_SCHEMA`.
        lines: with ``template_id`` and ``abnormal`` (`label_lines`).
        known: whether ``abnormal`` comes from a truth file; tags alone don't overrule the experts.
        abnormal_share: of a template's lines, from which on it is abnormal.

    Returns:
        ``labelled`` with ``truth``, ``minority_lines`` (lines that a single verdict on their template gets wrong at
        best) and ``counted_lines`` (lines whose truth is known).
    """
    shares = (
        lines.filter(pl.col("abnormal").is_not_null())
        .group_by("template_id")
        .agg(
            counted_lines=pl.len().cast(pl.Int64),
            share=pl.col("abnormal").mean(),
            minority_lines=pl.min_horizontal(pl.col("abnormal").sum(), (~pl.col("abnormal")).sum()).cast(pl.Int64),
        )
    )
    joined = labelled.join(shares, on="template_id", how="left", maintain_order="left")
    by_lines = pl.when(pl.col("share") >= abnormal_share).then(pl.lit("abnormal")).otherwise(pl.lit("normal"))
    use_lines = pl.col("share").is_not_null() & known
    return joined.with_columns(
        truth=pl.when(use_lines).then(by_lines).otherwise("label"),
        minority_lines=pl.col("minority_lines").fill_null(0),
        counted_lines=pl.col("counted_lines").fill_null(0),
    ).drop("share")


def _refuse(rows: pl.DataFrame, wrong: pl.Expr, path: Path, problem: str, hint: str) -> None:
    found = rows.filter(wrong)
    if found.height:
        raise InputError(problem, file=path, line=int(found["row"][0]), hint=hint)
