"""A CSV table of templates in place of a log: columns ``template``, ``label`` and, if wanted, ``dataset``."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.records import LABELS, TEMPLATES_SCHEMA, template_id

#: The format of such a table.
TABLE = "templates"
#: The data set of rows that name none.
UNNAMED = "table"


def read_table(path: Path) -> pl.DataFrame:
    """Templates with the columns of `records.TEMPLATES_SCHEMA`; a template that stands twice keeps its first row.

    Raises:
        InputError: missing or empty file, not UTF-8, no such column, or a label other than normal and abnormal;
            names the line.
    """
    rows: dict[str, dict[str, object]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(path, reader.fieldnames)
            for row in reader:
                entry = _row(path, reader.line_num, row)
                rows.setdefault(str(entry["template_id"]), entry)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError("no such file", file=path, hint="Check data.logs") from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8", file=path, line=_bad_line(path), hint="Save it as UTF-8") from error
    except csv.Error as error:
        raise InputError(f"is not CSV: {error}", file=path, line=reader.line_num, hint="Correct the row") from error
    if not rows:
        raise InputError("holds no templates", file=path, line=2, hint="Add a row: template,label")
    return pl.DataFrame(list(rows.values()), schema=TEMPLATES_SCHEMA)


def _check_header(path: Path, header: object) -> None:
    names = list(header) if isinstance(header, (list, tuple)) else []
    if not names:
        raise InputError("is empty", file=path, hint="Give it the columns template,label")
    for needed in ("template", "label"):
        if needed not in names:
            problem = f"has no column `{needed}`, but {', '.join(names)}"
            raise InputError(problem, file=path, line=1, hint=f"Name a column `{needed}` in the first line")


def _row(path: Path, line: int, row: dict[str, str]) -> dict[str, object]:
    template, label = row["template"], row["label"]
    if None in row.values() or None in row:
        raise InputError("has not as many fields as the first line", file=path, line=line, hint="Correct the row")
    if label not in LABELS:
        raise InputError(f"unknown label `{label[:40]}`", file=path, line=line, hint="Use normal or abnormal")
    if not template.strip():
        raise InputError("the template is empty", file=path, line=line, hint="Fill or remove the row")
    return {
        "template_id": template_id(template),
        "template": template,
        "name": None,
        "dataset": row.get("dataset") or UNNAMED,
        "label": label,
        "lines": 0,
        "alert_lines": None,
        "mixed": False,
        "first_line": None,
        "last_line": None,
        "first_seen": None,
        "last_seen": None,
        "examples": [],
        "parameters": [],
        "parameter_types": [],
        "supersedes": [],
    }


def _bad_line(path: Path) -> int | None:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return None
