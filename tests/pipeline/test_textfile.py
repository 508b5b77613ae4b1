"""What Prometheus' node_exporter reads of the newest run, by the parser of Prometheus' own client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from pipelines.__main__ import app
from pipelines.textfile import Sample, exposition, write_textfile
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.params import Params, dump, load_params
from rationanomaly.runs import tracking
from tests.conftest import ROOT
from tests.mlflow_store import new_store


def values(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = list(text_string_to_metric_families(text))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    assert all(sample.timestamp is None for sample in samples)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"rationanomaly_pipeline_{name}", frozenset(labels.items())


@pytest.fixture
def named(params: Params) -> Params:
    return params.model_copy(update={"run": params.run.model_copy(update={"name": "nightly-9"})})


@pytest.fixture(autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path_factory))


def run_steps(params: Params, folder: Path, metrics: Mapping[str, float]) -> None:
    """A run whose sft fails once, and whose grpo fails."""
    folder.mkdir()
    lineage = tracking.Lineage.of(params, "0" * 64)
    with pytest.raises(ValueError, match="lost"), tracking.step_run("sft", params, lineage, {}, {}):
        raise ValueError("lost")
    with tracking.step_run("sft", params, lineage, {}, {}) as run:
        run.finish(folder, "digest", {})
        run.headline(metrics)
    with pytest.raises(ValueError, match="lost"), tracking.step_run("grpo", params, lineage, {}, {}):
        raise ValueError("lost")


def test_states_durations_cost_and_f1_of_the_newest_run(named: Params, tmp_path: Path) -> None:
    run_steps(named, tmp_path / "output", {"template/abnormal/f1": 0.75})
    (tmp_path / "params.yaml").write_text(dump(named), encoding="utf-8")
    (tmp_path / "r.prom").write_text("old")
    before = (tmp_path / "r.prom").stat().st_ino
    command = ["textfile", "--params", str(tmp_path / "params.yaml"), "--output", str(tmp_path / "r.prom")]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert (tmp_path / "r.prom").stat().st_ino != before, "written beside and renamed"
    assert not list(tmp_path.glob("*.prom?*"))

    found, name = values((tmp_path / "r.prom").read_text(encoding="utf-8")), named.run.name
    assert found[key("f1", run=name, level="template")] == 0.75
    assert key("f1", run=name, level="session") not in found
    assert found[key("state", run=name, state="failed")] == 1
    for step, state in (("sft", "finished"), ("grpo", "failed"), ("parse", "waiting")):
        states = ("running", "scheduled", "finished", "failed", "killed", "waiting")
        shown = {one: found[key("step_state", run=name, step=step, state=one)] for one in states}
        assert shown == {one: float(one == state) for one in states}
    assert found[key("step_duration_seconds", run=name, step="sft")] >= 0
    assert key("step_duration_seconds", run=name, step="parse") not in found
    assert found[key("gpu_hours", run=name)] >= 0

    # A name that MLflow does not know: what is there stays.
    unknown = named.model_copy(update={"run": named.run.model_copy(update={"name": "unknown"})})
    with pytest.raises(InputError, match="knows no run of `unknown`"):
        write_textfile(unknown, tmp_path / "r.prom")
    assert values((tmp_path / "r.prom").read_text(encoding="utf-8")) == found


@pytest.mark.parametrize("label", ['a"b', "a\\b", "a\nb", "ä", "{}"])
def test_labels_come_back_as_they_were(label: str) -> None:
    assert list(values(exposition([Sample("f1", "Help.", {"run": label}, 0.5)]))) == [key("f1", run=label)]


def test_a_number_that_is_not_finite_is_left_out() -> None:
    text = exposition([Sample("f1", "Help.", {}, float("nan")), Sample("price", "Help.", {}, 2.5)])
    assert list(values(text)) == [key("price")]


def test_a_server_that_is_not_there_is_said_to_be_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InfrastructureError, match="tracking server at http://127"):
        write_textfile(load_params(ROOT / "params.yaml"), tmp_path / "x.prom")
    assert not (tmp_path / "x.prom").exists()
