"""The compiled pipeline in pods' containers: user 10001, a read-only root, a volume of root's at /state and no other.

Its raw inputs lie on the volume. What the kubelet does for a pod with an fsGroup, as the one that copies the log has it
(docs/cluster.md), is done to the volume beforehand: pods of KFP ask for none.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from docker.client import DockerClient

from rationanomaly import artifacts
from rationanomaly.launch.trainjob.manifest import USER
from rationanomaly.params import Params, load_params
from rationanomaly.records import METRICS
from rationanomaly.simulate import write
from rationanomaly.steps import STEPS
from rationanomaly.training import checkpoints
from tests.conftest import ROOT
from tests.containers.pods import Pods

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

MICRO = ROOT / "profiles" / "micro.yaml"
INPUTS = {"logs": "cluster.log", "ledger": "decisions.jsonl", "truth": "truth.csv"}
#: What a preflight says of a check on a slow machine.
LATE = "has not come to its end within"
#: A training that is still at work when it is stopped, with a checkpoint of each step.
LONG = ("sft.steps=120", "sft.evaluations=0", "training.checkpoint_minutes=1.0e-9")


def on_volume(*settings: str) -> Params:
    """The micro profile over logs at /state."""
    inputs = [f"data.{key}=/state/data/{name}" for key, name in INPUTS.items()]
    return load_params(MICRO, [*inputs, "cluster.tracking_uri=sqlite:////state/mlflow.db", *settings])


def new_volume(folder: Path) -> Path:
    """A volume with raw logs that nobody but root may write."""
    volume = folder / "volume"
    write(load_params(MICRO), volume / "data")
    for path in (volume, volume / "data"):
        path.chmod(0o755)
    return volume


def new_pods(docker: DockerClient, folder: Path) -> Pods:
    volume, objects = new_volume(folder), folder / "objects"
    objects.mkdir()
    objects.chmod(0o777)
    return Pods.of(docker, on_volume(), volume, objects)


@pytest.fixture(scope="module")
def pods(docker: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Pods:
    """After the whole pipeline, on a volume of root's that its group may write."""
    pods = new_pods(docker, tmp_path_factory.mktemp("pods"))
    os.chown(pods.volume, 0, USER)
    pods.volume.chmod(0o2775)
    for task in pods.tasks():
        code, log = pods.run(task)
        # To a preflight a machine that is too busy to answer in seconds is a fault; to this test it is none.
        assert code == 0 or (task == "preflight" and LATE in log), f"{task}: {log[-3000:]}"
    return pods


def test_the_whole_pipeline_runs_with_a_volume_that_only_its_group_may_write(pods: Pods) -> None:
    manifests = [artifacts.read(pods.output(step.name), step.name) for step in STEPS]
    assert all(METRICS in manifest.files for manifest in manifests)


def test_what_is_kept_on_the_volume_belongs_to_the_user_of_the_images(pods: Pods) -> None:
    kept = [path for step in STEPS for path in (pods.volume / step.name).rglob("*")]
    assert {step.name for step in STEPS} <= {path.name for path in pods.volume.iterdir()}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in kept} == {(USER, USER)}


def test_a_volume_that_nobody_but_root_may_write_is_named_in_the_first_pod(
    docker: DockerClient, tmp_path: Path
) -> None:
    pods = new_pods(docker, tmp_path)
    code, log = pods.run(pods.tasks()[0])
    assert code != 0
    assert "/state" in log
    assert "Permission denied" in log
    assert f"user {USER}" in log  # Who has to be let in.
    assert not pods.output("parse").exists()


def checkpoint_steps(pods: Pods, training: str) -> list[int]:
    """Of the whole checkpoints of a run of `sft`."""
    found = (pods.volume / "sft" / training / checkpoints.FOLDER).glob("*/complete.json")
    return sorted(checkpoints.step_of(path.parent) for path in found)


def test_a_stopped_pod_keeps_its_checkpoints_and_its_successor_continues_from_the_newest(
    pods: Pods, docker: DockerClient, tmp_path: Path
) -> None:
    objects = tmp_path / "objects"
    shutil.copytree(pods.objects, objects, ignore=shutil.ignore_patterns("sft"))
    for path in objects.rglob("*"):
        os.chown(path, USER, USER)
    objects.chmod(0o777)
    finished = set((pods.volume / "sft").glob("*"))
    long = Pods.of(docker, on_volume(*LONG), pods.volume, objects)
    with long.started("sft") as container:
        training = ""
        deadline = time.monotonic() + 600
        while not (training and any(step >= 3 for step in checkpoint_steps(long, training))):
            container.reload()
            assert container.status == "running", container.logs().decode()[-3000:]
            assert time.monotonic() < deadline
            training = next((path.name for path in (pods.volume / "sft").glob("*") if path not in finished), "")
            time.sleep(0.05)
        container.stop(timeout=60)  # SIGTERM to process 1 of its namespace
        assert container.wait()["StatusCode"] == 128 + signal.SIGTERM
    assert not long.output("sft").exists()
    newest = checkpoint_steps(long, training)[-1]
    assert 3 <= newest < on_volume(*LONG).sft.steps

    code, log = long.run("sft")
    assert code == 0, log[-3000:]
    assert f"continuing from the checkpoint of step {newest}" in log
    artifacts.read(long.output("sft"), "sft")
