"""Promotion against a real MLflow server with accounts on a real PostgreSQL: gates, two at once, kill -9, passwords."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities.webhook import WebhookEvent
from mlflow.server.auth.client import AuthServiceClient

from rationanomaly import artifacts
from rationanomaly.errors import GateError, InfrastructureError
from rationanomaly.register import alias_webhook, promotion_log, rivals
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import Promotion, history, promote, rollback
from rationanomaly.runs.model_registry import digest_at, fetch_folder
from tests.mlflow_server import MlflowServer, mlflow_server
from tests.posted import receiving
from tests.promoter import CONTEXT, PROPOSED, Plan, Promoter
from tests.registered import upload_version, write_folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

F1 = "template/abnormal/f1"
AGREEMENT, FLIPS, LOW = "agreement/rate", "stress/injection/flips_over_control", f"difference/champion/{F1}/low"
POLICY = Policy(minimum={f"{F1}/low": 0.5, AGREEMENT: 0.98}, maximum={FLIPS: 0.01}, not_worse={}, paired={F1: 0.05})
ANY = Policy(minimum={f"{F1}/low": 0.5}, not_worse={})
GOOD = {f"{F1}/low": "0.6", AGREEMENT: "0.99", FLIPS: "0.0", LOW: "0.01"}
READER, EDITOR, SECRET = "reader", "editor", "long enough for MLflow"
_names = count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("server")) as started:
        yield started


@pytest.fixture
def client(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")  # A busy machine is no fault of the server.
    monkeypatch.setattr(promotion_log, "_PATIENCE", 0.0)
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)
    return MlflowClient(server.uri, server.uri)


def folder(server: MlflowServer, number: int) -> Path:
    """The model folder of each model's version with this number."""
    path = server.log.parent / "models" / f"folder{number}"
    if not path.exists():
        write_folder(path, path.name)
    return path


def digest(server: MlflowServer, number: int) -> str:
    return artifacts.read(folder(server, number)).digest


def model(client: MlflowClient, server: MlflowServer, *more: dict[str, str]) -> str:
    """A model whose first version is champion by hand, with good versions or such as are given behind it."""
    name = f"log{next(_names)}"
    client.create_registered_model(name)
    good = GOOD | {"champion.model": digest(server, 1)}
    for number, tags in enumerate(({}, *more), 1):
        upload_version(client, name, folder(server, number), good | tags)
    client.set_registered_model_alias(name, "champion", "1")
    return name


def aliases(client: MlflowClient, name: str) -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def test_gates_promote_and_roll_back(client: MlflowClient, server: MlflowServer) -> None:
    bad = ({f"{F1}/low": "0.4"}, {AGREEMENT: "0.9"}, {FLIPS: "0.02"}, {LOW: "-0.06"}, {"champion.model": "f" * 64})
    name = model(client, server, *bad, {})
    said = (f"{F1}/low is 0.4", f"{AGREEMENT} is 0.9", f"{FLIPS} is 0.02", f"{LOW} is -0.06", "another champion")
    for version, problem in enumerate(said, 2):
        with pytest.raises(GateError, match=problem):
            promote(f"models:/{name}/{version}", "champion", POLICY)
    assert promote(f"models:/{name}/7", "champion", POLICY) == Promotion(name, "champion", "7", "1")
    assert aliases(client, name) == {"champion": "7", "previous": "1"}
    assert rollback(f"models:/{name}@champion", "a test") == Promotion(name, "champion", "1", "7")
    assert aliases(client, name) == {"champion": "1"}
    entries = history(f"models:/{name}@champion")
    assert [entry.kind for entry in entries] == [*["refused"] * 5, "promoted", "rolled_back"]
    assert {entry.tags.get("policy.sha256") for entry in entries[:-1]} == {POLICY.sha256}
    assert len(json.loads(entries[-2].tags["gates"])) == 4


def test_two_promoters_at_once(client: MlflowClient, server: MlflowServer) -> None:
    name = model(client, server, {}, {})
    barrier = CONTEXT.Barrier(2)
    plan = {"environment": server.environment(), "meet": {PROPOSED: barrier}, "patience": 600.0}
    started = [Promoter.promote(Plan(**plan), f"models:/{name}/{version}", POLICY) for version in (2, 3)]  # type: ignore[arg-type]
    outcomes = [one.wait() for one in started]
    (won,) = [outcome.done for outcome in outcomes if outcome.done]
    (lost,) = [outcome for outcome in outcomes if outcome.error]
    assert f"version {won.version} was promoted in the same moment, and is as good" in lost.problem
    assert aliases(client, name) == {"champion": won.version, "previous": "1"}
    assert [entry.kind for entry in history(f"models:/{name}@champion")][-1] == "refused"


