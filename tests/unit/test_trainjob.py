"""TrainJobs against a real HTTP server that plays the Kubernetes API."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rationanomaly.errors import INTERRUPTED, InfrastructureError, RationAnomalyError, TrainingError
from rationanomaly.launch.trainjob import run as following
from rationanomaly.launch.trainjob.cluster import Cluster
from rationanomaly.launch.trainjob.manifest import manifest, ranks_seconds
from rationanomaly.launch.trainjob.run import TrainJobRun, submitted
from rationanomaly.params import Params, StepResources, load_params
from tests.conftest import ROOT
from tests.crd_schema import problems, schema_of
from tests.kubernetes_api import (
    COMPLETE,
    EXPIRED,
    FAILED,
    KILLED,
    LEAVING,
    PENDING,
    PREEMPTED,
    RESTARTED,
    RUNNING,
    FakeCluster,
    serving,
)

COMMAND = [
    "python",
    "-m",
    "torch.distributed.run",
    "-m",
    "rationanomaly.launch.rank_process",
    "/state/sft/ranks/job.json",
]
KEY = "0123456789abcdef" * 4
VOLUME = Path("/state")
CRD = ROOT.parent / "shared" / "specs" / "trainer.kubeflow.org_trainjobs.yaml"


@pytest.fixture
def nodes() -> Params:
    return load_params(
        ROOT / "params.yaml",
        [
            "training.nodes=2", "training.processes=16", "cluster.secret_keys=[HF_TOKEN]",
            "cluster.steps.sft={cpu: '32', memory: 256Gi, gpus: 8, timeout: 7200, retries: 2}",
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def served_schema() -> dict[str, Any] | None:
    return schema_of(CRD, "v1alpha1") if CRD.is_file() else None


@pytest.fixture
def schema(served_schema: dict[str, Any] | None) -> dict[str, Any]:
    if served_schema is None:
        pytest.skip("../shared/specs is not on this machine")
    return served_schema


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(following, "ASK_SECONDS", 0.01)


@pytest.fixture
def cluster(tmp_path: Path, served_schema: dict[str, Any] | None) -> Iterator[FakeCluster]:
    fake = FakeCluster(schema=served_schema)
    with serving(fake, tmp_path / "kubeconfig"):
        yield fake


def _run(params: Params, key: str = KEY, **changes: Any) -> TrainJobRun:
    resources: StepResources = params.cluster.steps["sft"].model_copy(update=changes)

    def make(name: str, labels: dict[str, str]) -> dict[str, Any]:
        return manifest(name, "sft", COMMAND, params, VOLUME, labels)

    return TrainJobRun(Cluster.connect(), "sft", key, resources, make)


def _follow(run: TrainJobRun) -> int:
    with submitted(run):
        while run.poll() is None:
            time.sleep(0.005)
    assert run.returncode is not None
    return run.returncode


# ---------------------------------------------------------------- the manifest


#: The only field by which the TrainJobs of Kubeflow Trainer 2.2.0 and 2.2.1 differ from those of 2.3.0: they lack it.
NEW_IN_2_3 = "terminationGracePeriodSeconds"


def _made(params: Params, *settings: str) -> dict[str, Any]:
    cluster = params.cluster.model_copy(update=dict(setting.split("=") for setting in settings))
    return manifest("a", "sft", COMMAND, params.model_copy(update={"cluster": cluster}), VOLUME, {"a": "b"})


def _pod(manifest: dict[str, Any], deeper: str = "") -> dict[str, Any]:
    """The pod's spec in a manifest, or its schema in that of TrainJobs."""
    found: Any = manifest
    for name in ("spec", "runtimePatches", "", "trainingRuntimeSpec", "template", "spec", "replicatedJobs", "",
                 "template", "spec", "template", "spec"):  # fmt: skip
        below = found[deeper] if deeper and name else found
        found = below[name or ("items" if deeper else 0)]
    made: dict[str, Any] = found
    return made


@pytest.mark.parametrize("version", ["2.2", "2.3"])
def test_a_manifest_holds_to_the_schema_of_both_versions(nodes: Params, schema: dict[str, Any], version: str) -> None:
    of_version = copy.deepcopy(schema)
    if version == "2.2":
        del _pod(of_version, "properties")["properties"][NEW_IN_2_3]
    made = _made(nodes, f"trainer_version={version}", "priority_class=high")
    assert problems(made, of_version) == []
    _pod(made)[NEW_IN_2_3] = 1
    assert (problems(made, of_version) != []) == (version == "2.2")


def test_ranks_have_what_the_pod_has_before_sigkill_but_for_the_end_of_torchrun(nodes: Params) -> None:
    assert NEW_IN_2_3 not in _pod(_made(nodes, "trainer_version=2.2"))  # Kubernetes' own default: 30 s
    assert ranks_seconds(nodes.cluster.model_copy(update={"trainer_version": "2.2"})) == 20
    assert _pod(_made(nodes, "trainer_version=2.3"))[NEW_IN_2_3] == 120
    assert ranks_seconds(nodes.cluster.model_copy(update={"trainer_version": "2.3"})) == 110


