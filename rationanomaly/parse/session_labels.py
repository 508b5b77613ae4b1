"""Labels of whole sessions, from a CSV: ``session,label``, or ``block,label`` as published for HDFS."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError

#: Names that the column of the sessions may have, in lower case.
SESSION_COLUMNS = ("session", "block", "blockid", "block_id")
#: What a label may be, in lower case, and whether it is an alert.
ALERTS = {
    "normal": False,
    "0": False,
    "abnormal": True,
    "anomaly": True,
    "anomalous": True,
    "1": True,
}
_FORM = "Write a header `session,label` and one row per session, its label normal or abnormal"


def read_session_labels(path: Path) -> pl.DataFrame:
    """Read the labels of sessions.

    Returns:
        columns ``session`` and ``alert``.

    Raises:
        InputError: no such file, not CSV in UTF-8 with these columns, no row, an unknown label, no session's name, or a
            session that is named twice; names file and line.
    """
    try:
        table = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=False)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError("no such file", file=path, hint="Check parse.sessions.labels") from error
    except (OSError, pl.exceptions.PolarsError) as error:
        problem = "can't be read as CSV: " + str(error).splitlines()[0][:200]
        raise InputError(problem, file=path, hint=_FORM) from error
    names = {name.strip().lower(): name for name in reversed(table.columns)}
    session = next((names[name] for name in SESSION_COLUMNS if name in names), None)
    if session is None or "label" not in names:
        found = ", ".join(table.columns)[:100]
        raise InputError(f"has the columns {found}, not session and label", file=path, line=1, hint=_FORM)
    if table.is_empty():
        raise InputError("holds no session", file=path, line=2, hint=f"{_FORM}, or set parse.sessions.labels to null")
    written = pl.col(names["label"]).str.strip_chars().str.to_lowercase()
    rows = table.select(
        row=pl.int_range(pl.len()) + 2,
        session=pl.col(session).str.strip_chars(),
        alert=written.replace_strict(ALERTS, default=None, return_dtype=pl.Boolean),
    )
    _refuse(rows, pl.col("session").fill_null("") == "", path, "names no session", "Fill or remove the row")
    _refuse(rows, pl.col("alert").is_null(), path, "holds an unknown label", "Write normal or abnormal")
    _refuse(rows, ~pl.col("session").is_first_distinct(), path, "names a session again", "Remove one row")
    return rows.select("session", "alert")


def check_session_labels(path: Path | None) -> None:
    """Refuse labels that can't be used before a long log is read for them.

    Raises:
        InputError: as of `read_session_labels`.
    """
    if path is not None:
        read_session_labels(path)


def join_labels(sessions: pl.DataFrame, labels: pl.DataFrame, path: Path) -> pl.Series:
    """``alert`` of sessions: as the labels say; what the lines' tags say where these say nothing.

    Args:
        sessions: columns ``session`` and ``alert``.
        labels: as of `read_session_labels`.
        path: where the labels came from.

    Raises:
        InputError: the labels name none of these sessions.
    """
    joined = sessions.join(labels, on="session", how="left", maintain_order="left", suffix="_labelled")
    if joined["alert_labelled"].null_count() == joined.height:
        ours, theirs = (frame["session"].head(1).to_list() or ["none"] for frame in (sessions, labels))
        problem = f"names none of the log's sessions: it has `{theirs[0][:60]}`, the log `{ours[0][:60]}`"
        raise InputError(problem, file=path, hint="Check parse.sessions.kind and key, or take the labels of this log")
    return joined.select(pl.coalesce("alert_labelled", "alert").alias("alert"))["alert"]


def _refuse(rows: pl.DataFrame, wrong: pl.Expr, path: Path, problem: str, hint: str) -> None:
    found = rows.filter(wrong)
    if found.height:
        raise InputError(problem, file=path, line=int(found["row"][0]), hint=hint)
