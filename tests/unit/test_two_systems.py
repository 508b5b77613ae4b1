"""The table of two made-up systems: both classes in both, wrong tags that the corrections put right."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.two_systems import CORRECTIONS, TEMPLATES, write_table
from rationanomaly.simulate.events import load_catalogue


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    write_table(tmp_path)
    with (tmp_path / TEMPLATES).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_each_system_has_templates_of_both_classes_and_shares_none(rows: list[dict[str, str]]) -> None:
    systems = {name: {row["template"] for row in rows if row["dataset"] == name} for name in ("hardware", "software")}
    assert not systems["hardware"] & systems["software"]
    assert len(rows) == sum(map(len, systems.values()))
    for name in systems:
        assert {row["label"] for row in rows if row["dataset"] == name} == {"normal", "abnormal"}


def test_with_its_corrections_every_label_is_the_catalogues(rows: list[dict[str, str]], tmp_path: Path) -> None:
    corrected = {(one["dataset"], one["template"]): one for one in json.loads((tmp_path / CORRECTIONS).read_bytes())}
    faults = {"".join(text + ("<*>" if name else "") for text, name in event.pieces()): event.label
              for event in load_catalogue()}  # fmt: skip
    assert 0.05 < len(corrected) / len(rows) < 0.1
    for row in rows:
        correction = corrected.get(
            (row["dataset"], row["template"]), {"label": row["label"], "corrected": row["label"]}
        )
        assert correction["label"] == row["label"]
        assert correction["corrected"] == faults[row["template"]]


def test_equal_seeds_give_equal_bytes(rows: list[dict[str, str]], tmp_path: Path) -> None:
    for name, seed in (("again", 0), ("other", 1)):
        write_table(tmp_path / name, seed)
    first = (tmp_path / TEMPLATES).read_bytes()
    assert (tmp_path / "again" / TEMPLATES).read_bytes() == first != (tmp_path / "other" / TEMPLATES).read_bytes()