def test_kill_9_between_any_two_steps(client: MlflowClient, server: MlflowServer) -> None:
    name = model(client, server, {})
    calls = Promoter.promote(Plan(server.environment()), f"models:/{name}/2", ANY).wait().calls
    # Between two writes it leaves the same behind wherever it dies: before each write is enough, and before the end.
    writes = [number for number, call in enumerate(calls, 1) if call.startswith(("create_", "set_", "delete_"))]
    states = set()
    for turn, number in enumerate(sorted({*writes, len(calls)})):
        name = model(client, server, {}, {})
        killed = Promoter.promote(Plan(server.environment(), kill_before=number), f"models:/{name}/2", ANY).wait()
        assert killed.was_killed
        left, decided = aliases(client, name), len(history(f"models:/{name}@champion")) > 0
        states.add((left["champion"], left.get("previous"), decided))
        version = 2 if turn % 2 else 3
        promote(f"models:/{name}/{version}", "champion", ANY)
        before = "2" if version == 3 and decided else "1"
        assert aliases(client, name) == {"champion": str(version), "previous": before}
    assert states == {("1", None, False), ("1", None, True), ("1", "1", True), ("2", "1", True)}


def test_who_may_not_is_refused_by_name(client: MlflowClient, server: MlflowServer) -> None:
    name = model(client, server, {}, {})
    promote(f"models:/{name}/2", "champion", ANY)
    accounts = AuthServiceClient(server.uri)
    for user in (READER, EDITOR):
        accounts.create_user(user, SECRET)
    for one in (name, f"{name}.promotions"):
        accounts.grant_user_permission(EDITOR, "registered_model", one, "EDIT")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in server.environment(READER, SECRET).items():
            patch.setenv(key, value)
        with pytest.raises(InfrastructureError, match=rf"lets reader not do this \(403.*EDIT on the models {name} and"):
            promote(f"models:/{name}/3", "champion", ANY)
        with pytest.raises(InfrastructureError, match=r"lets reader not do this \(403"):
            rollback(f"models:/{name}@champion")
        # A refusal is one, even of somebody who may not write it down.
        with pytest.raises(GateError, match=r"needed 0\.9.*The refusal was not recorded: .*\(403"):
            promote(f"models:/{name}/3", "champion", Policy(minimum={f"{F1}/low": 0.9}, not_worse={}))
        for key, value in server.environment(EDITOR, SECRET).items():
            patch.setenv(key, value)
        promote(f"models:/{name}/3", "champion", ANY)
    assert aliases(client, name) == {"champion": "3", "previous": "2"}
    assert history(f"models:/{name}@champion")[-1].tags["by"] == EDITOR


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MLFLOW_TRACKING_PASSWORD": "wrong"}, r"refuses the user or the password \(401\)\. Set MLFLOW_TRACKING"),
        ({"MLFLOW_TRACKING_USERNAME": "nobody"}, r"refuses the user or the password \(401\)\. Set MLFLOW_TRACKING"),
        ({"MLFLOW_TRACKING_USERNAME": ""}, r"asks for a user and a password \(401\)\. Set MLFLOW_TRACKING"),
    ],
)
def test_a_wrong_password_is_said(
    client: MlflowClient, server: MlflowServer, environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = model(client, server, {})
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    address = f"models:/{name}/2"
    for act in (
        lambda: promote(address, "champion", ANY),
        lambda: rollback(f"models:/{name}@champion"),
        lambda: history(f"models:/{name}@champion"),
        lambda: digest_at(address),
        lambda: fetch_folder(address),
    ):
        with pytest.raises(InfrastructureError, match=said) as caught:
            act()
        assert "wrong" not in str(caught.value).partition("refuses")[0]


def test_mlflows_own_webhook_tells_of_any_move(client: MlflowClient, server: MlflowServer) -> None:
    name = model(client, server, {})
    with receiving() as posts:
        event = WebhookEvent("model_version_alias", "created")
        made = client.create_webhook("moves", posts.address, [event])
        try:
            promote(f"models:/{name}/2", "champion", ANY)
            row = [json.loads(posts.received.get(timeout=60)[1])["data"] for _ in range(2)]
        finally:
            client.delete_webhook(made.webhook_id)
    assert {(one["name"], one["alias"], one["version"]) for one in row} >= {(name, "champion", "2")}


def test_our_webhook_hears_once_of_a_promotion(
    client: MlflowClient, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = model(client, server, {})
    with receiving() as posts:
        monkeypatch.setenv(alias_webhook.ADDRESS, posts.address)
        for _ in range(2):
            promote(f"models:/{name}/2", "champion", ANY)
        ((_, body),) = [posts.received.get_nowait() for _ in range(posts.received.qsize())]
    row = json.loads(body)
    assert (row["name"], row["version"], row["previous"], row["model"]) == (name, "2", "1", digest(server, 2))
