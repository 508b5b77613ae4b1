"""The step: what it reads, what it writes, the import, and the built-in teacher for the rest."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.distill.step import run
from rationanomaly.errors import InputError
from rationanomaly.params import Params, load_params
from rationanomaly.records import Cost, Rejected, Triplet
from rationanomaly.steps import Metrics, Outputs
from tests.conftest import ROOT
from tests.distill_inputs import write_labelled

ROWS = [
    ("fatal error on disk sda: write failed", "abnormal"),
    ("job <*> started by user <*>", "normal"),
    ("0x1f <*> 17", "normal"),
    ("Connection to 10.0.0.1 lost", "abnormal"),
]


def settings(*more: str) -> Params:
    return load_params(ROOT / "params.yaml", more)


def distil(params: Params, folder: Path, output: Path) -> Metrics:
    output.mkdir()
    return run(params, {"correct": folder}, Outputs(output, output.with_name("state")))


def read(output: Path) -> tuple[list[Triplet], list[Rejected]]:
    return records.read_rows(output / records.TRIPLETS, Triplet), records.read_rows(output / records.REJECTED, Rejected)


def test_every_training_template_gets_a_triplet_with_the_corrected_label(tmp_path: Path) -> None:
    metrics = distil(settings(), write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")
    triplets, rejected = read(tmp_path / "out")
    assert [(triplet.template, triplet.label) for triplet in triplets] == ROWS
    assert rejected == []
    assert metrics["accepted"] == 4


def test_templates_of_other_splits_are_not_looked_at(tmp_path: Path) -> None:
    folder = write_labelled(tmp_path / "correct", ROWS)
    table = records.read_table(folder / records.LABELLED, records.LABELLED_SCHEMA)
    sides = pl.Series("split", ["train", "validation", "test", "left out"])
    records.write_table(folder / records.LABELLED, table.with_columns(sides), records.LABELLED_SCHEMA)
    distil(settings(), folder, tmp_path / "out")
    triplets, _ = read(tmp_path / "out")
    assert [triplet.template for triplet in triplets] == [ROWS[0][0]]


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    folder = write_labelled(tmp_path / "correct", ROWS)
    for name in ("one", "two"):
        distil(settings(), folder, tmp_path / name)
    for file in (records.TRIPLETS, records.REJECTED, records.COST, records.DISTILL_REPORT):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_target_length_is_the_median_of_the_accepted(tmp_path: Path) -> None:
    distil(settings(), write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")
    cost = Cost(**json.loads((tmp_path / "out" / records.COST).read_text()))
    triplets, _ = read(tmp_path / "out")
    assert cost.target_words == round(median(len(triplet.rationale.split()) for triplet in triplets))
    assert (cost.calls, cost.spent) == (0, 0.0)


def test_an_empty_training_split_is_no_error(tmp_path: Path) -> None:
    assert distil(settings(), write_labelled(tmp_path / "correct", []), tmp_path / "out")["accepted"] == 0


def test_several_rationales_for_each_template(tmp_path: Path) -> None:
    params = settings("distill.rationales_per_template=3")
    distil(params, write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")
    triplets, _ = read(tmp_path / "out")
    assert len({triplet.rationale for triplet in triplets}) == len(triplets) == 3 * len(ROWS)


def importing(file: Path, *more: str) -> Params:
    return settings("distill.teacher=import", f"distill.reasoning={file}", *more)


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


@pytest.mark.parametrize("normalise", ["true", "false"])
def test_imported_quotes_are_set_as_the_prompt_shows_the_log(normalise: str, reasoning: Path, tmp_path: Path) -> None:
    params = importing(reasoning, f"prompt.normalise={normalise}")
    distil(params, write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")
    (triplet,), _ = read(tmp_path / "out")
    assert '"fatal error", about "disk sda"' in triplet.rationale
    assert triplet.teacher == "import"


@pytest.mark.parametrize("evidence", ["strict", "optional"])
def test_what_contradicts_the_corrected_label_is_refused_in_any_case(
    evidence: str, reasoning: Path, tmp_path: Path
) -> None:
    params = importing(reasoning, f"distill.evidence={evidence}")
    distil(params, write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")
    _, rejected = read(tmp_path / "out")
    assert {record.template: record.reason for record in rejected} == {
        ROWS[1][0]: "absent",
        ROWS[2][0]: "absent",
        ROWS[3][0]: "label",
    }


def test_the_builtin_teacher_writes_the_rest(reasoning: Path, tmp_path: Path) -> None:
    params = importing(reasoning, "distill.rest=builtin")
    metrics = distil(params, write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")
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
        distil(importing(file), write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")


def test_an_import_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        distil(importing(tmp_path / "none"), write_labelled(tmp_path / "correct", ROWS), tmp_path / "out")


@pytest.mark.parametrize(("evidence", "least", "most"), [("strict", 35, 50), ("optional", 150, 190)])
def test_published_reasoning(evidence: str, least: int, most: int, shared_data: Path, tmp_path: Path) -> None:
    labels = {
        row["template"]: row["label"]
        for row in pl.read_csv(shared_data / "templates/templates.csv").iter_rows(named=True)
    }
    for row in json.loads((shared_data / "templates/corrections.json").read_text(encoding="utf-8")):
        labels[row["template"]] = row["corrected"]
    file = shared_data / "cot/anomaly_reasoning.jsonl"
    known = [row["input"] for _, row in records.read_objects(file)]
    params = importing(file, f"distill.evidence={evidence}", "distill.max_words=400", "prompt.normalise=false")
    folder = write_labelled(tmp_path / "correct", [(template, labels[template]) for template in known])
    metrics = distil(params, folder, tmp_path / "out")
    assert len(known) == 203
    assert metrics["rejected/label"] == 13
    assert least <= metrics["accepted"] <= most
