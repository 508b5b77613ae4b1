"""What a step costs: the GPUs that it holds, how long, at what price."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from rationanomaly.params import Params
from rationanomaly.runs import tracking
from rationanomaly.runs.pipeline_end import close_pipeline
from rationanomaly.runs.step_cost import GPU_HOURS, PRICE, held_gpus, step_cost
from tests.mlflow_store import new_store


@pytest.fixture
def priced(params: Params) -> Params:
    """Two GPUs for sft, one machine; a GPU hour costs 3."""
    resources = params.cluster.default.model_copy(update={"gpus": 2})
    cluster = params.cluster.model_copy(update={"steps": {"sft": resources}, "gpu_hour_price": 3.0})
    return params.model_copy(update={"cluster": cluster})


@pytest.fixture
def in_a_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")


@pytest.mark.usefixtures("in_a_pod")
def test_a_pod_holds_the_gpus_that_it_asks_for(priced: Params) -> None:
    assert step_cost("sft", priced, 1800) == {GPU_HOURS: 1.0, PRICE: 3.0}
    assert step_cost("parse", priced, 1800) == {GPU_HOURS: 0.0, PRICE: 0.0}


@pytest.mark.usefixtures("in_a_pod")
def test_each_node_of_a_trainjob_holds_as_many(priced: Params) -> None:
    nodes = priced.model_copy(update={"training": priced.training.model_copy(update={"nodes": 3})})
    assert held_gpus("sft", nodes) == 6


@pytest.mark.usefixtures("in_a_pod")
def test_without_a_price_there_is_none(priced: Params) -> None:
    free = priced.model_copy(update={"cluster": priced.cluster.model_copy(update={"gpu_hour_price": 0.0})})
    assert step_cost("sft", free, 3600) == {GPU_HOURS: 2.0}


def test_elsewhere_a_step_holds_the_gpus_of_its_ranks(priced: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 8)))
    ranks = priced.model_copy(update={"training": priced.training.model_copy(update={"processes": 4})})
    assert (held_gpus("sft", ranks), held_gpus("evaluate", ranks)) == (4, 1)
    monkeypatch.delitem(sys.modules, "torch")
    assert held_gpus("parse", ranks) == 0


@pytest.mark.usefixtures("in_a_pod")
def test_mlflow_shows_each_step_and_the_sum_with_the_attempt_that_failed(
    priced: Params, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path_factory))
    clock = iter([0.0, 3600.0, 4000.0, 4000.0 + 1800.0])
    monkeypatch.setattr(tracking, "time", SimpleNamespace(monotonic=lambda: next(clock), time=time.time))
    lineage = tracking.Lineage.of(priced, "0" * 64)
    with pytest.raises(ValueError, match="lost"), tracking.step_run("sft", priced, lineage, {}, {}):
        raise ValueError("lost")
    with tracking.step_run("sft", priced, lineage, {}, {}) as run:
        pass
    client = MlflowClient(tracking.tracking_uri())
    own, parent = (client.get_run(found).data.metrics for found in (run.run_id, run.parent_id))
    assert (own[GPU_HOURS], own[PRICE]) == (1.0, 3.0)
    assert (parent[GPU_HOURS], parent[PRICE]) == (3.0, 9.0)
    close_pipeline(priced, succeeded=True, message="")
    assert client.get_run(run.parent_id).data.metrics[GPU_HOURS] == 3.0
