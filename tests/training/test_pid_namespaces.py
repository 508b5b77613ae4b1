"""SIGTERM to process 1 of a PID namespace, as the kubelet sends it: in a TrainJob's pod, in a pod of the pipeline."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from pipelines.compiling import compile_training
from rationanomaly import artifacts, progress
from rationanomaly.launch.trainjob import run as following
from rationanomaly.launch.trainjob.manifest import VARIABLE
from rationanomaly.params import Params, dump_line
from rationanomaly.progress import Event
from rationanomaly.records import METRICS
from rationanomaly.steps import BY_NAME
from rationanomaly.training import checkpoints
from tests.kubernetes_api import serving
from tests.mlflow_store import new_store
from tests.training.bench import EVERY_STEP, MANY, Bench
from tests.training.test_nodes import ProcessCluster
from tests.training.test_ranks import check_equal

pytestmark = pytest.mark.slow

#: Kills what is in the namespace when it is killed itself.
NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
#: Until a process that neither trains nor ends fails its test.
_SECONDS = 600.0


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    made = shutil.which("unshare") and subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False)
    if not made or made.returncode != 0:
        pytest.skip("no PID namespace can be made here: that takes root")


def process_1(outside: subprocess.Popen[bytes]) -> psutil.Process:
    """Process 1 of the namespace that ``outside``, an unshare, has made."""
    deadline = time.monotonic() + _SECONDS
    while not (found := psutil.Process(outside.pid).children()):
        assert outside.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found[0]


# ---------------------------------------------------------------- a pod of a TrainJob


@dataclass
class NamespaceCluster(ProcessCluster):
    """Each pod has a PID namespace, with the manifest's command as process 1."""

    def _start(self, name: str, trainer: dict[str, Any], node: int, port: int) -> subprocess.Popen[bytes]:
        return super()._start(name, trainer | {"command": [*NAMESPACE, *trainer["command"]]}, node, port)

    def _terminate(self, pod: subprocess.Popen[bytes]) -> None:
        process_1(pod).terminate()

    def _preempt(self, pod: subprocess.Popen[bytes]) -> None:
        self._terminate(pod)
        pod.wait()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NamespaceCluster]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("RATIONANOMALY_STATE", str(tmp_path / "volume"))
    monkeypatch.setenv(VARIABLE, "1")
    monkeypatch.setattr(following, "ASK_SECONDS", 0.1)
    fake = NamespaceCluster(folder=tmp_path)
    with serving(fake, tmp_path / "kubeconfig"):
        yield fake


def test_a_preempted_trainjob_of_one_node_continues_from_the_step_at_which_sigterm_came(
    bench: Bench, undisturbed: Path, cluster: NamespaceCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained: dict[int, list[float]] = {1: [], 2: []}

    def preempt_the_first(event: Event) -> None:
        if event.task == "SFT":
            trained[len(cluster.created)].append(event.done)
            cluster.preempting |= len(cluster.created) == 1 and event.done == 5

    # No checkpoint but the one at SIGTERM.
    alone = bench.using(MANY, "training.checkpoint_steps=null", "training.checkpoint_minutes=null")
    with caplog.at_level(logging.WARNING), progress.listening(preempt_the_first):
        alone.run("sft", tmp_path / "sft", tmp_path / "volume" / "sft")
    assert "(PreemptionByScheduler: for a larger job); it is started again from the newest checkpoint" in caplog.text
    assert [len(cluster.created), cluster.jobs] == [2, {}]
    assert cluster.created[0]["spec"]["trainer"]["numNodes"] == 1
    assert trained[2][0] > trained[1][-1] > 4, "steps were trained twice"
    check_equal(tmp_path / "sft", undisturbed, 1e-3)


# ---------------------------------------------------------------- a pod of the pipeline


@dataclass
class StepPod:
    """The pod of `sft`: its command as KFP compiles it, under doubles of emissary and launcher.

    Attributes:
        bench: whose folders it reads.
        folder: with its volume, its output and its log.
        tracking: address of an MLflow store.
    """

    bench: Bench
    folder: Path
    tracking: str

    def start(self) -> subprocess.Popen[bytes]:
        container = _container(self.bench.params, self.folder)
        given = json.dumps(_executor_input(self.bench, self.folder))
        command = [*container["command"], *(given if part == "{{$}}" else part for part in container["args"])]
        pod = [sys.executable, "-IS", str(Path(__file__).with_name("pod_processes.py")), "emissary", *command]
        environment = os.environ | {
            "RATIONANOMALY_STATE": str(self.folder / "state"),
            "MLFLOW_TRACKING_URI": self.tracking,
        }
        environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # for its python3
        with self.log.open("ab") as log:
            return subprocess.Popen([*NAMESPACE, *pod], env=environment, stdout=log, stderr=log)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def steps(self) -> list[int]:
        """Of the checkpoints that are whole."""
        return sorted(
            checkpoints.step_of(path.parent)
            for path in (self.folder / "state").glob(f"sft/*/{checkpoints.FOLDER}/*/complete.json")
        )


def _container(params: Params, folder: Path) -> dict[str, Any]:
    compile_training(params, folder / "pipeline.yaml")
    spec = next(yaml.safe_load_all((folder / "pipeline.yaml").read_text()))
    container: dict[str, Any] = spec["deploymentSpec"]["executors"]["exec-sft"]["container"]
    return container


def _executor_input(bench: Bench, folder: Path) -> dict[str, Any]:
    """What Kubeflow's launcher says in the place of ``{{$}}``."""

    def artifact(name: str, path: Path) -> dict[str, Any]:
        return {"artifacts": [{"name": name, "uri": str(path), "metadata": {}}]}

    read = {name: artifact(name, bench.sealed(name, folder / "inputs")) for name in BY_NAME["sft"].reads}
    made = {name: artifact(name, folder / name) for name in ("output", "metrics")}
    outputs = {"artifacts": made, "outputFile": str(folder / "executor_output.json")}
    return {"inputs": {"parameterValues": {"params": dump_line(bench.params)}, "artifacts": read}, "outputs": outputs}


def test_a_preempted_pod_of_the_pipeline_continues_from_its_newest_checkpoint_by_time(
    bench: Bench, undisturbed: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    by_time = bench.using(MANY, EVERY_STEP, "training.checkpoint_steps=null")
    pod = StepPod(by_time, tmp_path, new_store(tmp_path_factory))
    first = pod.start()
    try:
        deadline = time.monotonic() + _SECONDS
        while not any(step >= 5 for step in pod.steps()):
            assert first.poll() is None, pod.log.read_text()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process_1(first).terminate()
        assert first.wait(_SECONDS) == 128 + signal.SIGTERM
    finally:
        first.kill()
    newest = pod.steps()[-1]
    assert 5 <= newest < by_time.params.sft.steps
    assert not (tmp_path / "output").exists()

    # How often checkpoints are made does not change what the run is.
    pod.bench = by_time.using(MANY, "training.checkpoint_minutes=60")
    assert pod.start().wait(_SECONDS) == 0, pod.log.read_text()[-3000:]
    assert f"continuing from the checkpoint of step {newest}\n" in pod.log.read_text()
    found, expected = (artifacts.read(path, "sft").files for path in (tmp_path / "output", undisturbed))
    assert {name: value for name, value in found.items() if name != METRICS} == expected
