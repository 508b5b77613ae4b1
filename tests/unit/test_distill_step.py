"""The step: what it reads, what it writes, the import, and the built-in teacher for the rest."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.distill.step import read_questions
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.records import Cost
from tests.distilling import distil, read, settings, write_labelled

ROWS = [
    ("fatal error on disk sda: write failed", "abnormal"),
    ("job <*> started by user <*>", "normal"),
    ("0x1f <*> 17", "normal"),
    ("Connection to 10.0.0.1 lost", "abnormal"),
]


def test_every_training_template_gets_a_triplet_with_the_corrected_label(tmp_path: Path) -> None:
    metrics = distil(settings(), ROWS, tmp_path)
    triplets, rejected = read(tmp_path / "out")
    assert [(triplet.template, triplet.label) for triplet in triplets] == ROWS
    assert rejected == []
    assert metrics["accepted"] == 4


def test_templates_of_other_splits_are_not_looked_at(tmp_path: Path) -> None:
    folder = write_labelled(tmp_path / "correct", ROWS)
    table = records.read_table(folder / records.LABELLED, records.LABELLED_SCHEMA)
    sides = pl.Series("split", ["train", "validation", "test", "left out"])
    records.write_table(folder / records.LABELLED, table.with_columns(sides), records.LABELLED_SCHEMA)
    (question,) = read_questions(settings(), {"correct": folder})
    assert question.template == ROWS[0][0]


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        distil(settings(), ROWS, tmp_path, name)
    for file in (records.TRIPLETS, records.REJECTED, records.COST, records.DISTILL_REPORT):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_nothing_is_spent_on_the_built_in_teacher(tmp_path: Path) -> None:
    distil(settings(), ROWS, tmp_path)
    cost = Cost(**json.loads((tmp_path / "out" / records.COST).read_text()))
    assert (cost.calls, cost.spent) == (0, 0.0)


def test_an_empty_training_split_is_no_error(tmp_path: Path) -> None:
    assert distil(settings(), [], tmp_path)["accepted"] == 0


def test_several_rationales_for_each_template(tmp_path: Path) -> None:
    params = settings("distill.rationales_per_template=3")
    distil(params, ROWS, tmp_path)
    triplets, _ = read(tmp_path / "out")
    assert len({triplet.rationale for triplet in triplets}) == len(triplets) == 3 * len(ROWS)


def test_the_report_shows_a_sample_of_both_and_no_markup_of_a_log(reasoning: Path, tmp_path: Path) -> None:
    rows = [(f"{text} <script>alert</script>\n# heading | `code`", label) for text, label in ROWS]
    distil(settings(), rows, tmp_path, "builtin")
    report = (tmp_path / "builtin" / records.DISTILL_REPORT).read_text()
    triplets, _ = read(tmp_path / "builtin")
    assert report.count("(abnormal)") == report.count("(normal)") == 2
    assert all(triplet.rationale in report for triplet in triplets)
    assert [line for line in report.splitlines() if "heading" in line and not line.startswith("    ")] == []
    distil(importing(reasoning), ROWS, tmp_path, "imported")
    report = (tmp_path / "imported" / records.DISTILL_REPORT).read_text()
    assert "| label | 1 |" in report and "| absent | 2 |" in report
    assert f"    ({ROWS[3][1]}; label: the answer says normal, not abnormal)" in report


def importing(file: Path, *more: str) -> Params:
    return settings("distill.teacher=import", f"data.reasoning={file}", *more)


def write_reasoning(file: Path, rows: list[dict[str, str]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


DISK = (
    "The log reports “fatal error,” about `disk sda`. Data on it may be lost, so it should be seen to. It is abnormal."
)
LOST = 'The line says "Connection" and "lost". A peer is gone and the calls to it may hang for long. So it is normal.'


@pytest.fixture
def reasoning(tmp_path: Path) -> Path:
    return write_reasoning(
        tmp_path / "reasoning.jsonl",
        [
            {"input": ROWS[0][0], "reasoning": f"<think>{DISK}</think><answer>abnormal</answer>"},
            {"input": ROWS[3][0], "reasoning": f"<think>{LOST}</think><answer>normal</answer>"},
        ],
    )


def test_the_target_length_is_the_median_of_the_accepted(tmp_path: Path) -> None:
    fatal = (
        'It reports "fatal error" of "disk sda" and cannot work without it.',
        'It speaks of a "fatal error" and of "failed", so that data may be lost and work may have to be done again.',
        'It names "sda" beside "fatal error", and a disk that fails once will most likely fail again soon, so that '
        "somebody should look at it today and replace it before the next night brings the next loss of data.",
    )
    rows = [(f"fatal error on disk sda: write {number} failed", "abnormal") for number in ("one", "two", "three")]
    answers = [
        {"input": template, "reasoning": f"<think>{text}</think><answer>abnormal</answer>"}
        for (template, _), text in zip(rows, fatal, strict=True)
    ]
    distil(importing(write_reasoning(tmp_path / "answers.jsonl", answers)), rows, tmp_path)
    cost = Cost(**json.loads((tmp_path / "out" / records.COST).read_text()))
    assert cost.target_words == len(fatal[1].split()) == 23


@pytest.mark.parametrize("normalise", ["true", "false"])
def test_imported_quotes_are_set_as_the_prompt_shows_the_log(normalise: str, reasoning: Path, tmp_path: Path) -> None:
    params = importing(reasoning, f"prompt.normalise={normalise}")
    distil(params, ROWS, tmp_path)
    (triplet,), _ = read(tmp_path / "out")
    assert '"fatal error", about "disk sda"' in triplet.rationale
    assert triplet.teacher == "import"


@pytest.mark.parametrize("evidence", ["strict", "optional"])
def test_what_contradicts_the_corrected_label_is_refused_in_any_case(
    evidence: str, reasoning: Path, tmp_path: Path
) -> None:
    params = importing(reasoning, f"distill.evidence={evidence}")
    distil(params, ROWS, tmp_path)
    _, rejected = read(tmp_path / "out")
    assert {record.template: record.reason for record in rejected} == {
        ROWS[1][0]: "absent",
        ROWS[2][0]: "absent",
        ROWS[3][0]: "label",
    }


def test_the_builtin_teacher_writes_the_others(reasoning: Path, tmp_path: Path) -> None:
    params = importing(reasoning, "distill.fallback_teacher=builtin")
    metrics = distil(params, ROWS, tmp_path)
    triplets, rejected = read(tmp_path / "out")
    assert [(triplet.template, triplet.label) for triplet in triplets] == ROWS
    assert [triplet.teacher for triplet in triplets] == ["import", "builtin", "builtin", "builtin"]
    assert [record.reason for record in rejected] == ["label"]
    assert metrics["rejected/label"] == 1


@pytest.mark.parametrize("line", ['{"input": "x"}', '{"input": 1, "reasoning": "x"}', "[1]", "not json"])
def test_a_bad_line_of_an_import_is_named(line: str, tmp_path: Path) -> None:
    file = tmp_path / "reasoning.jsonl"
    file.write_text(f'{{"input": "a", "reasoning": "b"}}\n{line}\n')
    with pytest.raises(InputError, match=r"reasoning\.jsonl:2"):
        distil(importing(file), ROWS, tmp_path)


def test_an_import_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        distil(importing(tmp_path / "none"), ROWS, tmp_path)


@pytest.mark.parametrize(("evidence", "lowest", "highest"), [("strict", 35, 50), ("optional", 150, 190)])
def test_published_reasoning(evidence: str, lowest: int, highest: int, shared_data: Path, tmp_path: Path) -> None:
    labels = {
        row["template"]: row["label"]
        for row in pl.read_csv(shared_data / "templates/templates.csv").iter_rows(named=True)
    }
    for row in json.loads((shared_data / "templates/corrections.json").read_text(encoding="utf-8")):
        labels[row["template"]] = row["corrected"]
    file = shared_data / "cot/anomaly_reasoning.jsonl"
    known = [row["input"] for _, row in records.read_objects(file)]
    params = importing(file, f"distill.evidence={evidence}", "distill.max_words=400", "prompt.normalise=false")
    metrics = distil(params, [(template, labels[template]) for template in known], tmp_path)
    assert len(known) == 203
    assert metrics["rejected/label"] == 13
    assert lowest <= metrics["accepted"] <= highest
