"""Judge templates or raw lines with a trained model: what `rationanomaly detect` does.

A verdict is per template, so the model sees each distinct template once, however many lines there are. What experts
have decided holds at once (`precedents`): the ledger that the model folder carries, or a newer one.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rationanomaly.artifacts import writing_file
from rationanomaly.decisions.ledger import read_ledger, warn_of
from rationanomaly.decisions.precedents import Citation, Precedents, read_precedents
from rationanomaly.detection.detector import Detector, Verdict
from rationanomaly.detection.parser import read_parser
from rationanomaly.errors import InputError
from rationanomaly.parse.live import read_log

Row = dict[str, Any]


def open_model(model: str) -> Detector:
    """Open a model folder, or a registered version by its ``models:/`` address."""
    if model.startswith("models:/"):
        from rationanomaly.runs.model_registry import fetch_folder

        return Detector.open(fetch_folder(model))
    return Detector.open(Path(model))


def open_precedents(folder: Path, ledger: Path | None) -> Precedents:
    """What experts have decided: what the model folder carries, and a newer ledger laid over it.

    Raises:
        InputError: no such ledger.
    """
    carried = read_precedents(folder)
    if ledger is None:
        return carried
    newer = read_ledger(ledger)
    warn_of(newer.problems)
    return carried.under(newer)


def detect_templates(model: str, path: Path, ledger: Path | None = None) -> Iterator[Row]:
    """One row per template of the file, in order, with the text as it stands there.

    Args:
        model: see `open_model`.
        path: see `read_templates`.
        ledger: see `open_precedents`.
    """
    templates = read_templates(path)
    detector = open_model(model)
    for verdict in detector.judge(templates, precedents=open_precedents(detector.folder, ledger)):
        yield as_row(verdict)


def detect_lines(model: str, logs: str, log_format: str, ledger: Path | None = None) -> Iterator[Row]:
    """One row per log line, in order, as the lines come: its number and session, and the verdict on its template.

    The evidence's offsets point into the template. A template is judged once, however many lines it has.

    Args:
        model: see `open_model`.
        logs: a file, plain or compressed, a glob, or ``-`` for standard input.
        log_format: name of a log format, or ``auto``.
        ledger: see `open_precedents`.
    """
    detector = open_model(model)
    precedents = open_precedents(detector.folder, ledger)
    miner, settings = read_parser(detector.folder)
    known: dict[str, Row] = {}
    for lines in read_log(Path(logs), log_format, settings, miner):
        new = [text for text in lines["template"].unique(maintain_order=True) if text not in known]
        known |= {verdict.template: as_row(verdict) for verdict in detector.judge(new, precedents=precedents)}
        for line, session, message, template in lines.select("line", "session", "message", "template").iter_rows():
            yield {"line": line, "session": session, "message": message, **known[template]}


def read_templates(path: Path) -> list[str]:
    """The templates of a CSV with a ``template`` column, or of a text with one template per line.

    Raises:
        InputError: no such file, not UTF-8, or nothing in it.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError("no such file", file=path, hint="Check the path") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8", file=path, line=line, hint="Convert it, for example with iconv") from error
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    if path.suffix.lower() == ".csv" or "template" in header:
        templates = _read_csv(path, text, header)
    else:
        # Only \n and \r\n end a line: a template may hold any other separator that splitlines() knows.
        templates = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    if not templates:
        raise InputError("holds no templates", file=path, hint="Give at least one")
    return templates


def as_row(verdict: Verdict) -> Row:
    """A verdict as one JSON object."""
    return {
        "template": verdict.template,
        "answer": verdict.answer,
        "score": round(float(verdict.score), 6),
        "stated": verdict.stated,
        "rationale": verdict.rationale,
        "evidence": [asdict(span) for span in verdict.evidence],
        "source": verdict.source,
        "precedent": _cite(verdict.precedent),
    }


def _cite(citation: Citation | None) -> Row | None:
    if citation is None:
        return None
    return asdict(citation.precedent) | {"similarity": round(citation.similarity, 6)}


def write_verdicts(rows: Iterable[Row], output: Path | None) -> None:
    """Write JSON Lines to ``output`` (whole or not at all) or to standard output (row by row)."""
    if output is None:
        _write_rows(rows, sys.stdout)
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


def _read_csv(path: Path, text: str, header: list[str]) -> list[str]:
    if "template" not in header:
        found = ", ".join(header) or "nothing"
        raise InputError(
            f"has no `template` column (found {found})"[:300], file=path, line=1, hint="Name the column `template`"
        )
    csv.field_size_limit(2**31 - 1)
    column = header.index("template")
    rows = csv.reader(io.StringIO(text, newline=""))
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
