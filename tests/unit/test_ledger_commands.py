"""The commands around a ledger."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from rationanomaly import records
from rationanomaly.cli.app import app
from rationanomaly.cli.ledger import ledger
from rationanomaly.decisions.ledger import read_ledger
from rationanomaly.errors import ArtifactError, InputError
from tests.sealed import edit, sealed
from tests.template_table import template_table


def invoke(*words: object) -> str:
    result = CliRunner().invoke(ledger, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def labelled(folder: Path) -> Path:
    """A finished output of `correct`."""
    folder.mkdir()
    table = template_table([("site", "a <*>", "normal")]).rename({"label": "original_label"})
    history = pl.lit(["ada: abnormal"])
    table = table.with_columns(
        label=pl.lit("abnormal"), corrected=True, category=None, history=history, group=0, split=None
    )
    records.write_table(folder / records.LABELLED, table, records.LABELLED_SCHEMA)
    return sealed(folder, "correct")


def test_import_and_merge(tmp_path: Path) -> None:
    for name in ("ada", "bob"):
        (tmp_path / "labels.csv").write_text("template,decision\na <*>,abnormal\n")
        invoke("import", tmp_path / "labels.csv", "--ledger", tmp_path / f"{name}.jsonl", "--reviewer", name)
    invoke("merge", tmp_path / "ada.jsonl", tmp_path / "bob.jsonl", "--output", tmp_path / "both.jsonl")
    assert [entry.decision.reviewer for entry in read_ledger(tmp_path / "both.jsonl").entries] == ["ada", "bob"]


def test_import_says_how_many_decisions_it_has_added(tmp_path: Path) -> None:
    missing = "; passed over: rows without a decision (1)"
    for rows, said, more in (
        ("a <*>,abnormal\nb,normal\nc,\n", "2 decisions", missing),
        ("d,normal\n", "1 decision", ""),
    ):
        (tmp_path / "labels.csv").write_text(f"template,decision\n{rows}")
        to = tmp_path / "[b]ada.jsonl"
        assert invoke("import", tmp_path / "labels.csv", "--ledger", to, "--reviewer", "ada") == (
            f"{said} imported into {to}{more}\n"
        )
    assert len(read_ledger(to).entries) == 3


@pytest.mark.parametrize(
    ("name", "text", "options", "said"),
    [
        ("empty.csv", "template,decision\n", (), "holds no decision"),
        (
            "open.csv",
            "template,decision\na,\nb,\n",
            (),
            r"holds no decision (passed over: rows without a decision (2))",
        ),
        ("min.json", '[{"id": 1, "template": "a", "annotator": 1}]', ("--from", "label-studio"), "not JSON-MIN"),
        ("none.json", "[]", ("--from", "label-studio"), "holds no decision"),
        ("export.json", '[{"data": {"template": "a"}}]', (), "is JSON and no CSV"),
        ("labels.csv", "template,decision\na,normal\n", ("--from", "label-studio"), "--from csv"),
    ],
)
def test_an_import_of_nothing_is_an_error_and_touches_no_ledger(
    tmp_path: Path, name: str, text: str, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / name).write_text(text)
    words = ["import", str(tmp_path / name), "--ledger", str(tmp_path / "l.jsonl"), "--reviewer", "ada", *options]
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(ledger, words, catch_exceptions=False)
    assert said in str(caught.value) and name in str(caught.value)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "l.jsonl").exists()


def test_merge_says_how_many_decisions_there_are(tmp_path: Path) -> None:
    for name, rows in (("ada", "a,normal\n"), ("bob", "a,normal\nb,abnormal\n")):
        (tmp_path / "labels.csv").write_text(f"template,decision\n{rows}")
        invoke("import", tmp_path / "labels.csv", "--ledger", tmp_path / f"{name}.jsonl", "--reviewer", name)
    both = tmp_path / "both.jsonl"
    said = invoke("merge", tmp_path / "ada.jsonl", tmp_path / "bob.jsonl", "--output", both)
    assert said == f"3 decisions merged into {both}\n"


def test_export_and_tasks(tmp_path: Path) -> None:
    correct = labelled(tmp_path / "a")
    invoke("export", "--correct", correct, "--output", tmp_path / "patch.json")
    patch = json.loads((tmp_path / "patch.json").read_text())
    assert patch == [{"dataset": "site", "template": "a <*>", "label": "normal", "corrected": "abnormal"}]
    invoke("export", "--correct", correct, "--as", "csv", "--output", tmp_path / "labels.csv")
    assert "a <*>,normal,abnormal" in (tmp_path / "labels.csv").read_text()
    table = template_table([("site", "a <*>", None)])
    (tmp_path / "b").mkdir()
    records.write_table(tmp_path / "b" / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
    invoke("tasks", "--parse", sealed(tmp_path / "b", "parse"), "--output", tmp_path / "tasks.json")
    assert json.loads((tmp_path / "tasks.json").read_text())[0]["data"]["template"] == "a <*>"
    assert (tmp_path / "tasks.xml").read_text().startswith("<View>")


def test_why(tmp_path: Path) -> None:
    correct = labelled(tmp_path / "a")
    assert "label abnormal; originally normal, corrected" in invoke("why", "a 7", "--correct", correct)


def test_the_old_spelling_of_why_warns_and_says_the_same(tmp_path: Path) -> None:
    correct = labelled(tmp_path / "a")
    done = CliRunner().invoke(app, ["correct", "--why", "a 7", "--output", str(correct)], catch_exceptions=False)
    assert done.stdout == invoke("why", "a 7", "--correct", correct)
    assert "use `rationanomaly ledger why TEMPLATE --correct DIR`" in " ".join(done.stderr.split())


@pytest.mark.parametrize("words", [("why", "a 7"), ("export", "--output", "labels.json")])
def test_no_label_of_an_edited_output_is_shown_or_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    correct = labelled(tmp_path / "a")
    edit(correct / records.LABELLED)
    with pytest.raises(ArtifactError, match="SHA-256"):
        invoke(*words, "--correct", correct)
    assert not (tmp_path / "labels.json").exists()


def test_no_task_is_made_of_an_edited_output(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    table = template_table([("site", "a <*>", "normal")])
    records.write_table(tmp_path / "b" / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
    parse = sealed(tmp_path / "b", "parse")
    edit(parse / records.TEMPLATES)
    with pytest.raises(ArtifactError, match="SHA-256"):
        invoke("tasks", "--parse", parse, "--output", tmp_path / "tasks.json")
    assert not (tmp_path / "tasks.json").exists()