def test_the_priority_is_a_label_for_kueue(nodes: Params) -> None:
    assert _made(nodes)["metadata"]["labels"] == {"a": "b"}
    assert _made(nodes, "priority_class=high")["metadata"]["labels"] == {
        "a": "b",
        "kueue.x-k8s.io/priority-class": "high",
    }


def test_the_check_against_the_schema_finds_what_is_wrong(nodes: Params, schema: dict[str, Any]) -> None:
    made = manifest("a", "sft", COMMAND, nodes, VOLUME, {})
    made["spec"]["trainer"] |= {"numNodes": "two", "replicas": 2}
    del made["spec"]["runtimeRef"]["name"]
    assert problems(made, schema) == [
        ".spec.runtimeRef.name is missing", ".spec.trainer.numNodes: 'two' is no integer",
        ".spec.trainer.replicas is unknown",
    ]  # fmt: skip


def test_a_node_gets_what_the_params_say(nodes: Params) -> None:
    spec = manifest("a", "sft", COMMAND, nodes, VOLUME, {})["spec"]
    trainer = spec["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"], trainer["command"]) == (2, 8, COMMAND)
    assert trainer["image"] == nodes.cluster.gpu_image
    assert {"name": "HF_HOME", "value": "/state/huggingface"} in trainer["env"]  # shared with the pipeline's pods
    assert trainer["resourcesPerNode"]["limits"] == {"cpu": "32", "memory": "256Gi", "nvidia.com/gpu": "8"}
    assert "activeDeadlineSeconds" not in spec  # time in a queue would count
    assert spec["runtimeRef"]["name"] == nodes.cluster.training_runtime


def test_pods_are_restricted_and_secrets_are_named_not_held(nodes: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdef")
    made = manifest("a", "sft", COMMAND, nodes, VOLUME, {})
    assert "hf_abcdef" not in str(made)
    secret = next(entry for entry in made["spec"]["trainer"]["env"] if entry["name"] == "HF_TOKEN")
    assert secret["valueFrom"]["secretKeyRef"] == {"name": nodes.cluster.secret, "key": "HF_TOKEN", "optional": True}
    pod = _pod(made)
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
    }  # fmt: skip
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if volume["name"] == "state"]
    assert claims == [nodes.cluster.state_claim]


def test_kubernetes_deletes_it_with_the_pod_that_submitted_it(nodes: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "sft-pod")
    monkeypatch.setenv("KFP_POD_UID", "1-2-3")
    owner = manifest("a", "sft", COMMAND, nodes, VOLUME, {})["metadata"]["ownerReferences"]
    assert owner == [{"apiVersion": "v1", "kind": "Pod", "name": "sft-pod", "uid": "1-2-3"}]


# ---------------------------------------------------------------- following it


def test_a_training_that_completes_leaves_nothing_behind(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[PENDING, PENDING, RUNNING, COMPLETE]]
    assert _follow(_run(nodes)) == 0
    assert len(cluster.created) == 1
    assert cluster.created[0]["metadata"]["name"] == "rationanomaly-sft-01234567-1"
    assert cluster.jobs == {}


def test_it_waits_until_a_pod_runs(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[PENDING, PENDING, RUNNING]]
    run = _run(nodes)
    with submitted(run):
        run.poll()
        assert run.waiting
        time.sleep(0.02)
        run.poll()
        assert not run.waiting


def test_a_failed_pod_is_named_with_the_end_of_its_log_and_not_started_again(
    cluster: FakeCluster, nodes: Params
) -> None:
    cluster.script = [[RUNNING, FAILED]]
    cluster.logs["rationanomaly-sft-01234567-1-node-0-1"] = "starting\nTrainingError: the loss is nan\x1b[2J\n"
    with pytest.raises(TrainingError) as caught:
        _follow(_run(nodes))
    text = str(caught.value)
    assert "pod rationanomaly-sft-01234567-1-node-0-1 ended with exit code 1; its log ends: starting | " in text
    assert "the loss is nan" in text
    assert "\x1b" not in text
    assert len(cluster.created) == 1
    assert cluster.jobs == {}


def test_a_pod_that_was_killed_for_memory_says_so(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[RUNNING, KILLED]]
    with pytest.raises(TrainingError, match=r"exit code 137 \(OOMKilled\)"):
        _follow(_run(nodes))


