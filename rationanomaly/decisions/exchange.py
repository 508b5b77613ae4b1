"""Corrections in the formats that others use: the published patch, CSV, Label Studio.

The patch and Label Studio's tasks hold the text of a template unchanged. In a CSV, which people open in spreadsheets,
hostile text is written inertly (`untrusted.for_csv`), and `import_csv` reads it back as it was.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly import regular_files
from rationanomaly.decisions.ledger import CATEGORIES, ROUNDS, VOTES, Decision, Round, read_time
from rationanomaly.decisions.reviewer_name import LONGEST_NAME, known_name
from rationanomaly.errors import InputError
from rationanomaly.records import template_id
from rationanomaly.text.untrusted import for_csv, from_csv

_SHOWN = 120
_EXPORT = "Export the project as JSON (not JSON-MIN)"
_NO_TIME = datetime.min.replace(tzinfo=UTC)

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


class Imported(list[Decision]):
    """The decisions that were taken from a file.

    Attributes:
        skipped: how many rows or annotations were passed over, by why.
    """

    def __init__(self, decisions: Iterable[Decision], skipped: Mapping[str, int]) -> None:
        super().__init__(decisions)
        self.skipped = {why: count for why, count in skipped.items() if count}

    @property
    def passed_over(self) -> str:
        """What was not taken, for a person; empty if all was."""
        return ", ".join(f"{why} ({count:,})" for why, count in self.skipped.items())


def import_csv(path: Path, reviewer: str | None = None, round_: Round = "independent") -> Imported:
    """Decisions from a CSV with a column ``template`` and a column ``decision`` or ``label``.

    Args:
        path: the file; ``dataset``, ``reviewer``, ``category``, ``comment``, ``time`` and ``round`` are read if there,
            and so are Label Studio's ``annotator``, ``created_at`` and ``updated_at``. Fields are parted by commas,
            semicolons or tabs. Rows without a decision are passed over. Texts may be written as `export_csv` does.
        reviewer: who decided, where the file has no such column.
        round_: the round, where the file has no such column.

    Raises:
        InputError: a column is missing, a row has more fields than there are columns or holds a value that no ledger
            takes (names the line), or there is no decision in it.
    """
    rows = _csv_rows(path, _csv_text(path))
    columns = tuple(rows.fieldnames or ())
    column = "decision" if "decision" in columns else "label"
    decisions, skipped = [], Counter[str]()
    for row in _whole_rows(rows, path):
        if not (row[column] or "").strip():
            skipped["rows without a decision"] += 1
            continue
        values = {
            "decision": row[column].strip().lower(),
            "reviewer": row.get("reviewer") or row.get("annotator") or reviewer or "",
            "round": row.get("round") or round_,
            "time": row.get("time") or _later(row.get("created_at"), row.get("updated_at")),
            **{name: row.get(name) or None for name in ("dataset", "category", "comment")},
        }
        texts = {name: value and from_csv(value) for name, value in values.items()}
        decisions.append(_decision(from_csv(row["template"] or ""), texts, path, rows.line_num))
    return _some(decisions, skipped, path, "Fill in the column `decision`: normal, abnormal or unsure")


def _csv_text(path: Path) -> str:
    """The text of a CSV, also of what Excel calls Unicode text."""
    content = regular_files.read_given(path)
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        hint = "Name a CSV file in UTF-8, or convert it, for example with iconv"
        raise InputError("is no text in UTF-8", file=path, line=line, hint=hint) from error


def _csv_rows(path: Path, text: str) -> csv.DictReader[str]:
    """The rows of a CSV under the names of its columns, in small letters, whatever parts its fields."""
    if text.lstrip()[:1] in ("[", "{"):
        raise InputError("is JSON and no CSV", file=path, hint="For an export of Label Studio add --from label-studio")
    declared = text[: text.find("\n") + 1].strip()
    if declared[:4].lower() == "sep=":  # Excel's own first line.
        text = text.partition("\n")[2]
    first = text.partition("\n")[0]
    for delimiter in ",;\t":
        rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        try:
            names = [name.strip().lower() for name in rows.fieldnames or ()]
        except csv.Error:
            continue
        if "template" in names and ("decision" in names or "label" in names):
            twice = next((name for name, count in Counter(names).items() if name and count > 1), None)
            if twice is not None:
                raise InputError(f"has two columns `{twice}`", file=path, line=1, hint="Remove one of them")
            rows.fieldnames = names
            return rows
    raise InputError(
        f"has no column `template` or no column `decision` (found {first[:_SHOWN]!r})",
        file=path,
        line=1,
        hint="The first line names the columns, parted by commas, semicolons or tabs: template, and decision or label",
    )


def _whole_rows(rows: csv.DictReader[str], path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV; one with too many fields holds a delimiter that was meant as text."""
    try:
        for row in rows:
            if None in row:
                problem = f"has more fields than the {len(rows.fieldnames or ())} columns"
                hint = "Put a text that holds the delimiter into double quotes"
                raise InputError(problem, file=path, line=rows.line_num, hint=hint)
            yield row
    except csv.Error as error:
        raise InputError(f"is not CSV: {error}", file=path, line=rows.line_num, hint="Correct the row") from error


