"""Promotion against a real registry in a sqlite file."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from rationanomaly.errors import GateError, InputError, ParamsError
from rationanomaly.evaluate.systems import RIVALS, difference_prefix
from rationanomaly.register.promotion import Policy, Promotion, promote, read_policy
from rationanomaly.register.step import is_tagged
from tests.conftest import ROOT

PROJECT = read_policy(ROOT / "mlflow" / "promotion.yaml")
POLICY = Policy(minimum={"template/abnormal/f1": 0.5}, not_worse={"template/abnormal/ap": 0.02})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    return MlflowClient(store, store)


def add(client: MlflowClient, name: str, **found: float) -> str:
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    tags = {f"template/abnormal/{key}": str(value) for key, value in found.items()}
    return str(client.create_model_version(name, "file:///nowhere", tags=tags).version)


def test_the_first_version_that_is_good_enough_gets_the_alias(client: MlflowClient) -> None:
    version = add(client, "first", f1=0.6, ap=0.6)
    assert promote(f"models:/first/{version}", "champion", POLICY) == Promotion("first", "champion", version, None)
    assert str(client.get_model_version_by_alias("first", "champion").version) == version


def test_a_metric_below_the_minimum_stops_it(client: MlflowClient) -> None:
    version = add(client, "low", f1=0.49, ap=0.6)
    with pytest.raises(GateError, match=r"f1 is 0\.49, needed 0\.5"):
        promote(f"models:/low/{version}", "champion", POLICY)
    assert "champion" not in client.get_registered_model("low").aliases


@pytest.mark.parametrize(("ap", "passes"), [(0.59, True), (0.57, False)])
def test_it_may_not_be_much_worse_than_the_holder(client: MlflowClient, ap: float, passes: bool) -> None:
    name = f"second-{passes}"
    holder = add(client, name, f1=0.6, ap=0.6)
    client.set_registered_model_alias(name, "champion", holder)
    version = add(client, name, f1=0.6, ap=ap)
    client.set_registered_model_alias(name, "candidate", version)
    if passes:
        assert promote(f"models:/{name}@candidate", "champion", POLICY).previous == holder
    else:
        with pytest.raises(GateError, match="ap is"):
            promote(f"models:/{name}@candidate", "champion", POLICY)
    held = str(client.get_model_version_by_alias(name, "champion").version)
    assert held == (version if passes else holder)


def test_a_version_without_metrics_is_not_promoted(client: MlflowClient) -> None:
    version = add(client, "untagged")
    with pytest.raises(GateError, match="carries no metric"):
        promote(f"models:/untagged/{version}", "champion", POLICY)


@pytest.mark.parametrize("address", ["models:/nobody@candidate", "models:/first/99", "nonsense"])
def test_an_unknown_version_is_named(client: MlflowClient, address: str) -> None:
    with pytest.raises(InputError, match="no such registered model version"):
        promote(address, "champion", POLICY)


@pytest.mark.parametrize(("difference", "passes"), [(-0.049, True), (0.1, True), (-0.051, False), (None, False)])
def test_it_may_not_be_much_worse_than_a_rule(client: MlflowClient, difference: float | None, passes: bool) -> None:
    metric = "difference/teacher_rule/template/abnormal/f1"
    name = f"rule-{difference}"
    version = add(client, name, f1=0.6, ap=0.6)
    if difference is not None:
        client.set_model_version_tag(name, version, metric, f"{difference:.4f}")
    policy = Policy(minimum={metric: -0.05}, not_worse={})
    if passes:
        assert promote(f"models:/{name}/{version}", "champion", policy).version == version
    else:
        with pytest.raises(GateError, match="teacher_rule"):
            promote(f"models:/{name}/{version}", "champion", policy)


def test_the_policy_of_the_project_asks_for_what_a_version_carries() -> None:
    assert PROJECT.minimum["template/abnormal/f1"] > 0
    assert all(is_tagged(metric) for metric in (*PROJECT.minimum, *PROJECT.not_worse))


@pytest.mark.parametrize("before", [*map(difference_prefix, RIVALS), "reasoned_minus_direct/"])
def test_the_policy_of_the_project_holds_a_model_against_every_other_system(before: str) -> None:
    f1 = f"{before}template/abnormal/f1"
    limits = [limit for metric, limit in PROJECT.minimum.items() if metric.partition("/high")[0] == f1]
    assert len(limits) == 1 and -0.05 <= limits[0] <= 0


@pytest.mark.parametrize("low", [None, *PROJECT.minimum])
def test_each_row_of_the_policy_of_the_project_can_refuse(client: MlflowClient, low: str | None) -> None:
    name = f"project-{low}".replace("/", "-")
    version = add(client, name)
    for metric, limit in PROJECT.minimum.items():
        client.set_model_version_tag(name, version, metric, f"{limit - 0.01 * (metric == low):.4f}")
    if low is None:
        assert promote(f"models:/{name}/{version}", "champion", PROJECT).version == version
    else:
        with pytest.raises(GateError, match=f"@champion: {low} is [^;]*$"):
            promote(f"models:/{name}/{version}", "champion", PROJECT)


@pytest.mark.parametrize(
    ("metric", "tagged"),
    [
        ("difference/template/abnormal/f1/low", True),
        ("difference/labeller/template/abnormal/ap", True),
        ("difference/sft/free/agreement/rate/low", True),
        ("agreement/alarms", True),
        ("direct/template/abnormal/f1", True),
        ("difference/template/abnormal/recall", False),
        ("sft/template/abnormal/f1", False),
    ],
)
def test_a_version_carries_what_a_policy_may_ask_for(metric: str, tagged: bool) -> None:
    assert is_tagged(metric) is tagged


@pytest.mark.parametrize("text", ["", "minimum: {}", "minimum: {}\nnot_worse: {}\nodd: 1", "minimum: [", "- 1"])
def test_a_bad_policy_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(ParamsError, match="is no promotion policy"):
        read_policy(tmp_path / "policy.yaml")
