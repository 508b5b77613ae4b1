"""What is submitted to a cluster, checked offline against KFP's own message types."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines.compiling import compile_training
from rationanomaly.kfp_task import PARAMS, unpack
from rationanomaly.params import Params, load_params
from tests.conftest import ROOT

GOLDEN = Path(__file__).parent / "golden" / "contract.yaml"


def with_shards(params: Params, count: int) -> Params:
    return params.model_copy(update={"cluster": params.cluster.model_copy(update={"parse_shards": count})})


@pytest.fixture(scope="module", params=[1, 3], ids=["one pod a step", "fanned out"])
def shaped(request: pytest.FixtureRequest, params: Params) -> Params:
    return with_shards(params, request.param)


@pytest.fixture(scope="module")
def package(shaped: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kfp") / "pipeline.yaml"
    compile_training(shaped, path)
    return path


@pytest.fixture(scope="module")
def documents(package: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(package.read_text()))


def test_compiling_twice_gives_the_same_bytes(shaped: Params, package: Path, tmp_path: Path) -> None:
    compile_training(shaped, tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == package.read_bytes()


def test_every_document_parses_strictly(documents: list[dict[str, Any]]) -> None:
    spec, platform = documents
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(deployment.executors)
    for executor in executors.values():
        json_format.ParseDict(executor, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_every_pod_has_limits_a_timeout_retries_and_no_root(documents: list[dict[str, Any]]) -> None:
    spec, platform = documents
    kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for name, executor in spec["deploymentSpec"]["executors"].items():
        resources = executor["container"]["resources"]
        assert resources["resourceCpuLimit"] and resources["resourceMemoryLimit"], name
        assert int(kubernetes[name]["activeDeadlineSeconds"]) > 0
        assert kubernetes[name]["securityContext"]["runAsNonRoot"] is True
        assert int(kubernetes[name]["securityContext"]["runAsUser"]) > 0
        environment = {row["name"]: row["value"] for row in executor["container"]["env"]}
        assert environment["MLFLOW_TRACKING_URI"].startswith("http")
        assert kubernetes[name]["pvcMount"][0]["mountPath"] == "/state"
        assert environment["HF_HOME"] == "/state/huggingface"  # What one pod has downloaded no other does again.
        assert "pip install" not in " ".join(executor["container"]["command"])
    dags = [component["dag"]["tasks"] for component in spec["components"].values() if "dag" in component]
    pods = [task for tasks in dags for task in tasks.values() if "parameterIterator" not in task]
    assert len(pods) == len(spec["deploymentSpec"]["executors"]) - 1  # all but the exit handler
    for task in pods:
        assert task["retryPolicy"]["maxRetryCount"] > 0
        assert float(task["retryPolicy"]["backoffDuration"].rstrip("s")) > 0
        # Argo begins no try later than this after the start of the first, however long that worked.
        timeout = int(
            kubernetes[spec["components"][task["componentRef"]["name"]]["executorLabel"]]["activeDeadlineSeconds"]
        )
        tries = task["retryPolicy"]["maxRetryCount"] + 1
        assert float(task["retryPolicy"]["backoffMaxDuration"].rstrip("s")) > 2 * tries * timeout


def test_a_gpu_step_gets_its_accelerators_image_and_shared_memory(tmp_path: Path) -> None:
    gpu = "{cpu: '8', memory: 64Gi, gpus: 4, timeout: 86400, retries: 1}"
    compile_training(load_params(ROOT / "params.yaml", [f"cluster.steps={{grpo: {gpu}}}"]), tmp_path / "p.yaml")
    spec, platform = yaml.safe_load_all((tmp_path / "p.yaml").read_text())
    container = spec["deploymentSpec"]["executors"]["exec-grpo"]["container"]
    mounts = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-grpo"]["emptyDirMounts"]
    assert container["image"] == "rationanomaly-gpu:dev"
    assert container["resources"]["accelerator"]["resourceCount"] == "4"
    assert {"mountPath": "/dev/shm", "medium": "Memory"}.items() <= next(
        mount for mount in mounts if mount["volumeName"] == "shm"
    ).items()
    assert spec["deploymentSpec"]["executors"]["exec-sft"]["container"]["image"] == "rationanomaly-cpu:dev"


@pytest.mark.parametrize("setting", ["cluster.trainjob=true", "training.nodes=2"])
def test_a_step_that_trains_as_a_trainjob_only_follows_it_however_long_it_queues(tmp_path: Path, setting: str) -> None:
    gpu = "{cpu: '8', memory: 64Gi, gpus: 4, timeout: 86400, retries: 1}"
    settings = [f"cluster.steps={{sft: {gpu}}}", "training.processes=4", setting]
    compile_training(load_params(ROOT / "params.yaml", settings), tmp_path / "p.yaml")
    spec, platform = yaml.safe_load_all((tmp_path / "p.yaml").read_text())
    container = spec["deploymentSpec"]["executors"]["exec-sft"]["container"]
    assert "accelerator" not in container["resources"]
    assert {"name": "RATIONANOMALY_TRAINJOB", "value": "1"} in container["env"]
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert "activeDeadlineSeconds" not in pods["exec-sft"]
    assert "activeDeadlineSeconds" in pods["exec-base"]


def test_no_secret_host_path_or_user_name_gets_in(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-7f3a"
    for key in [*params.cluster.secret_keys, "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"]:
        monkeypatch.setenv(key, canary)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://user:{canary}@mlflow.example")
    compile_training(params, tmp_path / "pipeline.yaml")
    text = (tmp_path / "pipeline.yaml").read_text()
    executors = next(yaml.safe_load_all(text))["deploymentSpec"]["executors"].values()
    for packed in {row["value"] for pod in executors for row in pod["container"]["env"] if row["name"] == PARAMS}:
        text = text.replace(packed, unpack(packed))
    assert canary not in text
    for private in (str(ROOT), str(Path.home()), str(tmp_path), socket.gethostname(), os.sep + getpass.getuser()):
        assert private not in text


def test_the_contract_is_the_golden_one(params: Params, tmp_path: Path) -> None:
    """A changed input, output or dependency shows; after a wanted change, write the printed text to the file."""
    components: dict[str, Any] = {}
    for shards in (1, 3):
        compile_training(with_shards(params, shards), tmp_path / "pipeline.yaml")
        spec = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text()))
        components |= spec["components"]
    contract = {
        "components": {
            name: {key: component[key] for key in ("inputDefinitions", "outputDefinitions") if key in component}
            for name, component in components.items()
        },
        "root": spec["root"].get("inputDefinitions", {}),
    }
    text = yaml.safe_dump(contract, sort_keys=True)
    assert text == GOLDEN.read_text(), text
