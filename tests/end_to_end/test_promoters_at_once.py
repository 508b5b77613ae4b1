"""Two promoters at once, again and again, on each kind of database: the alias moves once, to the better version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from rationanomaly import artifacts
from rationanomaly.errors import GateError
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import Promotion, history
from tests.forkserver import forkserver
from tests.mlflow_server import postgresql
from tests.promoter import CONTEXT, LONGEST, promote_each
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


@pytest.fixture
def at_once(store: str) -> Iterator[Callable[[Sequence[str], Policy], list[Any]]]:
    """Lets two processes promote a version each, and gives what each said."""
    barrier = CONTEXT.Barrier(2)
    pipes, processes = [], []
    for _ in range(2):
        (receiving, ours), (answers, sending) = CONTEXT.Pipe(duplex=False), CONTEXT.Pipe(duplex=False)
        given = (receiving, sending, {"MLFLOW_TRACKING_URI": store}, barrier)
        process = forkserver("tests.promoter", "mlflow").Process(target=promote_each, args=given)
        process.start()
        sending.close()
        pipes.append((ours, answers))
        processes.append(process)

    def promote(addresses: Sequence[str], policy: Policy) -> list[Any]:
        for (ours, _), address in zip(pipes, addresses, strict=True):
            ours.send((address, policy))
        assert all(answers.poll(LONGEST) for _, answers in pipes), "a promoter hangs"
        return [answers.recv() for _, answers in pipes]

    try:
        yield promote
    finally:
        for ours, _ in pipes:
            ours.send(None)
        for process in processes:
            process.join(LONGEST)


def test_one_change_and_the_better_version(
    store: str,
    at_once: Callable[[Sequence[str], Policy], list[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    client = MlflowClient(store, store)
    champion = artifacts.read(folder_of(client, "folder1", tmp_path)).digest
    for turn in range(TIMES):
        name, better, worse = f"log{turn}", str(2 + turn % 2), str(3 - turn % 2)
        for number in ("1", "2", "3"):
            tags = {F1: "0.61" if number == better else "0.6", "champion.model": champion, LOW: "0.0"}
            add_version(client, name, f"folder{number}", tags, tmp_path)
        client.set_registered_model_alias(name, "champion", "1")
        outcomes = at_once([f"models:/{name}/{number}" for number in (2, 3)], POLICIES[turn // 2 % 2])
        assert [done for done, *_ in outcomes if done] == [Promotion(name, "champion", better, "1")]
        ((kind, problem),) = [(kind, problem) for _, kind, problem in outcomes if kind]
        assert kind is GateError and "is better" in problem
        moved = [(entry.kind, entry.version) for entry in history(f"models:/{name}@champion")]
        assert moved == [("promoted", better), ("refused", worse)]
        aliases = {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}
        assert aliases == {"champion": better, "previous": "1"}
