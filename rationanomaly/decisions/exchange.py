"""Corrections in the formats that others use: the published patch, CSV, Label Studio.

The patch and Label Studio's tasks hold the text of a template unchanged. In a CSV, which people open in spreadsheets,
hostile text is written inertly (`untrusted.for_csv`), and `import_csv` reads it back as it was.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.decisions.ledger import CATEGORIES, ROUNDS, VOTES, Decision, Round, read_time
from rationanomaly.errors import InputError
from rationanomaly.records import template_id
from rationanomaly.text.untrusted import for_csv, from_csv

#: How Label Studio shows a task and what it asks: paste it under Settings → Labeling Interface → Code.
LABEL_STUDIO_CONFIG = """<View>
  <Header value="$dataset"/>
  <Text name="template" value="$template"/>
  <Text name="examples" value="$examples"/>
  <Choices name="decision" toName="template" choice="single" required="true">
    <Choice value="normal" hotkey="n"/><Choice value="abnormal" hotkey="a"/><Choice value="unsure" hotkey="u"/>
  </Choices>
  <Choices name="category" toName="template" choice="single" visibleWhen="choice-selected"
           whenTagName="decision" whenChoiceValue="abnormal">
    <Choice value="system error"/><Choice value="network issue"/><Choice value="hardware failure"/>
    <Choice value="software exception"/><Choice value="other"/>
  </Choices>
  <TextArea name="comment" toName="template" maxSubmissions="1"/>
</View>
"""


def export_patch(labelled: pl.DataFrame) -> list[dict[str, str]]:
    """The corrected labels in the format of the published patch, in the order of the table."""
    rows = labelled.filter("corrected").select("dataset", "template", label="original_label", corrected="label")
    return rows.to_dicts()


def export_csv(labelled: pl.DataFrame) -> str:
    """Every labelled template as CSV: data set, template, original and corrected label, category, history."""
    columns = ("dataset", "template", "original_label", "label", "category", "history", "split")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in labelled.select(columns).iter_rows(named=True):
        cells = [" | ".join(value) if isinstance(value, list) else value for value in row.values()]
        writer.writerow([None if text is None else for_csv(text) for text in cells])
    return text.getvalue()


def export_label_studio(
    templates: pl.DataFrame, decisions: Sequence[Sequence[Decision]] | None = None
) -> list[dict[str, Any]]:
    """The templates of the step `parse` as Label Studio tasks, to be imported beside `LABEL_STUDIO_CONFIG`.

    Args:
        templates: the table.
        decisions: of each template, as `labels.assign` gives them; those of the independent round become annotations,
            for Label Studio knows no other.
    """
    tasks = []
    rows = templates.select("template_id", "template", "dataset", "label", "examples").iter_rows(named=True)
    for row, mine in zip(rows, decisions or [()] * len(templates), strict=True):
        row["examples"] = "\n".join(row["examples"] or ())
        row["label"] = row["label"] or ""
        task: dict[str, Any] = {"data": row}
        annotations = [_annotation(one) for one in mine if one.round == "independent"]
        if annotations:
            task["annotations"] = annotations
        tasks.append(task)
    return tasks


def _annotation(decision: Decision) -> dict[str, Any]:
    """A decision in the form in which Label Studio exports it and takes it."""
    result = [_answer("decision", "choices", "choices", decision.decision)]
    if decision.category:
        result.append(_answer("category", "choices", "choices", decision.category))
    if decision.comment:
        result.append(_answer("comment", "textarea", "text", decision.comment))
    return {"completed_by": {"email": decision.reviewer}, "created_at": decision.time, "result": result}


def _answer(name: str, kind: str, field: str, value: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "template", "type": kind, "value": {field: [value]}}


def import_csv(path: Path, reviewer: str | None = None, round_: Round = "independent") -> list[Decision]:
    """Decisions from a CSV with a column ``template`` and a column ``decision`` or ``label``.

    Args:
        path: the file; ``dataset``, ``reviewer``, ``category``, ``comment``, ``time`` and ``round`` are read if there.
            Rows without a decision are passed over. Texts may be written as `export_csv` writes them.
        reviewer: who decided, where the file has no such column.
        round_: the round, where the file has no such column.

    Raises:
        InputError: a column is missing or a row holds a value that no ledger takes; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't be read: {error}", file=path, hint="Name a CSV file in UTF-8") from error
    rows = csv.DictReader(io.StringIO(text))
    column = next((name for name in ("decision", "label") if name in (rows.fieldnames or ())), None)
    if column is None or "template" not in (rows.fieldnames or ()):
        hint = "The first line names the columns: template, and decision or label"
        raise InputError("has no column `template` or no column `decision`", file=path, line=1, hint=hint)
    decisions = []
    for row in rows:
        if (row[column] or "").strip():
            values = {
                "decision": row[column].strip().lower(),
                "reviewer": row.get("reviewer") or reviewer or "",
                "round": row.get("round") or round_,
                **{name: row.get(name) or None for name in ("dataset", "category", "comment", "time")},
            }
            texts = {name: value and from_csv(value) for name, value in values.items()}
            decisions.append(_decision(from_csv(row["template"] or ""), texts, path, rows.line_num))
    return decisions


