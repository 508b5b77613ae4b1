"""What is distilled from is watched: other content at the same place makes the output anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rationanomaly import artifacts, records
from rationanomaly.records import Triplet
from rationanomaly.runs.execution import execute
from rationanomaly.steps import BY_NAME
from tests.distilling import settings, write_labelled
from tests.small_chat_model import save_small_chat_model

LOG = "fatal error on disk sda"


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with artifacts.writing(tmp_path / "correct", "correct", {"logs": "0" * 64}) as folder:
        write_labelled(folder, [(LOG, "abnormal")])


def distil(folder: Path, *changes: str) -> artifacts.Manifest:
    inputs = {"correct": folder / "correct"}
    execute(BY_NAME["distill"], settings(*changes), inputs, folder / "distill", folder / "state")
    return artifacts.read(folder / "distill", "distill")


def write_reasoning(file: Path, consequence: str) -> str:
    rationale = f'The log names "fatal error" and "disk", and {consequence}. It has to be looked at: abnormal.'
    answer = f"<think>{rationale}</think><answer>abnormal</answer>"
    file.write_text(json.dumps({"input": LOG, "reasoning": answer}) + "\n")
    return rationale


def test_reasoning_that_changed_is_imported_again(tmp_path: Path) -> None:
    file = tmp_path / "reasoning.jsonl"
    for consequence in ("what is on it may be lost", "whoever reads from it may wait"):
        rationale = write_reasoning(file, consequence)
        manifest = distil(tmp_path, "distill.teacher=import", f"data.reasoning={file}")
        (triplet,) = records.read_rows(tmp_path / "distill" / records.TRIPLETS, Triplet)
        assert triplet.rationale == rationale
        assert manifest.sources == {"logs": "0" * 64, "reasoning": artifacts.sha256(file)}


def test_a_local_model_that_changed_is_asked_again(tmp_path: Path) -> None:
    model = save_small_chat_model(tmp_path / "model")
    asked = ("distill.teacher=local", f"distill.local.model={model}", "distill.output_tokens=4", "distill.retries=0")
    changes = (*asked, "distill.fallback_teacher=builtin")  # Four tokens are no answer.
    before = distil(tmp_path, *changes)
    assert distil(tmp_path, *changes) == before
    assert before.sources["distill.local.model"] == artifacts.sha256(model)
    assert sent(tmp_path) == 1
    config = json.loads((model / "generation_config.json").read_text())
    (model / "generation_config.json").write_text(json.dumps(config | {"repetition_penalty": 1.1}))
    after = distil(tmp_path, *changes)
    assert after.sources["distill.local.model"] != before.sources["distill.local.model"]
    assert sent(tmp_path) == 2


def sent(folder: Path) -> int:
    return sum(path.read_bytes().count(b'"event": "sent"') for path in (folder / "state" / "distill").glob("journal*"))
