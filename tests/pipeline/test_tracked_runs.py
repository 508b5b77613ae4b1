"""An experiment that ran on a cluster: its table out of what MLflow has of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.experiment import EXPERIMENT, Request
from pipelines.tracked_runs import keep_tracked
from pipelines.variants import EXPERIMENTS, Variant
from rationanomaly.errors import InputError
from rationanomaly.params import dump_line, read_document
from rationanomaly.runs import tracking
from tests.conftest import ROOT

ABLATION = EXPERIMENTS["ablation"]
ONLY = ("full", "without-grpo", "symmetric-answer", "without-correction", "without-brevity")
F1 = {"full": 0.8, "symmetric-answer": 0.7, "without-correction": 0.6}
LEARNT_FROM = {"full": 0.99, "without-correction": 0.93}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Request:
    """What the pods of the compiled pipeline tell MLflow; that of `without-brevity` fails."""
    folder = tmp_path_factory.mktemp("tracked")
    request = Request(ROOT / "profiles" / "micro.yaml", (), (0,), folder / "out", ONLY)
    variants = {one.name: one for one in ABLATION.variants(request.params(0), [])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        for name, f1 in F1.items():
            metrics = {"template/abnormal/f1": f1, "sft/template/abnormal/f1": f1 - 0.3}
            if name in LEARNT_FROM:
                ran(request, variants[name], "correct", {"labels/f1": LEARNT_FROM[name]}, folder)
            ran(request, variants[name], "evaluate", metrics, folder)
        with pytest.raises(RuntimeError):
            ran(request, variants["without-brevity"], "evaluate", None, folder)
    return request


def ran(request: Request, variant: Variant, step: str, metrics: dict[str, float] | None, folder: Path) -> None:
    # A pod has its params from the document that travels.
    params = read_document(dump_line(request.params(0, variant)))
    with tracking.step_run(step, params, tracking.Lineage.of(params, "0" * 64), {}, {}) as run:
        if metrics is None:
            raise RuntimeError("the pod was ended")
        run.finish(folder / "no output", "1" * 64, metrics)


def test_the_table_of_a_pipeline_that_ran_on_a_cluster(tracked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tracked.output.parent}/mlflow.db")
    for module in ("experiment", "tracked_runs"):
        monkeypatch.setattr(f"pipelines.{module}.known_datasets", lambda _: ["site"])
    only = [word for name in ONLY for word in ("--only", name)]
    words = ["experiment", "ablation", "--params", str(tracked.profile), *only, "--output", str(tracked.output)]
    result = CliRunner().invoke(app, [*words, "--from-mlflow"])
    assert result.exit_code == 0, result.output
    assert "not finished: without-brevity-seed-0" in result.stderr
    assert "| symmetric answer reward | .700 |" in result.stdout
    document = json.loads((tracked.output / "ablation" / EXPERIMENT).read_bytes())
    rows = {row["name"]: row for row in document["variants"] if row["figures"]}
    f1 = {name: row["figures"]["f1"]["mean"] for name, row in rows.items()}
    assert f1 == pytest.approx(F1 | {"without-grpo": F1["full"] - 0.3})
    # Variants of the reward share the full method's `correct`.
    learnt = {name: row["figures"]["teacher_f1"]["mean"] for name, row in rows.items()}
    assert learnt == dict.fromkeys(rows, 0.99) | {"without-correction": 0.93}
    # Verdicts didn't come along, and without them one seed has no interval of a difference.
    changed = rows["symmetric-answer"]["differences"]["f1"]
    assert (changed["mean"], changed["low"]) == (pytest.approx(-0.1), None)


def test_params_that_nothing_ran_with_are_said_with_a_hint(
    tracked: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tracked.output.parent}/mlflow.db")
    monkeypatch.setattr("pipelines.tracked_runs.known_datasets", lambda _: ["site"])
    others = Request(tracked.profile, ("grpo.steps=7",), (0,), tmp_path, ONLY)
    with pytest.raises(InputError, match="knows no finished run") as caught:
        keep_tracked(ABLATION, others)
    assert "MLFLOW_TRACKING_URI" in str(caught.value)
    assert not list(tmp_path.iterdir())
