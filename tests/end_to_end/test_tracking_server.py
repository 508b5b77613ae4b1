"""The server of `mlflow/`, on a real PostgreSQL and an S3 store, called by its name in the cluster: the whole DAG."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.server.auth.client import AuthServiceClient

from rationanomaly.detection.detector import Detector
from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params, load_params
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import promote
from rationanomaly.runs import tracking
from rationanomaly.simulate import write
from rationanomaly.steps import STEPS
from tests.conftest import ROOT
from tests.tracking_server import URI, TrackingServer, memory_limit, tracking_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

#: Neither is an admin: the pipeline makes its experiment and its model, and the other may read them.
PIPELINE, READER, SECRET = "pipeline", "reader", "long enough for MLflow"
TEMPLATES = ["pump failed badly", "fan is ready"]
PIP = [sys.executable, "-m", "pip"]
MICRO = ROOT / "profiles" / "micro.yaml"


@contextmanager
def called_by(server: TrackingServer, *account: str) -> Iterator[None]:
    """This process as a client; the admin where no account is named."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment(*account).items():
            patch.setenv(name, value)
        yield


@contextmanager
def watched(server: TrackingServer) -> Iterator[list[int]]:
    """The server's memory, looked at some times a second."""
    seen: list[int] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(0.2):
            seen.append(server.memory())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    with tracking_server(tmp_path_factory.mktemp("server")) as started:
        with called_by(started):
            accounts = AuthServiceClient(URI)
            for user in (PIPELINE, READER):
                accounts.create_user(user, SECRET)
        yield started


@pytest.fixture(scope="module")
def micro(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """The micro profile over a simulated log of its own."""
    folder = tmp_path_factory.mktemp("data")
    files = {"logs": "cluster.log", "ledger": "decisions.jsonl", "truth": "truth.csv"}
    params = load_params(MICRO, [f"data.{name}={folder / file}" for name, file in files.items()])
    write(params, folder)
    return params


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, server: TrackingServer, micro: Params) -> Path:
    """What a whole run leaves that knows nothing of the server but its name and an account."""
    folder = tmp_path_factory.mktemp("outputs")
    command = [sys.executable, "-m", "pipelines", "run", "--params", str(MICRO), "--output", str(folder)]
    for name in ("logs", "ledger", "truth"):
        command += ["--set", f"data.{name}={micro.data.source(name)}"]
    environment = os.environ | server.environment(PIPELINE, SECRET)
    with watched(server) as memory:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    (folder / "memory.json").write_text(json.dumps(memory))
    return folder


def test_every_step_is_recorded_under_one_run_and_its_files_lie_in_the_bucket(
    server: TrackingServer, outputs: Path, micro: Params
) -> None:
    with called_by(server, READER, SECRET):
        client = MlflowClient(URI, URI)
        experiment = client.get_experiment_by_name(micro.run.name)
        assert experiment is not None
        runs = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
    (parent,) = [run for run in runs if run.data.tags[tracking.STEP] == "pipeline"]
    below = [run for run in runs if run is not parent]
    assert sorted(run.data.tags[tracking.STEP] for run in below) == sorted(step.name for step in STEPS)
    assert {run.data.tags["mlflow.parentRunId"] for run in below} == {parent.info.run_id}
    assert "template/abnormal/f1" in parent.data.metrics
    files = server.files()
    for run in below:
        assert any(name.endswith(f"/{run.info.run_id}/artifacts/manifest.json") for name in files)
    assert any("/models/" in name and name.endswith("/requirements.txt") for name in files)
    assert server.hosts == {URI.removeprefix("http://")}


def test_it_keeps_its_memory_limit(server: TrackingServer, outputs: Path) -> None:
    during = json.loads((outputs / "memory.json").read_text())
    assert max(*during, server.memory()) < memory_limit()


def test_the_model_loads_where_only_its_own_requirements_are(
    server: TrackingServer, outputs: Path, micro: Params, tmp_path: Path
) -> None:
    name, alias = micro.register_.name, micro.register_.alias
    with called_by(server, READER, SECRET):
        model = mlflow.artifacts.download_artifacts(f"models:/{name}@{alias}", dst_path=str(tmp_path), tracking_uri=URI)
    needs = Path(model) / "requirements.txt"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env" / "bin" / "python"
    # What a requirement asks for in its turn has the version that this repository is tested with.
    quiet = ["--quiet", "--disable-pip-version-check", "--progress-bar", "off", "--no-compile"]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*PIP, "--python", python, "install", *quiet, *constraints, "--requirement", needs], check=True)
    code = (
        "import json, sys, mlflow, pandas\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "rows = model.predict(pandas.DataFrame({'template': sys.argv[2:]}), params={'verdict': 'direct'})\n"
        "print(json.dumps(rows.to_dict('records')))\n"
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MLFLOW", "VIRTUAL"))}
    done = subprocess.run(
        [python, "-c", code, f"models:/{name}@{alias}", *TEMPLATES],
        env=kept | server.environment(READER, SECRET),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    expected = [found.as_row() for found in Detector.open(outputs / "grpo").judge(TEMPLATES, "direct")]
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(json.dumps(expected))


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (
            ("", ""),
            r"asks for a user and a password \(401\)\. Set MLFLOW_TRACKING_USERNAME and",
        ),
        ((PIPELINE, "wrong"), r"refuses the user or the password \(401\)\. Set MLFLOW_TRACKING_USERNAME"),
        (("nobody", SECRET), r"refuses the user or the password \(401\)\. Set MLFLOW_TRACKING_USERNAME"),
        ((READER, SECRET), r"lets reader not do this \(403\)\. Ask whoever runs it for EDIT on the experiment micro"),
    ],
)
def test_an_unknown_user_and_a_missing_permission_have_messages_of_their_own(
    server: TrackingServer, outputs: Path, micro: Params, account: tuple[str, str], said: str
) -> None:
    lineage = tracking.Lineage.of(micro, "0" * 64)
    with (
        called_by(server, *account),
        pytest.raises(InfrastructureError, match=said),
        tracking.step_run("parse", micro, lineage, {}, {}),
    ):
        raise AssertionError("the step must not start")


def test_who_may_not_move_an_alias_learns_which_permission_lacks(
    server: TrackingServer, outputs: Path, micro: Params
) -> None:
    name = micro.register_.name
    said = rf"lets reader not do this \(403\)\. Ask whoever runs it for EDIT on the models {name} and"
    policy = Policy(minimum={"template/abnormal/f1": 0.0}, not_worse={})
    with called_by(server, READER, SECRET), pytest.raises(InfrastructureError, match=said):
        promote(f"models:/{name}@{micro.register_.alias}", "champion", policy)


def test_another_name_is_refused_and_the_hint_says_where_names_stand(server: TrackingServer, micro: Params) -> None:
    said = r"refuses to be called by that name \(403\)\. Add .* to --allowed-hosts"
    with called_by(server, PIPELINE, SECRET), pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere.example:5000")
        lineage = tracking.Lineage.of(micro, "0" * 64)
        with pytest.raises(InfrastructureError, match=said), tracking.step_run("parse", micro, lineage, {}, {}):
            raise AssertionError("the step must not start")
    # A probe has the pod's address, which nobody knows beforehand.
    assert httpx.get(f"{server.address}/health", headers={"Host": "10.1.2.3:5000"}, trust_env=False).is_success