def test_a_preempted_training_is_started_again_with_the_same_command(
    cluster: FakeCluster, nodes: Params, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.script = [[RUNNING, PREEMPTED], [PENDING, RUNNING, COMPLETE]]
    with caplog.at_level(logging.WARNING):
        assert _follow(_run(nodes)) == 0
    first, second = cluster.created
    assert first["spec"] == second["spec"]
    assert [job["metadata"]["name"][-1] for job in cluster.created] == ["1", "2"]
    assert "PreemptionByScheduler: for a larger job" in caplog.text
    assert cluster.jobs == {}


def test_a_pod_that_leaves_is_enough_to_start_all_of_them_again(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[RUNNING, LEAVING, RUNNING], [RUNNING, COMPLETE]]
    assert _follow(_run(nodes)) == 0
    assert len(cluster.created) == 2


def test_a_container_that_kubernetes_starts_again_is_a_failure(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[RUNNING, RESTARTED]]
    with pytest.raises(TrainingError, match="ended with exit code 6"):
        _follow(_run(nodes))
    assert len(cluster.created) == 1
    assert cluster.jobs == {}


@pytest.mark.parametrize(("waits", "trains", "in_time"), [(200, 70, True), (0, 75, False), (200, 75, False)])
def test_time_in_a_queue_is_no_time_of_training(
    cluster: FakeCluster, nodes: Params, monkeypatch: pytest.MonkeyPatch, waits: int, trains: int, in_time: bool
) -> None:
    clock = [0.0]
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda _: None))
    cluster.script = [[RUNNING, *waits * [PENDING], *trains * [RUNNING], COMPLETE]]
    run = _run(nodes)
    with submitted(run):
        try:
            while run.poll() is None:
                clock[0] += 100  # of 7,200 s
        except TrainingError as error:
            assert "took longer than 7200 s" in str(error)
    assert run.returncode == (0 if in_time else None)


def test_a_training_that_is_preempted_too_often_fails(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[RUNNING, PREEMPTED]]
    with pytest.raises(TrainingError, match=r"failed \(start 3\): pod .* was taken away \(PreemptionByScheduler"):
        _follow(_run(nodes, retries=2))
    assert len(cluster.created) == 3
    assert cluster.jobs == {}


@pytest.mark.parametrize(("script", "timeout"), [([RUNNING], 0.05), ([RUNNING, EXPIRED], 7200)])
def test_a_training_that_takes_too_long_is_stopped(
    cluster: FakeCluster, nodes: Params, script: list[Any], timeout: float
) -> None:
    cluster.script = [script]
    with pytest.raises(TrainingError, match=r"took longer than .* Raise the step's timeout in cluster\.steps"):
        _follow(_run(nodes, timeout=timeout))
    assert cluster.jobs == {}


def test_an_interruption_waits_for_the_pods_to_write_their_checkpoint(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[RUNNING]]
    run = _run(nodes)
    with submitted(run):
        assert run.poll() is None
        run.terminate()
        while run.poll() is None:
            time.sleep(0.005)
        assert cluster.jobs == {}
    assert run.returncode == INTERRUPTED


def test_what_a_killed_start_left_is_removed_before_the_next(cluster: FakeCluster, nodes: Params) -> None:
    cluster.script = [[RUNNING], [RUNNING, COMPLETE]]
    _run(nodes).submit()
    _run(nodes, key="f" * 64).submit()
    assert len(cluster.jobs) == 2
    assert _follow(_run(nodes)) == 0
    assert [name.split("-")[2] for name in cluster.jobs] == ["ffffffff"]  # another training is not touched


def test_it_is_cleaned_up_when_something_else_fails(cluster: FakeCluster, nodes: Params) -> None:
    with pytest.raises(ZeroDivisionError), submitted(_run(nodes)):
        raise ZeroDivisionError
    assert cluster.jobs == {}


# ---------------------------------------------------------------- an API that refuses, is silent or absent


def test_a_silence_of_the_api_server_is_survived(cluster: FakeCluster, nodes: Params) -> None:
    run = _run(nodes)
    with submitted(run):
        cluster.silent = 5
        while run.poll() is None:
            time.sleep(0.005)
    assert run.returncode == 0


def test_a_long_silence_ends_the_step(cluster: FakeCluster, nodes: Params) -> None:
    run = _run(nodes)
    run.submit()
    cluster.silent = 10_000
    with pytest.raises(InfrastructureError, match="503 the server is currently unable"):
        while run.poll() is None:
            time.sleep(0.005)


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (403, "service account the role"),
        (404, "Install Kubeflow Trainer v2"),
        (422, "Compare cluster"),
    ],
)
def test_a_refusal_says_how_to_fix_it(cluster: FakeCluster, nodes: Params, status: int, hint: str) -> None:
    cluster.refuse["create"] = status
    with pytest.raises(InfrastructureError, match=hint):
        _follow(_run(nodes))


def test_without_a_cluster_the_params_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))
    with pytest.raises(RationAnomalyError, match=r"a TrainJob is wanted .* but no Kubernetes cluster is known"):
        Cluster.connect()
