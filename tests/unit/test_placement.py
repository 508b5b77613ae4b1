"""Where pods go and what they get of a cluster: placement, pulling, secrets, limits of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.compiling import compile_training
from rationanomaly.errors import ParamsError
from rationanomaly.launch.secret_keys import secret_keys
from rationanomaly.launch.trainjob.manifest import manifest
from rationanomaly.params import Params, load_params
from tests.conftest import ROOT

TAINT = "{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}"
QUEUE = "kueue.x-k8s.io/queue-name"
PLACED = [
    "cluster.pods.tolerations=[{key: spot, value: 'yes'}]",
    "cluster.pods.node_selector={disk: fast, zone: a}",
    f"cluster.pods.labels={{{QUEUE}: team-a, team: logs}}",
    "cluster.pods.annotations={sidecar.istio.io/inject: 'false'}",
    f"cluster.gpu_pods.tolerations=[{TAINT}]",
    "cluster.gpu_pods.node_selector={zone: gpu}",
    "cluster.pull_policy=Always",
    "cluster.pull_secrets=[registry]",
    "cluster.scratch=20Gi",
    "cluster.workspace=100Gi",
    "cluster.deadline_hours=48",
    "cluster.keep_hours=0.5",
    "cluster.steps={sft: {cpu: '8', memory: 64Gi, gpus: 1, timeout: 3600, retries: 2}}",
]
SECRETS = "cluster.secret_keys=[OPENAI_API_KEY, HF_TOKEN, MLFLOW_TRACKING_USERNAME, LOGS_URL, CORPORATE_PROXY]"
#: sft has GPUs, parse has none.
SFT, PARSE = "exec-sft", "exec-parse"


def params(*settings: str) -> Params:
    return load_params(ROOT / "profiles" / "micro.yaml", settings)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline and its platform's part, compiled with everything set."""
    path = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_training(params(*PLACED), path)
    pipeline, platform = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return pipeline, platform["platforms"]["kubernetes"]


