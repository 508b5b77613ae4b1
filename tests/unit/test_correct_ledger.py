"""The ledger: reading, appending durably, merging, and exchange with other tools."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
import os
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import polars as pl
import pytest

from rationanomaly.decisions.appending import append_decisions, merge_ledgers
from rationanomaly.decisions.exchange import (
    LABEL_STUDIO_CONFIG,
    export_csv,
    export_label_studio,
    export_patch,
    import_csv,
    import_label_studio,
)
from rationanomaly.decisions.ledger import CATEGORIES, VOTES, Decision, read_ledger, write_decision
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.records import template_id
from tests.template_table import template_table


def said(text: str, decision: str, reviewer: str = "ada", second: int = 0, category: str | None = None) -> Decision:
    time = f"2026-01-01T00:00:{second:02d}Z"
    fields = (template_id(text), text, reviewer, decision, category, "", time, "independent")
    return Decision(*fields)  # type: ignore[arg-type]


def decisions_in(path: Path) -> list[Decision]:
    ledger = read_ledger(path)
    assert not ledger.problems
    return [entry.decision for entry in ledger.entries]


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    hostile = said('"<script>\u202e\n', "abnormal", category="other")
    append_decisions(tmp_path / "new" / "ledger.jsonl", [hostile])
    append_decisions(tmp_path / "new" / "ledger.jsonl", [said("b", "unsure")])
    assert decisions_in(tmp_path / "new" / "ledger.jsonl") == [hostile, said("b", "unsure")]


def test_a_cut_off_line_spoils_nothing_that_follows(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append_decisions(path, [said("a", "normal"), said("b", "normal")])
    path.write_bytes(path.read_bytes()[:-30])
    append_decisions(path, [said("c", "abnormal")])
    ledger = read_ledger(path)
    assert [entry.decision.template for entry in ledger.entries] == ["a", "c"]
    assert [(problem.line, problem.code) for problem in ledger.problems] == [(2, "not_json")]


def _append_many(path: Path, reviewer: str) -> None:
    for number in range(50):
        append_decisions(path, [said(f"template {number}", "normal", reviewer)])


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in ("ada", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(decisions_in(path)) == 100


def test_a_folder_of_ledgers_is_one_ledger(tmp_path: Path) -> None:
    append_decisions(tmp_path / "bob.jsonl", [said("a", "normal", "bob")])
    append_decisions(tmp_path / "ada.jsonl", [said("a", "abnormal", "ada")])
    assert [one.reviewer for one in decisions_in(tmp_path)] == ["ada", "bob"]


def test_no_ledger_is_refused_and_an_empty_one_is_fine(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such ledger"):
        read_ledger(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").touch()
    assert not read_ledger(tmp_path / "empty.jsonl").entries


def test_a_device_or_a_pipe_is_no_ledger(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "zero.jsonl", tmp_path):
        with pytest.raises(ArtifactError, match="is a device, a pipe or a socket"):
            read_ledger(path)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("[1]", "not_json"),
        ("{}", "fields"),
        ('{"template_id": 7, "reviewer": "a", "decision": "normal", "round": "panel"}', "fields"),
        ('{"template_id": "x", "reviewer": " ", "decision": "normal", "round": "panel"}', "fields"),
        ('{"template_id": "x", "reviewer": "a", "decision": "odd", "round": "panel"}', "label"),
        ('{"template_id": "x", "reviewer": "a", "decision": "normal", "round": "final"}', "round"),
        ('{"template_id": "x", "reviewer": "a", "decision": "normal", "round": "panel", "category": 3}', "category"),
        ('{"template_id": "x", "reviewer": "a", "decision": "normal", "round": "panel", "time": "noon"}', "time"),
        ('{"template_id": "x", "reviewer": "a", "decision": "normal", "round": "panel", "template": "y"}', "identity"),
        ("[" * 100_000, "not_json"),
        ('{"template_id": "x", "reviewer": "\\ud800", "decision": "normal", "round": "panel"}', "fields"),
    ],
)
def test_each_kind_of_bad_line_is_named(tmp_path: Path, row: str, code: str) -> None:
    path = tmp_path / "ledger.jsonl"
    append_decisions(path, [said("a", "normal")])
    with path.open("a") as file:
        file.write(row + "\n")
    ledger = read_ledger(path)
    assert [(problem.line, problem.code, problem.counts) for problem in ledger.problems] == [(2, code, False)]
    assert len(ledger.entries) == 1


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"comment": None},
        {"reviewer": " ada "},
        {"more": [1]},
        {"template": None},
        {"category": "other", "dataset": "north"},
        {"comment": "naïve \U0001f525 \u202e"},
    ],
)
def test_a_line_that_lacks_or_adds_fields_is_read_as_one_that_has_them(
    tmp_path: Path, change: dict[str, object]
) -> None:
    row = {**json.loads(write_decision(said("a", "normal"))), **change}
    sparse = {key: value for key, value in row.items() if value not in (None, "")}
    text = json.dumps(row) + "\n" + json.dumps(dict(reversed(sparse.items()))) + "\n"
    (tmp_path / "ledger.jsonl").write_text(text)
    one, other = decisions_in(tmp_path / "ledger.jsonl")
    assert one == other
    assert (one.reviewer, one.decision, one.template) == ("ada", "normal", row["template"] or "")


def test_a_clock_that_went_back_is_reported_and_the_order_of_lines_counts(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append_decisions(path, [said("a", "normal", second=30), said("b", "normal", second=10)])
    (problem,) = read_ledger(path).problems
    assert (problem.code, problem.line, problem.counts) == ("clock", 2, True)


def test_merging_does_not_depend_on_the_order_of_the_ledgers(tmp_path: Path) -> None:
    common = [said("a", "normal", "ada", 1), said("a", "abnormal", "bob", 2)]
    own = [
        [said("b", "normal", "ada", 9), said("b", "abnormal", "ada", 5)],  # ada's clock went back: abnormal counts
        [said("b", "normal", "bob", 7)],
        [said("c", "unsure", "cleo", 3)],
    ]
    paths = [tmp_path / f"{number}.jsonl" for number in range(len(own))]
    for path, decisions in zip(paths, own, strict=True):
        append_decisions(path, [*common, *decisions])
    merged = [merge_ledgers(order) for order in permutations(paths)]
    assert all(one == merged[0] for one in merged)
    assert len(merged[0]) == len(common) + 4
    assert [one.decision for one in merged[0] if one.reviewer == "ada"] == ["normal", "normal", "abnormal"]


def test_merging_refuses_to_drop_a_bad_line(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(InputError, match=r"bad\.jsonl:1"):
        merge_ledgers([tmp_path / "bad.jsonl"])


LABELLED = pl.DataFrame(
    {
        "dataset": ["north", "north", "south"],
        "template": ['a "quoted", <*>', "=b()\nline", "c"],
        "original_label": ["normal", "abnormal", "normal"],
        "label": ["abnormal", "normal", "normal"],
        "corrected": [True, True, False],
        "category": ["other", None, None],
        "history": [["senior: bo said abnormal (other)"], ["senior: bo said normal"], []],
        "split": ["train", "train", "test"],
    },
    schema_overrides={"history": pl.List(pl.String)},
)


def test_an_exported_patch_reads_back_as_the_same_corrections(tmp_path: Path) -> None:
    (tmp_path / "patch.json").write_text(json.dumps(export_patch(LABELLED)))
    found = [(one.dataset, one.template, one.decision) for one in decisions_in(tmp_path / "patch.json")]
    assert found == [("north", 'a "quoted", <*>', "abnormal"), ("north", "=b()\nline", "normal")]


def test_an_exported_csv_reads_back_as_the_same_labels(tmp_path: Path) -> None:
    text = export_csv(LABELLED)
    assert next(csv.DictReader(io.StringIO(text)))["history"] == "senior: bo said abnormal (other)"
    (tmp_path / "labels.csv").write_text(text)
    found = import_csv(tmp_path / "labels.csv", reviewer="ada")
    assert [(one.dataset, one.template, one.decision) for one in found] == list(
        LABELLED.select("dataset", "template", "label").iter_rows()
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("text,label\na,normal\n", "no column"),
        ("template,label\na,odd\n", "unknown decision 'odd'"),
        ("template,label,reviewer\na,normal,\n", "names no reviewer"),
        ("template,label,reviewer,time\na,normal,x,noon\n", "not ISO 8601"),
    ],
)
def test_a_bad_csv_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        import_csv(tmp_path / "labels.csv")
    assert caught.value.line == (1 if problem == "no column" else 2)


def test_label_studio_tasks_come_back_as_decisions(tmp_path: Path) -> None:
    templates = pl.DataFrame(
        {
            "template_id": [template_id("a <*>")],
            "template": ["a <*>"],
            "dataset": ["north"],
            "label": [None],
            "examples": [["a 1", "a 2"]],
        },
        schema_overrides={"label": pl.String},
    )
    (task,) = export_label_studio(templates)
    assert task["data"]["examples"] == "a 1\na 2"

    def answer(name: str, kind: str, value: str) -> dict[str, object]:
        return {"from_name": name, "to_name": "template", "type": kind, "value": {kind: [value]}}

    task["annotations"] = [
        {
            "completed_by": {"id": 3, "email": "ada@example.org"},
            "created_at": "2026-01-01T10:00:00.5Z",
            "result": [
                answer("decision", "choices", "abnormal"),
                answer("category", "choices", "network issue"),
                answer("comment", "text", "link is gone"),
            ],
        },
        {"completed_by": 4, "was_cancelled": True, "result": [answer("decision", "choices", "normal")]},
        {"completed_by": 5, "result": []},
    ]
    (tmp_path / "export.json").write_text(json.dumps([task]))
    (decision,) = import_label_studio(tmp_path / "export.json")
    assert (decision.template_id, decision.dataset) == (template_id("a <*>"), "north")
    assert (decision.reviewer, decision.decision, decision.category) == ("ada@example.org", "abnormal", "network issue")
    assert (decision.comment, decision.round) == ("link is gone", "independent")


def test_decisions_travel_to_label_studio_and_back(tmp_path: Path) -> None:
    table = template_table([("north", 'a "quoted" <*>', "normal"), ("north", "b", None), ("south", "b", "abnormal")])
    decisions = [
        [
            replace(
                said('a "quoted" <*>', "abnormal", category="other"), dataset="north", comment="<b>smells</b>\n\u202e"
            )
        ],
        [],
        [replace(said("b", "unsure", "bob"), dataset="south"), replace(said("b", "normal"), round="panel")],
    ]
    tasks = export_label_studio(table, decisions)
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    assert import_label_studio(tmp_path / "export.json") == [decisions[0][0], decisions[2][0]]


def test_label_studio_offers_every_vote_and_category() -> None:
    assert all(f'<Choice value="{value}"' in LABEL_STUDIO_CONFIG for value in (*VOTES, *CATEGORIES))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"annotations": [{}]}]', '[{"data": 1, "annotations": [2]}]'])
def test_what_is_no_label_studio_export_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "export.json").write_text(text)
    with pytest.raises(InputError, match="is not an export"):
        import_label_studio(tmp_path / "export.json")
