"""Two promoters at once, again and again, on each kind of database: the alias moves once, to the better version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rationanomaly import artifacts
from rationanomaly.errors import GateError
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import Promotion, history
from tests.mlflow_server import postgresql
from tests.promoter import CONTEXT, PROPOSED, Plan, Promoter
from tests.registered import add_version, folder_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TIMES = 50
F1 = "template/abnormal/f1"
LOW = f"difference/champion/{F1}/low"
POLICIES = (Policy(minimum={F1: 0.5}, not_worse={F1: 0.02}), Policy(minimum={F1: 0.5}, not_worse={}, paired={F1: 0.05}))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a registry without a server before it: promoters meet in the database itself."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
        return
    with postgresql("mlflow") as place:
        yield f"postgresql+psycopg2:///mlflow?host={place.folder}&user={place.user}"


def test_one_change_and_the_better_version(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    client = MlflowClient(store, store)
    champion = artifacts.read(folder_of(client, "folder1", tmp_path)).digest
    for turn in range(TIMES):
        name, better, worse = f"log{turn}", str(2 + turn % 2), str(3 - turn % 2)
        for number in ("1", "2", "3"):
            tags = {F1: "0.61" if number == better else "0.6", "champion.model": champion, LOW: "0.0"}
            add_version(client, name, f"folder{number}", tags, tmp_path)
        client.set_registered_model_alias(name, "champion", "1")
        barrier = CONTEXT.Barrier(2)
        plans = [Plan({"MLFLOW_TRACKING_URI": store}, meet={PROPOSED: barrier}, patience=600.0) for _ in range(2)]
        policy = POLICIES[turn // 2 % 2]
        started = [
            Promoter.promote(plan, f"models:/{name}/{number}", policy)
            for plan, number in zip(plans, (2, 3), strict=True)
        ]
        outcomes = [one.wait() for one in started]
        assert [one.done for one in outcomes if one.done] == [Promotion(name, "champion", better, "1")]
        (refused,) = [one for one in outcomes if one.error is not None]
        assert isinstance(refused.error, GateError) and "is better" in refused.problem
        moved = [(entry.kind, entry.version) for entry in history(f"models:/{name}@champion")]
        assert moved == [("promoted", better), ("refused", worse)]
        aliases = {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}
        assert aliases == {"champion": better, "previous": "1"}