def import_label_studio(path: Path, round_: Round = "independent") -> Imported:
    """Decisions from Label Studio's JSON export, oldest first; cancelled and empty annotations are passed over.

    Raises:
        InputError: it is not such an export (JSON-MIN, CSV and the form before version 1.0 are named), an annotation
            holds a value that no ledger takes, or there is no decision in it.
    """
    tasks = _tasks(path)
    decisions, skipped, others = [], Counter[str](), set[str]()
    for number, task in enumerate(tasks, start=1):
        skipped["tasks without an annotation"] += not task.get("annotations")
        for note in task.get("annotations") or ():
            if not isinstance(note, dict) or not isinstance(task.get("data"), dict):
                raise _not_an_export(path)
            if note.get("was_cancelled"):
                skipped["cancelled annotations"] += 1
                continue
            answers = _answers(note.get("result"), path, number)
            if "decision" not in answers:
                others |= answers.keys()
                skipped["annotations without an answer named `decision`"] += 1
                continue
            data = task["data"]
            values = {
                **answers,
                "decision": answers["decision"].strip().lower(),
                "reviewer": _annotator(note.get("completed_by")),
                "round": round_,
                "dataset": None if data.get("dataset") is None else str(data["dataset"]),
                "time": _later(note.get("created_at"), note.get("updated_at")),
            }
            template = data.get("template")
            decisions.append(_decision(template if isinstance(template, str) else "", values, path, number))
    if decisions and all(decision.time for decision in decisions):
        # Of several annotations by one person the newest counts, and a ledger goes by the order of its lines.
        decisions.sort(key=lambda decision: read_time(decision.time or "") or _NO_TIME)
    found = f"; the answers are named {', '.join(sorted(others))}"[:_SHOWN] if others else ""
    hint = f"Annotate the tasks of `rationanomaly ledger tasks` with the interface beside them{found}"
    return _some(decisions, skipped, path, hint)


def _tasks(path: Path) -> list[dict[str, Any]]:
    """The tasks of a JSON export of Label Studio."""
    content = regular_files.read_given(path)
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _not_an_export(path, ": it is no JSON", f"{_EXPORT}; a CSV is read with --from csv") from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise _not_an_export(path)
    for task in tasks:
        if "completions" in task:
            problem = "is an export of Label Studio before version 1.0 (`completions`)"
            raise InputError(problem, file=path, hint="Export the project as JSON from a newer version")
        if "data" not in task and "annotations" not in task and ("annotator" in task or "annotation_id" in task):
            raise InputError("is an export of Label Studio as JSON-MIN", file=path, hint=_EXPORT)
        if "data" not in task or not isinstance(task.get("annotations") or [], list):
            raise _not_an_export(path)
    return tasks


def _not_an_export(path: Path, why: str = "", hint: str = _EXPORT) -> InputError:
    return InputError(f"is not an export of Label Studio{why}", file=path, hint=hint)


def _some(decisions: list[Decision], skipped: Mapping[str, int], path: Path, hint: str) -> Imported:
    """What was taken, if anything was."""
    imported = Imported(decisions, skipped)
    if not imported:
        passed_over = f" (passed over: {imported.passed_over})" if imported.passed_over else ""
        raise InputError(f"holds no decision{passed_over}", file=path, hint=hint)
    return imported


def _later(*times: Any) -> Any:
    """The latest of the times that are there; the first of those that can't be read, for the check to refuse."""
    given = [time for time in times if time not in (None, "")]
    readable = {time: moment for time in given if isinstance(time, str) and (moment := read_time(time)) is not None}
    unreadable = [time for time in given if not isinstance(time, str) or time not in readable]
    return unreadable[0] if unreadable else max(readable, key=readable.__getitem__, default=None)


def _answers(result: Any, path: Path, line: int) -> dict[str, str]:
    """The answers of one annotation by name; of several texts all, but of several choices none can count."""
    answers: dict[str, str] = {}
    for region in result if isinstance(result, list) else ():
        value = region.get("value") if isinstance(region, dict) else None
        if not isinstance(value, dict):
            continue
        name, given = str(region.get("from_name")), value.get("choices") or value.get("text")
        texts = [text for text in (given if isinstance(given, list) else [given]) if isinstance(text, str)]
        if name in ("decision", "category") and len({*texts, *([answers[name]] if name in answers else [])}) > 1:
            hint = "Let the labelling interface take a single choice"
            raise InputError(f"two answers named `{name}` in one annotation", file=path, line=line, hint=hint)
        if texts:
            answers[name] = "\n".join(texts)
    return answers


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
    reviewer = known_name(str(values["reviewer"]))
    if reviewer is None:
        hint = f"Say who decided, in a column or an option: 1 to {LONGEST_NAME} visible characters"
        raise InputError("names no reviewer", file=path, line=line, hint=hint)
    time = values.get("time")
    if time is not None and (not isinstance(time, str) or read_time(time) is None):
        raise InputError(f"the time {time!r} is not ISO 8601", file=path, line=line, hint="Write 2026-01-31T12:00:00Z")
    return Decision(
        template_id=template_id(template),
        template=template,
        reviewer=reviewer,
        decision=values["decision"],
        category=values.get("category"),
        comment=str(values.get("comment") or ""),
        time=time,
        round=values["round"],
        dataset=values.get("dataset") or None,
    )