def import_label_studio(path: Path, round_: Round = "independent") -> list[Decision]:
    """Decisions from Label Studio's JSON export; skipped and cancelled annotations are passed over.

    Raises:
        InputError: it is not such an export, or an annotation holds a value that no ledger takes.
    """
    hint = "Export the project as JSON (not JSON-MIN)"
    try:
        tasks = json.loads(path.read_bytes())
        if not isinstance(tasks, list):
            raise TypeError("not a list of tasks")
        annotated = [(task["data"], note) for task in tasks for note in task.get("annotations", ())]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError("is not an export of Label Studio", file=path, hint=hint) from error
    decisions = []
    for number, (data, note) in enumerate(annotated, start=1):
        if not isinstance(data, dict) or not isinstance(note, dict):
            raise InputError("is not an export of Label Studio", file=path, hint=hint)
        answers = dict(_answers(note.get("result")))
        if note.get("was_cancelled") or "decision" not in answers:
            continue
        values = {
            **answers,
            "reviewer": _annotator(note.get("completed_by")),
            "round": round_,
            "dataset": data.get("dataset"),
            "time": note.get("created_at"),
        }
        decisions.append(_decision(str(data.get("template", "")), values, path, number))
    return decisions


def _answers(result: Any) -> Iterator[tuple[str, str]]:
    """The (name, answer) pairs of one annotation."""
    regions: Iterable[Any] = result if isinstance(result, list) else ()
    for region in regions:
        value = region.get("value") if isinstance(region, dict) else None
        if isinstance(value, dict):
            given = value.get("choices") or value.get("text")
            answer = given[0] if isinstance(given, list) and given else given
            if isinstance(answer, str):
                yield str(region.get("from_name")), answer


def _annotator(completed_by: Any) -> str:
    """Label Studio names an annotator by number, or by a record with an address."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return "label-studio" if completed_by is None else str(completed_by)


def _decision(template: str, values: Mapping[str, Any], path: Path, line: int) -> Decision:
    """A decision, if the values are such that a ledger takes them."""
    known = {"decision": VOTES, "round": ROUNDS, "category": (*CATEGORIES, None)}
    for name, allowed in known.items():
        if values.get(name) not in allowed:
            some = ", ".join(str(value) for value in allowed if value)
            raise InputError(f"unknown {name} {values.get(name)!r}", file=path, line=line, hint=f"Known are: {some}")
    if not template:
        raise InputError("names no template", file=path, line=line, hint="Give the template's text")
    if not str(values["reviewer"]).strip():
        raise InputError("names no reviewer", file=path, line=line, hint="Say who decided, in a column or an option")
    time = values.get("time")
    if time is not None and (not isinstance(time, str) or read_time(time) is None):
        raise InputError(f"the time {time!r} is not ISO 8601", file=path, line=line, hint="Write 2026-01-31T12:00:00Z")
    return Decision(
        template_id=template_id(template),
        template=template,
        reviewer=str(values["reviewer"]).strip(),
        decision=values["decision"],
        category=values.get("category"),
        comment=str(values.get("comment") or ""),
        time=time,
        round=values["round"],
        dataset=values.get("dataset") or None,
    )