@pytest.fixture(scope="module")
def pods(documents: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    executors: dict[str, Any] = documents[1]["deploymentSpec"]["executors"]
    return executors


def test_every_pod_has_the_placement_of_all(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        assert {"key": "spot", "operator": "Equal", "value": "yes"} in pod["tolerations"]
        assert pod["nodeSelector"]["labels"]["disk"] == "fast"
        assert pod["podMetadata"]["labels"] == {QUEUE: "team-a", "team": "logs"}
        assert pod["podMetadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
        assert (pod["imagePullPolicy"], pod["imagePullSecret"][0]["secretName"]) == ("Always", "registry")


def test_a_pod_with_gpus_has_its_own_beside_it(pods: dict[str, Any]) -> None:
    taint = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert taint in pods[SFT]["tolerations"]
    assert taint not in pods[PARSE]["tolerations"]
    assert pods[SFT]["nodeSelector"]["labels"] == {"disk": "fast", "zone": "gpu"}
    assert pods[PARSE]["nodeSelector"]["labels"] == {"disk": "fast", "zone": "a"}


def test_scratch_space_has_its_limit_in_every_pod(pods: dict[str, Any]) -> None:
    for pod in pods.values():
        assert [one["sizeLimit"] for one in pod["emptyDirMounts"] if one["volumeName"] == "scratch"] == ["20Gi"]


def test_a_run_has_a_deadline_an_end_and_a_volume(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    assert documents[1]["pipelineConfig"] == {
        "activeDeadlineSeconds": 48 * 3600,
        "resourceTtlOnCompletion": 1800,
        "workspace": {"size": "100Gi", "kubernetes": {"pvcSpecPatch": {}}},
    }


@pytest.mark.parametrize("name", ["evalute", "parse_shard"])
def test_resources_of_a_task_that_there_is_not_are_refused(name: str, tmp_path: Path) -> None:
    asked = f"cluster.steps={{{name}: {{cpu: '8', memory: 64Gi, gpus: 0, timeout: 3600, retries: 2}}}}"
    with pytest.raises(ParamsError, match=rf"cluster\.steps\.{name}`: there is no .*evaluate, .*parse-shard"):
        compile_training(params(asked), tmp_path / "p.yaml")
    assert not (tmp_path / "p.yaml").exists()


def test_what_params_leave_open_is_in_no_document(tmp_path: Path) -> None:
    compile_training(params(), tmp_path / "pipeline.yaml")
    text = (tmp_path / "pipeline.yaml").read_text(encoding="utf-8")
    for word in ("tolerations", "nodeSelector", "podMetadata", "imagePull", "pipelineConfig", "sizeLimit"):
        assert word not in text


def test_a_trainjob_has_the_placement_of_its_step() -> None:
    made = manifest("job", "sft", ["torchrun"], params(*PLACED), Path("/state"), {"rationanomaly/step": "sft"})
    assert made["metadata"]["labels"] == {QUEUE: "team-a", "team": "logs", "rationanomaly/step": "sft"}
    patch = made["spec"]["runtimePatches"][0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"][0]
    template = patch["template"]["spec"]["template"]
    # A queue that has admitted the job must not hold its pods back.
    assert template["metadata"] == {"labels": {"team": "logs"}, "annotations": {"sidecar.istio.io/inject": "false"}}
    assert template["spec"]["nodeSelector"] == {"disk": "fast", "zone": "gpu"}
    assert [one["key"] for one in template["spec"]["tolerations"]] == ["spot", "nvidia.com/gpu"]
    assert template["spec"]["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.parametrize(
    ("task", "keys"),
    [
        ("preflight", ["OPENAI_API_KEY", "HF_TOKEN", "MLFLOW_TRACKING_USERNAME", "LOGS_URL", "CORPORATE_PROXY"]),
        ("stage", ["LOGS_URL", "CORPORATE_PROXY"]),
        ("parse-shard", ["CORPORATE_PROXY"]),
        ("parse", ["MLFLOW_TRACKING_USERNAME", "CORPORATE_PROXY"]),
        ("distill", ["OPENAI_API_KEY", "HF_TOKEN", "MLFLOW_TRACKING_USERNAME", "CORPORATE_PROXY"]),
        ("sft", ["HF_TOKEN", "MLFLOW_TRACKING_USERNAME", "CORPORATE_PROXY"]),
        ("finish", ["MLFLOW_TRACKING_USERNAME", "CORPORATE_PROXY"]),
    ],
)
def test_a_secret_goes_only_to_pods_that_need_it(task: str, keys: list[str]) -> None:
    found = params(SECRETS, "cluster.data={logs: {uri: 'env:LOGS_URL'}}")
    assert secret_keys(found, task) == keys


@pytest.mark.parametrize(
    ("data", "tasks"), [("", ["stage", "sft"]), ("cluster.data={logs: {uri: 's3://logs/app.log'}}", ["stage"])]
)
def test_keys_of_a_store_go_to_stage_where_raw_inputs_come_from_one_else_everywhere(
    data: str, tasks: list[str]
) -> None:
    found = params("cluster.secret_keys=[AWS_ACCESS_KEY_ID]", *([data] if data else []))
    assert [task for task in ("stage", "sft") if secret_keys(found, task)] == tasks


def test_the_teachers_key_is_known_by_its_own_name() -> None:
    settings = ("distill.endpoint.key=TEAM_KEY", "distill.endpoint.headers={X-Team: TEAM_NAME}")
    found = params("cluster.secret_keys=[TEAM_KEY, TEAM_NAME]", *settings)
    assert [secret_keys(found, task) for task in ("distill", "sft")] == [["TEAM_KEY", "TEAM_NAME"], []]


@pytest.mark.parametrize(
    "setting",
    [
        "cluster.pods.tolerations=[{key: spot}]",
        "cluster.pods.tolerations=[{operator: Exists, key: spot, value: a}]",
        "cluster.pods.tolerations=[{operator: Exists, effect: Never}]",
        "cluster.pods.labels={-a: b}",
        "cluster.pods.labels={a: 'b c'}",
        "cluster.pods.node_selector={a: 'x{{y}}'}",
        "cluster.pull_policy=Sometimes",
        "cluster.scratch=lots",
        "cluster.deadline_hours=0",
    ],
)
def test_what_kubernetes_would_refuse_is_refused_at_once(setting: str) -> None:
    with pytest.raises(ParamsError, match=r"cluster\."):
        params(setting)
