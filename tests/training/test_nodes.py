"""Training over two nodes: a Kubernetes API server on loopback whose pods are processes of this machine."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rationanomaly import progress
from rationanomaly.errors import ParamsError, TrainingError
from rationanomaly.launch import start
from rationanomaly.launch.trainjob import run as following
from rationanomaly.params import Params, load_params
from rationanomaly.progress import Event
from tests.conftest import ROOT
from tests.kubernetes_api import COMPLETE, FAILED, PREEMPTED, RUNNING, FakeCluster, State, serving
from tests.loopback import free_port
from tests.training.bench import MANY, Bench
from tests.training.launching import launch, without_trainers
from tests.training.test_ranks import check_equal

NODES = ("training.nodes=2", "training.processes=2")


@dataclass
class ProcessCluster(FakeCluster):
    """Runs the command of a TrainJob once for each node, with the PET_* variables of Kubeflow's torch runtime."""

    pods: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)
    folder: Path = Path()
    preempting: bool = False
    preempted: str = ""

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        answer = super().create(body)
        name, trainer = body["metadata"]["name"], body["spec"]["trainer"]
        port = free_port()
        self.pods[name] = [self._start(name, trainer, node, port) for node in range(trainer["numNodes"])]
        return answer

    def _start(self, name: str, trainer: dict[str, Any], node: int, port: int) -> subprocess.Popen[bytes]:
        given = {entry["name"]: entry["value"] for entry in trainer["env"] if "value" in entry}
        environment = {
            "PET_NNODES": str(trainer["numNodes"]), "PET_NPROC_PER_NODE": str(trainer["numProcPerNode"]),
            "PET_NODE_RANK": str(node), "PET_MASTER_ADDR": "127.0.0.1", "PET_MASTER_PORT": str(port),
        }  # fmt: skip
        command = [sys.executable if part == "python" else part for part in trainer["command"]]
        with (self.folder / f"{name}-{node}.log").open("wb") as log:
            return subprocess.Popen(command, env={**os.environ, **given, **environment}, stdout=log, stderr=log)

    def state(self, name: str) -> State:
        if self.preempting:
            self.preempting, self.preempted = False, name
            for pod in self.pods[name]:
                self._preempt(pod)
        if name == self.preempted:
            return PREEMPTED
        codes = [pod.poll() for pod in self.pods[name]]
        if any(code not in (None, 0) for code in codes):
            return FAILED
        return COMPLETE if codes == [0] * len(codes) else RUNNING

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        for pod in self.pods.get(name, ()):
            if pod.poll() is None:
                self._terminate(pod)
            pod.wait()
        return super().delete(name)

    def _terminate(self, pod: subprocess.Popen[bytes]) -> None:
        pod.send_signal(signal.SIGTERM)

    def _preempt(self, pod: subprocess.Popen[bytes]) -> None:
        """Its node is lost."""
        _kill_family(pod.pid)


def _kill_family(pid: int) -> None:
    import psutil

    parent = psutil.Process(pid)
    for process in [*parent.children(recursive=True), parent]:
        process.kill()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessCluster]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("RATIONANOMALY_STATE", str(tmp_path / "volume"))
    monkeypatch.setattr(following, "ASK_SECONDS", 0.1)
    fake = ProcessCluster(folder=tmp_path)
    with serving(fake, tmp_path / "kubeconfig"):
        yield fake


@pytest.mark.usefixtures("warm_ranks")
@pytest.mark.parametrize(
    ("step", "keys"),
    [("sft", ["grad_norm"]), pytest.param("grpo", ["reward", "kl", "grad_norm"], marks=pytest.mark.slow)],
)
def test_two_nodes_give_the_losses_of_one_process_and_leave_no_trainjob(
    bench: Bench, cluster: ProcessCluster, tmp_path: Path, step: str, keys: list[str]
) -> None:
    bench.using(*NODES).run(step, tmp_path / step, tmp_path / "volume" / step)
    check_equal(tmp_path / step, bench.root / step, 1e-4, *keys)
    assert cluster.jobs == {}
    assert len(cluster.created) == 1
    # Inputs lay elsewhere and were brought to the volume; nothing of them is left there.
    assert not (tmp_path / "volume" / step / "ranks").exists()


@pytest.mark.slow
def test_a_preempted_training_continues_from_its_checkpoint(
    bench: Bench, undisturbed: Path, cluster: ProcessCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained: list[float] = []

    def preempt_the_first(event: Event) -> None:
        if event.task == "SFT" and len(cluster.created) == 2:
            trained.append(event.done)
        elif event.task == "SFT" and event.done == 5:
            cluster.preempting = True

    with caplog.at_level(logging.WARNING), progress.listening(preempt_the_first):
        bench.using(*NODES, MANY).run("sft", tmp_path / "sft", tmp_path / "volume" / "sft")
    assert "(PreemptionByScheduler: for a larger job); it is started again from the newest checkpoint" in caplog.text
    assert len(cluster.created) == 2
    assert trained[0] > 4, "the second start did not continue from a checkpoint"
    check_equal(tmp_path / "sft", undisturbed, 1e-3)
    assert cluster.jobs == {}


def test_the_error_of_a_rank_on_a_node_is_the_error_of_the_step(
    cluster: ProcessCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_trainers(monkeypatch)
    with pytest.raises(TrainingError, match="SFT: the loss is nan"):
        launch(tmp_path / "sft", tmp_path / "volume" / "sft", *NODES, "sft.learning_rate=1.0e+30")
    assert cluster.jobs == {}
    assert not (tmp_path / "sft").exists()


def test_a_state_folder_that_other_nodes_do_not_see_is_refused(
    bench: Bench, cluster: ProcessCluster, tmp_path: Path
) -> None:
    with pytest.raises(ParamsError, match="is on no volume that RATIONANOMALY_STATE names"):
        bench.using(*NODES).run("sft", tmp_path / "sft", tmp_path / "elsewhere")
    assert cluster.created == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["training.nodes=2", "training.processes=3"], r"doesn't divide by training\.nodes \(2\)\. Set it to 2"),
        (["training.nodes=2", "training.processes=8", "cluster.default.gpus=8"], r"8 GPU\(s\) for 4 ranks"),
    ],
)
def test_ranks_that_the_nodes_can_not_share_are_refused(settings: list[str], said: str) -> None:
    params: Params = load_params(ROOT / "params.yaml", settings)
    with pytest.raises(ParamsError, match=said):
        start.check("sft", params)
