"""The radar of suspicious labels, its curve, and the explanation of a label."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.correct.curve import found_at, measure_radar
from rationanomaly.correct.radar import suspect_labels
from rationanomaly.correct.why import explain_label
from rationanomaly.errors import InputError
from rationanomaly.records import Label
from tests.sealed import sealed

THINGS = ("disk", "router", "kernel", "mailer", "queue", "printer", "scheduler", "firewall", "tape", "monitor")
NORMAL = [f"{thing} {verb} {other}" for thing in THINGS for verb in ("greets", "lists") for other in THINGS[:3]]
FATES = (
    "crashed",
    "aborted",
    "failed to answer",
    "is dead",
    "panicked",
    "lost its data",
    "hung",
    "was killed",
    "broke",
)
BROKEN = [f"{thing} {fate}: fatal" for thing, fate in zip(THINGS, FATES, strict=False)]
WARNED = [f"{thing} shows an odd smoke signal" for thing in THINGS]


def labelled(templates: list[str], label: Label) -> list[Label]:
    return [label] * len(templates)


def test_a_fault_labelled_normal_is_more_suspicious_than_all_others_and_says_why() -> None:
    templates = [*NORMAL, *BROKEN]
    labels = [*labelled(NORMAL, "normal"), "normal", *labelled(BROKEN[1:], "abnormal")]
    found = suspect_labels(templates, labels, seed=0)
    worst = int(np.argmax([one.suspicion for one in found]))
    assert worst == len(NORMAL)
    assert found[worst].suspicion > 0.9
    reasons = " | ".join(found[worst].reasons)
    assert "alert words in a normal template: crashed, fatal" in reasons
    assert "reads like the abnormal ones" in reasons


def test_a_near_duplicate_with_the_other_label_raises_suspicion() -> None:
    templates = ["door 1 is open now", "door 2 is open now", "door 3 is open now", *NORMAL]
    same = suspect_labels(templates, [*labelled(templates, "normal")], seed=0)
    mixed = suspect_labels(templates, ["normal", "normal", "abnormal", *labelled(NORMAL, "normal")], seed=0)
    assert mixed[0].suspicion > same[0].suspicion
    assert any("near-duplicate with the other label: 'door <*> is open now'" in why for why in mixed[0].reasons)
    assert "an abnormal template without an alert word" in mixed[2].reasons


def test_decided_labels_teach_the_radar_what_no_word_list_knows() -> None:
    templates = [*NORMAL, *WARNED]
    labels = [*labelled(NORMAL, "normal"), "normal", *labelled(WARNED[1:], "abnormal")]
    found = suspect_labels(templates, labels, seed=0, decided=[True] * (len(templates) - 1) + [False])
    assert int(np.argmax([one.suspicion for one in found])) == len(NORMAL)


def test_a_detector_that_disagrees_counts() -> None:
    labels = labelled(NORMAL, "normal")
    detector = [0.01] * len(NORMAL)
    detector[7] = 0.99
    found = suspect_labels(NORMAL, labels, seed=0, detector=detector)
    assert int(np.argmax([one.suspicion for one in found])) == 7
    assert found[7].reasons == ("the detector says abnormal (0.99)",)


def test_one_class_and_no_templates_are_no_trouble() -> None:
    assert all(one.suspicion == 0.5 for one in suspect_labels(NORMAL, labelled(NORMAL, "normal"), seed=0))
    assert suspect_labels([], [], seed=0) == []


def test_the_curve_takes_the_expected_share_of_ties() -> None:
    found = found_at([3, 2, 2, 2, 1], [True, True, False, False, False], [0.2, 0.4, 0.8, 1])
    assert found.tolist() == pytest.approx([0.5, 0.5 + 1 / 6, 1, 1])
    assert measure_radar(NORMAL, labelled(NORMAL, "normal"), [False] * len(NORMAL), 0) == []


def test_the_radar_finds_the_published_corrections(shared_data: Path) -> None:
    """Out of fold on the whole table; `benchmarks/radar.py` measures it by halves."""
    table = pl.read_csv(shared_data / "templates" / "templates.csv")
    patch = json.loads((shared_data / "templates" / "corrections.json").read_text(encoding="utf-8"))
    corrected = {(entry["dataset"], entry["template"]) for entry in patch}
    wrong = [key in corrected for key in table.select("dataset", "template").iter_rows()]
    curve = {
        row["depth"]: row for row in measure_radar(table["template"].to_list(), table["label"].to_list(), wrong, 0)
    }
    for depth, target in ((0.05, 0.36), (0.15, 0.78), (0.25, 0.88)):
        assert curve[depth]["radar"] >= target
    assert all(row["radar"] >= row["alert_words"] - 0.02 for row in curve.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = ["door <*> is open", "the mill stopped", "<script>\u202e"]
    table = pl.DataFrame(
        {
            "template_id": [records.template_id(text) for text in texts],
            "template": texts,
            "dataset": "site",
            "original_label": ["normal", "normal", "abnormal"],
            "label": ["normal", "abnormal", "abnormal"],
            "corrected": [False, True, False],
            "category": [None, "other", None],
            "history": [[], ["panel: ada said abnormal (other) - it | must <b>turn</b>"], []],
            "mixed": [False, True, False],
            "lines": [1, 2, 3],
            "first_line": [1, 2, 3],
            "group": [0, 1, 2],
            "split": ["train", "test", "train"],
        },
        schema_overrides={"history": pl.List(pl.String)},
    )
    (tmp_path / "a").mkdir()
    records.write_table(tmp_path / "a" / records.LABELLED, table, records.LABELLED_SCHEMA)
    return sealed(tmp_path / "a", "correct")


@pytest.mark.parametrize("query", ["the mill stopped", records.template_id("the mill stopped"), "The Mill stopped"])
def test_a_label_is_explained_by_text_id_or_likeness(folder: Path, query: str) -> None:
    text = explain_label(folder, query)
    assert "label abnormal; originally normal, corrected; category other" in text
    assert "panel: ada said abnormal (other) - it ¦ must ‹b›turn‹/b›" in text
    assert "bear both labels" in text


def test_an_unknown_template_gets_suggestions(folder: Path) -> None:
    with pytest.raises(InputError, match="Similar are 'door <\\*> is open'"):
        explain_label(folder, "the door was open")


def test_a_hostile_template_is_explained_inertly(folder: Path) -> None:
    assert explain_label(folder, "<script>\u202e").startswith("‹script›\n")
