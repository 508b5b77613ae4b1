"""A new decision holds at once: shown on the templates of the test split with the model of a pipeline run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.decisions.ledger import Decision, write_decision
from rationanomaly.params import Params
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, PRECEDENTS, Precedent, read_rows, read_table, template_id
from rationanomaly.runs import model_registry

Row = dict[str, Any]


def _detect(folder: Path, templates: list[str], ledger: Path | None = None) -> list[Row]:
    """`rationanomaly detect` as a user calls it."""
    (folder / "templates.txt").write_text("\n".join(templates) + "\n", encoding="utf-8")
    arguments = ["detect", "--model", str(folder / "grpo"), "--templates", str(folder / "templates.txt")]
    arguments += ["--output", str(folder / "verdicts.jsonl"), *(["--ledger", str(ledger)] if ledger else [])]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return [json.loads(line) for line in (folder / "verdicts.jsonl").read_text(encoding="utf-8").splitlines()]


def _letters(text: str) -> list[str]:
    return re.findall("[a-z]+", text.lower())


@pytest.fixture(scope="module")
def tested(direct_run: Path) -> list[str]:
    labelled = read_table(direct_run / "correct" / LABELLED, LABELLED_SCHEMA)
    return labelled.filter(pl.col("split") == "test")["template"].to_list()


def test_a_new_decision_changes_that_template_and_its_near_duplicates_and_nothing_else(
    direct_run: Path, tested: list[str], tmp_path: Path
) -> None:
    (tmp_path / "grpo").symlink_to(direct_run / "grpo")
    decided = next(text for text in tested if "<*>" in text and len(re.findall("[a-z]{3,}", text)) > 3)
    templates = [*tested, decided.replace("<*>", "1729")]
    before = _detect(tmp_path, templates)
    opposite = {"normal": "abnormal"}.get(before[tested.index(decided)]["answer"], "normal")
    decision = Decision(
        template_id(decided), decided, "ada", opposite, None, "", "2026-05-01T08:00:00Z", "senior"  # type: ignore[arg-type]
    )  # fmt: skip
    ledger = tmp_path / "newer.jsonl"
    ledger.write_text(write_decision(decision) + "\n", encoding="utf-8")

    after = _detect(tmp_path, templates, ledger)

    changed = [place for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert {tested.index(decided), len(tested)} <= set(changed)
    for place in changed:
        new = after[place]
        assert (new["answer"], new["source"]) == (opposite, "precedent")
        cited = new["precedent"]
        assert (cited["template"], cited["label"], cited["decided_by"]) == (decided, opposite, ["ada"])
        assert (cited["round"], cited["time"]) == ("senior", "2026-05-01T08:00:00Z")
        assert 0.8 <= cited["similarity"] <= 1
        # What the model itself says stays what it was.
        same = ("template", "score", "stated", "rationale", "evidence")
        assert [new[key] for key in same] == [before[place][key] for key in same]
    # By letters alone: whoever differs in numbers and wildcards only is a near-duplicate by any measure.
    alike = {place for place, text in enumerate(templates) if _letters(text) == _letters(decided)}
    assert alike <= set(changed)
    assert len(changed) < len(templates) / 4


def test_a_model_folder_carries_no_decision_on_the_test_split(direct_run: Path, tested: list[str]) -> None:
    held_out = {template_id(text) for text in tested}
    decided = {row.template_id for row in read_rows(direct_run / "correct" / PRECEDENTS, Precedent)}
    assert decided & held_out
    for step in ("sft", "grpo"):
        carried = {row.template_id for row in read_rows(direct_run / step / PRECEDENTS, Precedent)}
        assert carried == decided - held_out


def test_what_experts_decided_on_training_templates_holds_without_a_ledger(direct_run: Path, tmp_path: Path) -> None:
    (tmp_path / "grpo").symlink_to(direct_run / "grpo")
    carried = read_rows(direct_run / "grpo" / PRECEDENTS, Precedent)
    found = _detect(tmp_path, [row.template for row in carried[:20]])
    assert [row["answer"] for row in found] == [row.label for row in carried[:20]]
    assert {row["source"] for row in found} == {"precedent"}


def test_evaluation_takes_the_model_at_its_own_word(direct_run: Path, tested: list[str], tmp_path: Path) -> None:
    from rationanomaly.detection.detector import Detector

    found = [json.loads(line) for line in (direct_run / "evaluate" / "predictions.jsonl").read_text().splitlines()]
    final = [row for row in found if row["model"] == "grpo"]
    own = Detector.open(direct_run / "grpo").judge([row["template"] for row in final], precedents=None)
    assert [row["answer"] for row in final] == [verdict.answer for verdict in own]
    assert {verdict.source for verdict in own} == {"model"}


def test_the_served_model_answers_with_the_rows_of_detect(
    micro: Params, direct_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    from fastapi.testclient import TestClient
    from mlflow.models.utils import _enforce_schema
    from mlflow.pyfunc.scoring_server import init

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{direct_run / 'mlflow.db'}")
    (tmp_path / "grpo").symlink_to(direct_run / "grpo")
    carried = read_rows(direct_run / "grpo" / PRECEDENTS, Precedent)[0]
    templates = [carried.template, "unheard of <*>"]
    rows = _detect(tmp_path, templates)
    model_registry.connect()
    served = mlflow.pyfunc.load_model(f"models:/{micro.register_.name}@{micro.register_.alias}")
    frame = served.predict(pd.DataFrame({"template": templates}))
    assert frame.to_dict("records") == rows
    assert [row["source"] for row in rows] == ["precedent", "model"]
    # The signature that tells clients what comes back is true.
    assert list(_enforce_schema(frame, served.metadata.get_output_schema()).columns) == list(rows[0])
    answer = TestClient(init(served)).post(
        "/invocations", json={"dataframe_records": [{"template": text} for text in templates]}
    )
    assert answer.json() == {"predictions": rows}
