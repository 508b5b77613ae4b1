"""What the page of Kubeflow draws: the same from a direct call and through kfp.local, in the shapes that it reads."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from rationanomaly import kfp_task
from rationanomaly.evaluate.report import REPORT
from rationanomaly.records import read_objects
from tests.component.conftest import ROOT_OF_KFP, VIEWS, StubArtifact

PAGES = pytest.mark.parametrize(("step", "view"), [("sft", "curves"), ("grpo", "curves"), ("evaluate", "report")])
KINDS = pytest.mark.parametrize("kind", ["templates", "sessions"])


def task_folder(kfp_run: Path, step: str) -> Path:
    (folder,) = (kfp_run.parent / ROOT_OF_KFP).glob(f"*/{step}")
    return folder


@PAGES
def test_a_page_is_the_same_from_both(step: str, view: str, direct_run: Path, kfp_run: Path) -> None:
    direct = (direct_run / VIEWS / step / view).read_text(encoding="utf-8")
    assert (task_folder(kfp_run, step) / view).read_text(encoding="utf-8") == direct
    assert direct.startswith("<!doctype html>")
    assert "default-src 'none'" in direct


@KINDS
def test_counts_and_curve_are_the_same_from_both(kind: str, direct_run: Path, kfp_run: Path) -> None:
    direct = json.loads((direct_run / VIEWS / "evaluate" / f"{kind}.json").read_bytes())
    output = json.loads((task_folder(kfp_run, "evaluate") / "executor_output.json").read_bytes())
    (artifact,) = output["artifacts"][kind]["artifacts"]
    shown = {key: artifact["metadata"][key] for key in ("confusionMatrix", "confidenceMetrics")}
    assert shown == direct
    _check_shapes(direct)


def _check_shapes(metadata: dict[str, Any]) -> None:
    """As `MetricsVisualizations.tsx` and `ROCCurveHelper.tsx` of Kubeflow Pipelines check them before they draw."""
    matrix = metadata["confusionMatrix"]
    size = len(matrix["annotationSpecs"])
    assert all(isinstance(one["displayName"], str) for one in matrix["annotationSpecs"])
    assert [len(row["row"]) for row in matrix["rows"]] == [size] * size
    for point in metadata["confidenceMetrics"]:
        assert set(point) == {"confidenceThreshold", "falsePositiveRate", "recall"}
        assert all(isinstance(value, float) and math.isfinite(value) for value in point.values())


def test_the_matrix_counts_every_tested_template(direct_run: Path) -> None:
    matrix = json.loads((direct_run / VIEWS / "evaluate" / "templates.json").read_bytes())["confusionMatrix"]
    rows = [row for _, row in read_objects(direct_run / "evaluate" / "predictions.jsonl") if row["model"] == "grpo"]
    assert sum(sum(row["row"]) for row in matrix["rows"]) == len(rows) > 0


def views(folder: Path) -> tuple[dsl.HTML, dict[str, dsl.ClassificationMetrics]]:
    kinds = {kind: dsl.ClassificationMetrics(uri=str(folder / kind)) for kind in ("templates", "sessions")}
    return dsl.HTML(uri=str(folder / "report")), kinds


@pytest.fixture
def finished(direct_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of an evaluate folder that `run_component` takes for its own."""
    shutil.copytree(direct_run / "evaluate", tmp_path / "evaluate")
    monkeypatch.setattr(kfp_task, "run_component", lambda *_: {})
    return tmp_path


def test_a_report_that_no_page_could_show_is_named_instead(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kfp_task, "MAX_REPORT_BYTES", 1000)
    report, kinds = views(finished)
    kfp_task.run_evaluation("", {}, StubArtifact(str(finished / "evaluate")), StubArtifact(""), report, kinds)
    page = Path(report.path).read_text(encoding="utf-8")
    assert len(page) < 1000
    assert REPORT in page


def test_a_view_that_fails_costs_no_result(finished: Path, caplog: pytest.LogCaptureFixture) -> None:
    (finished / "evaluate" / REPORT).unlink()
    (finished / "evaluate" / "predictions.jsonl").write_text("{\n")
    report, kinds = views(finished)
    found = kfp_task.run_evaluation("", {}, StubArtifact(str(finished / "evaluate")), StubArtifact(""), report, kinds)
    assert found == {}
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "no report for the page of Kubeflow",
        "no confusion matrix for the page of Kubeflow",
    ]
    assert kinds["templates"].metadata == {}
