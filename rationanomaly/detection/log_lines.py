"""Judge templates or raw lines with a trained model: what `rationanomaly detect` does.

What experts have decided holds at once: the precedents that the model folder carries, and a newer ledger over them.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from rationanomaly import regular_files
from rationanomaly.artifacts import writing_file
from rationanomaly.decisions.ledger import read_ledger, require_counting, warn_of
from rationanomaly.decisions.precedents import Precedents
from rationanomaly.detection.detector import Detector
from rationanomaly.detection.verdict import LineVerdict
from rationanomaly.errors import InputError
from rationanomaly.params import VerdictKind
from rationanomaly.text.untrusted import for_terminal

Row = dict[str, Any]


def open_precedents(detector: Detector, ledger: Path | None) -> Precedents:
    """What experts have decided: what the model folder carries, and a newer ledger laid over it.

    Raises:
        InputError: no such ledger, or one of which no line counts.
    """
    if ledger is None:
        return detector.precedents
    newer = read_ledger(ledger)
    require_counting(ledger, newer, newer.problems)
    warn_of(newer.problems)
    return detector.precedents.under(newer)


def detect_templates(
    model: str, path: Path, ledger: Path | None = None, verdict: VerdictKind | None = None, analyses: int | None = None
) -> Iterator[Row]:
    """One row per template of the file, in order, with the text as it stands there.

    Args:
        model: see `Detector.open`.
        path: see `read_templates`.
        ledger: see `open_precedents`.
        verdict, analyses: see `ModelDetector.judge`.
    """
    templates = read_templates(path)
    detector = Detector.open(model)
    for found in detector.judge(templates, verdict, analyses, open_precedents(detector, ledger)):
        yield found.as_row()


def detect_lines(
    model: str,
    logs: str,
    log_format: str,
    ledger: Path | None = None,
    verdict: VerdictKind | None = None,
    analyses: int | None = None,
    sessions: Path | None = None,
) -> Iterator[Row]:
    """One row per log line, in order, as the lines come: its number and session, and the verdict on its template.

    Args:
        model: see `Detector.open`.
        logs, log_format: see `Detector.judge_log`.
        ledger: see `open_precedents`.
        verdict, analyses: see `ModelDetector.judge`.
        sessions: JSON Lines file with one verdict for each session, written when the log has ended.
    """
    detector = Detector.open(model)
    collector = None if sessions is None else detector.collector()
    precedents = open_precedents(detector, ledger)
    yield from line_rows(detector.judge_log(logs, log_format, verdict, analyses, precedents, collector))
    if collector is not None:
        write_verdicts((one.as_row() for one in detector.judge_sessions(collector)), sessions)


def line_rows(found: Iterable[LineVerdict]) -> Iterator[Row]:
    """A row of each line; those of a template share what is said of it."""
    rows: dict[str, Row] = {}
    for one in found:
        template = one.verdict.template
        if template not in rows:
            rows[template] = one.verdict.as_row()
        yield {"line": one.line, "session": one.session, "message": one.message, **rows[template]}


def read_templates(path: Path) -> list[str]:
    """The templates of a CSV with a ``template`` column, or of a text with one template per line.

    A file whose name ends in ``.csv`` may be parted by semicolons or tabs, too.

    Raises:
        InputError: no such file, a folder, not UTF-8, or nothing in it but blanks.
    """
    content = regular_files.read_given(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8", file=path, line=line, hint="Convert it, for example with iconv") from error
    csv.field_size_limit(2**31 - 1)  # A line that begins with a quotation mark may be one field to the end of the file.
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    if path.suffix.lower() == ".csv" or "template" in header:
        templates = _read_csv(path, text)
    else:
        # Only \n and \r\n end a line: a template may hold any other separator that splitlines() knows.
        templates = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    if not any(map(str.strip, templates)):
        raise InputError("holds no templates", file=path, hint="Give at least one")
    return templates


def write_verdicts(rows: Iterable[Row], output: Path | None) -> None:
    """Write JSON Lines to ``output`` (whole or not at all) or to standard output (row by row).

    What is unsafe for a terminal is escaped on standard output, also before a pipe, behind which there may be one; as
    JSON it means the same.
    """
    if output is None:
        for row in rows:
            sys.stdout.write(for_terminal(json.dumps(row, ensure_ascii=False)) + "\n")
            # A verdict on a live log must not wait in a buffer until there are more.
            sys.stdout.flush()
        return
    with writing_file(output) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        _write_rows(rows, file)


def _write_rows(rows: Iterable[Row], file: IO[str]) -> None:
    for row in rows:
        # Lone surrogates come from undecodable bytes; only escaped are they valid in a UTF-8 file.
        text = json.dumps(row, ensure_ascii=False)
        file.write((text if _encodes(text) else json.dumps(row)) + "\n")
    file.flush()


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _read_csv(path: Path, text: str) -> list[str]:
    headers = {sign: next(csv.reader(io.StringIO(text, newline=""), delimiter=sign), []) for sign in ",;\t"}
    delimiter = next((sign for sign, header in headers.items() if "template" in header), None)
    if delimiter is None:
        found = ", ".join(headers[","]) or "nothing"
        problem = f"has no `template` column (found {found})"[:300]
        hint = "Name the column `template` in the first line; commas, semicolons or tabs part the columns"
        raise InputError(problem, file=path, line=1, hint=hint)
    column = headers[delimiter].index("template")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(rows)
    templates = []
    try:
        for row in rows:
            if not row:
                continue
            if len(row) <= column:
                problem = f"has {len(row)} fields, the template is field {column + 1}"
                raise InputError(problem, file=path, line=rows.line_num, hint="Complete or remove the row")
            templates.append(row[column])
    except csv.Error as error:
        raise InputError(f"is not CSV: {error}", file=path, line=rows.line_num, hint="Correct the row") from error
    return templates
