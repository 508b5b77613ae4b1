"""What other tools write, as decisions: tables of spreadsheets, exports of Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.exchange import import_csv, import_label_studio
from rationanomaly.decisions.ledger import Decision, read_ledger
from rationanomaly.errors import InputError

# ---------------------------------------------------------------- tables

#: By who writes it: a table with two decisions.
TABLES = {
    "plain": b"template,decision\nfan <*> slow,abnormal\njob; done,normal\n",
    "Excel, where commas mark decimals": b'template;decision\r\nfan <*> slow;abnormal\r\n"job; done";normal\r\n',
    "Excel with its own first line": b'sep=;\r\ntemplate;decision\r\nfan <*> slow;abnormal\r\n"job; done";normal\r\n',
    "Excel, UTF-8": b'\xef\xbb\xbftemplate;label\r\nfan <*> slow;abnormal\r\n"job; done";normal\r\n',
    "Excel, Unicode text": "template\tdecision\r\nfan <*> slow\tabnormal\r\njob; done\tnormal\r\n".encode("utf-16"),
    "tabs": b"template\tdecision\nfan <*> slow\tabnormal\njob; done\tnormal\n",
    "capitals": b"Template , Decision\nfan <*> slow,Abnormal\njob; done, NORMAL \n",
    "more columns": b'id;template;decision;note\n1;fan <*> slow;abnormal;x\n2;"job; done";normal;\n',
    "blank lines": b"template,decision\n\nfan <*> slow,abnormal\n\njob; done,normal\n\n",
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_of_spreadsheets_are_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    found = import_csv(tmp_path / "labels.csv", reviewer="ada")
    assert [(one.template, one.decision) for one in found] == [("fan <*> slow", "abnormal"), ("job; done", "normal")]
    assert found.skipped == {}


def test_label_studios_table_says_who_decided_and_when(tmp_path: Path) -> None:
    (tmp_path / "project.csv").write_text(
        "annotation_id,annotator,comment,created_at,decision,id,lead_time,template,updated_at\n"
        "3,7,,2025-03-01T08:00:00Z,abnormal,1,2.5,fan <*> slow,2025-03-02T09:00:00Z\n"
        "4,9,seen before,2025-03-01T08:00:00Z,normal,1,2.5,fan <*> slow,2025-03-01T08:00:00Z\n"
        ",,,,,2,,job done,\n"
    )
    found = import_csv(tmp_path / "project.csv", reviewer="nobody")
    assert [(one.reviewer, one.decision, one.time, one.comment) for one in found] == [
        ("7", "abnormal", "2025-03-02T09:00:00Z", ""),
        ("9", "normal", "2025-03-01T08:00:00Z", "seen before"),
    ]
    assert found.skipped == {"rows without a decision": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("template,decision\nfan, slow,abnormal\n", "more fields than the 2 columns"),
        ("template,decision\na,normal\nb, c,normal\n", ":3: has more fields"),
        ("template;decision\nfan; slow;abnormal\n", "more fields"),
        ('template,decision\n"fan slow,abnormal\nb,normal\n', "is not CSV"),
        ('template,decision\n"fan" slow,abnormal\n', "is not CSV"),
        ("template,decision,decision\na,normal,abnormal\n", "two columns `decision`"),
        ("template|decision\na|normal\n", "commas, semicolons or tabs"),
        ("text;decision\na;normal\n", r"found 'text;decision'"),
        ("", "has no column"),
        ("template,decision\na,\n,\nb\n", r"holds no decision \(passed over: rows without a decision \(3\)\)"),
        ("template,decision\n,normal\n", "names no template"),
        ('[{"template": "a", "decision": "normal"}]', "is JSON and no CSV"),
        ('{"template": "a", "decision": "normal"}', "is JSON and no CSV"),
    ],
)
def test_a_table_that_would_be_misread_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=problem):
        import_csv(tmp_path / "labels.csv", reviewer="ada")


# ---------------------------------------------------------------- exports of Label Studio


def answer(value: Any, name: str = "decision", kind: str = "choices") -> dict[str, Any]:
    return {"from_name": name, "to_name": "template", "type": "x", "value": {kind: value}}


def note(who: Any = 1, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {"id": 1, "completed_by": who, "created_at": "2025-03-01T08:00:00.5Z", "result": list(answers)}
    return found | more


def task(*notes: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"template": "fan <*> slow"} | data, "annotations": list(notes), "predictions": []}


def export(folder: Path, *tasks: Any) -> Path:
    file = folder / "project.json"
    file.write_text(json.dumps(list(tasks)))
    return file


def test_an_export_is_taken_and_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    file = export(
        tmp_path,
        task(note(1, answer(["abnormal"])), note(2, answer(["normal"]), was_cancelled=True), note(3)),
        task(),
        task(note(4, answer(["positive"], "sentiment")), template="job done"),
        {"id": 9, "data": {"template": "b"}},
        task(
            note({"id": 5, "email": "eve@example.org"}, answer(["Normal"]), answer(["ok", "really"], "comment", "text"))
        ),
    )
    found = import_label_studio(file)
    assert [(one.reviewer, one.decision, one.comment) for one in found] == [
        ("1", "abnormal", ""),
        ("eve@example.org", "normal", "ok\nreally"),
    ]
    assert found.skipped == {
        "cancelled annotations": 1,
        "annotations without an answer named `decision`": 2,
        "tasks without an annotation": 2,
    }


@pytest.mark.parametrize(
    ("created", "updated", "time"),
    [
        ("2025-03-01T08:00:00Z", "2025-03-02T08:00:00Z", "2025-03-02T08:00:00Z"),
        ("2025-03-01T08:00:00Z", "2025-03-01T09:30:00+02:00", "2025-03-01T08:00:00Z"),
        ("2025-03-01T08:00:00Z", None, "2025-03-01T08:00:00Z"),
        (None, "2025-03-02T08:00:00Z", "2025-03-02T08:00:00Z"),
        (None, None, None),
    ],
)
def test_a_decision_is_as_old_as_its_last_change(
    created: str | None, updated: str | None, time: str | None, tmp_path: Path
) -> None:
    (found,) = import_label_studio(
        export(tmp_path, task(note(1, answer(["normal"]), created_at=created, updated_at=updated)))
    )
    assert found.time == time


def test_the_newest_of_two_annotations_by_one_person_counts(tmp_path: Path) -> None:
    newest = note(1, answer(["normal"]), created_at="2025-03-05T08:00:00Z")
    oldest = note(1, answer(["abnormal"]), created_at="2025-03-01T08:00:00Z", updated_at="2025-03-02T08:00:00Z")
    found = import_label_studio(export(tmp_path, task(newest, oldest)))
    assert [one.decision for one in found] == ["abnormal", "normal"]
    append_decisions(tmp_path / "l.jsonl", found)
    assert read_ledger(tmp_path / "l.jsonl").problems == ()


#: A whole file, what is said of it, and a word of the hint.
REFUSED = {
    "JSON-MIN": (
        '[{"id": 1, "template": "a", "decision": "normal", "annotator": 2, "annotation_id": 3}]',
        "as JSON-MIN",
    ),
    "JSON-MIN with a category": (
        '[{"category": "other", "template": "a", "decision": "x", "annotator": 2}]',
        "JSON-MIN",
    ),
    "before 1.0": ('[{"id": 1, "data": {"template": "a"}, "completions": [{"result": []}]}]', "before version 1.0"),
    "before 1.0, nothing done": ('[{"id": 1, "data": {"template": "a"}, "completions": []}]', "before version 1.0"),
    "CSV": ("id,template,decision\n1,a,normal\n", "is no JSON"),
    "TSV": ("id\ttemplate\tdecision\n1\ta\tnormal\n", "is no JSON"),
    "JSON Lines": ('{"data": {"template": "a"}, "annotations": []}\n{"data": {}}\n', "is no JSON"),
    "one task": ('{"id": 1, "data": {"template": "a"}, "annotations": []}', "is not an export"),
    "a ledger's patch": ('[{"template": "a", "label": "normal", "corrected": "abnormal"}]', "is not an export"),
    "annotations are none": ('[{"data": {"template": "a"}, "annotations": 3}]', "is not an export"),
    "tasks nobody annotated": ('[{"data": {"template": "a"}}, {"data": {"template": "b"}}]', r"annotation \(2\)"),
    "nothing": ("[]", "holds no decision"),
}


@pytest.mark.parametrize(("text", "problem"), REFUSED.values(), ids=REFUSED)
def test_other_exports_are_refused_by_their_names(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "project.json").write_text(text)
    with pytest.raises(InputError, match=problem):
        import_label_studio(tmp_path / "project.json")


@pytest.mark.parametrize(
    ("one", "problem"),
    [
        (task(note(1, answer(["normal", "abnormal"]))), "two answers named `decision`"),
        (task(note(1, answer(["normal"]), answer(["abnormal"]))), "two answers named `decision`"),
        (task(note(1, answer(["maybe"]))), "unknown decision 'maybe'"),
        (task(note(1, answer(["normal"])), template=None), "names no template"),
        (task(note(1, answer(["normal"])), template=7), "names no template"),
        (task(note(1, answer(["normal"]), created_at=1588672800)), "not ISO 8601"),
        (task(note(1, answer(["normal"]), created_at="yesterday", updated_at="2025-03-02T08:00:00Z")), "not ISO 8601"),
        (task(note(1, answer(["positive"], "sentiment"))), "the answers are named sentiment"),
        (task(note(1, answer(["normal"]), was_cancelled=True)), r"cancelled annotations \(1\)"),
    ],
)
def test_an_annotation_that_can_not_count_is_named(one: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=problem):
        import_label_studio(export(tmp_path, one))


def test_a_data_set_that_is_a_number_stays_one_data_set(tmp_path: Path) -> None:
    append_decisions(
        tmp_path / "l.jsonl", import_label_studio(export(tmp_path, task(note(1, answer(["normal"])), dataset=5)))
    )
    (entry,) = read_ledger(tmp_path / "l.jsonl").entries
    assert isinstance(entry.decision, Decision) and entry.decision.dataset == "5"
