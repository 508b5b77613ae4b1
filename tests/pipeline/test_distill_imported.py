"""`profiles/imported.yaml` on the real data: imported rationales that pass and built-in ones for the rest train SFT."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rationanomaly import records
from rationanomaly.params import load_params
from rationanomaly.records import Triplet
from rationanomaly.steps import BY_NAME, Metrics, Outputs
from tests.conftest import ROOT
from tests.sealed import seal

#: A model that has learnt next to nothing, in seconds.
SMALL = (
    "model.source=bootstrap",
    "base.harvest=0",
    "base.hidden=32",
    "sft.steps=4",
    "sft.batch=32",
    "sft.evaluations=0",
)


@pytest.mark.slow
def test_both_teachers_train_the_student(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    params = load_params(ROOT / "profiles" / "imported.yaml", [*SMALL, "sft.pool.size=200", "sft.rationale_share=0.5"])
    done: dict[str, Metrics] = {}
    for name in ("parse", "correct", "distill", "base", "sft"):
        step = BY_NAME[name]
        inputs = {other: tmp_path / other for other in step.reads}
        inputs |= {source: getattr(params.data, source) for source in step.sources}
        (tmp_path / name).mkdir()
        done[name] = step.run(params, inputs, Outputs(tmp_path / name, tmp_path / "state"))
        seal(tmp_path / name, name)

    triplets = records.read_rows(tmp_path / "distill" / records.TRIPLETS, Triplet)
    labelled = records.read_table(tmp_path / "correct" / records.LABELLED, records.LABELLED_SCHEMA)
    labels = dict(labelled.filter(split="train").select("template_id", "label").iter_rows())
    assert {triplet.template_id: triplet.label for triplet in triplets} == labels
    teachers = Counter(triplet.teacher for triplet in triplets)
    assert set(teachers) == {"import", "builtin"}
    assert teachers["import"] >= 10
    assert done["distill"]["rejected/label"] > 0
    assert done["sft"]["sft/triplets"] == len(triplets)
    assert done["sft"]["sft/rows_too_long"] == 0
    assert list((tmp_path / "sft").rglob("adapter_model.safetensors"))
