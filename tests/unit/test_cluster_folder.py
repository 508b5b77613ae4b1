"""`pipelines/cluster/`: what a cluster gets beside the pipeline itself, checked without one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer.main
import yaml
from kubernetes import client

from rationanomaly.cli.app import app
from rationanomaly.launch.trainjob.manifest import GROUP, PLURAL, USER
from rationanomaly.params import Params, load_params
from tests.conftest import ROOT

FOLDER = ROOT / "pipelines" / "cluster"
KUSTOMIZATIONS = sorted(FOLDER.glob("*/kustomization.yaml"))
MODELS = {
    "PersistentVolumeClaim": "V1PersistentVolumeClaim",
    "Role": "V1Role",
    "RoleBinding": "V1RoleBinding",
    "NetworkPolicy": "V1NetworkPolicy",
}
#: KServe's own fields of a predictor, beside those of a pod.
_PREDICTOR = {"minReplicas", "maxReplicas", "deploymentStrategy"}
STEP = {"pipelines.kubeflow.org/v2_component": "true"}


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*/*.yaml")):
        if path.name != "kustomization.yaml":
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                yield str(path.relative_to(FOLDER)), document


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for _, document in documents() if document["kind"] == kind]


def unknown_fields(value: Any, kind: str, place: str = "") -> list[str]:
    """Fields that a type of Kubernetes' client does not have, at any depth; ``kind`` as the client writes types."""
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        return [one for item in value for one in unknown_fields(item, listed[1], f"{place}[]")]
    if mapped := re.fullmatch(r"dict\(str, (.*)\)|dict\[str, (.*)\]", kind):
        return [one for item in value.values() for one in unknown_fields(item, mapped[1] or mapped[2], f"{place}.*")]
    model = getattr(client, kind, None)
    if model is None or not hasattr(model, "attribute_map"):
        return []
    types = {name: model.openapi_types[attribute] for attribute, name in model.attribute_map.items()}
    found = [f"{place}.{name}" for name in value if name not in types]
    inner = ((name, item) for name, item in value.items() if name in types)
    return found + [one for name, item in inner for one in unknown_fields(item, types[name], f"{place}.{name}")]


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=lambda path: path.parent.name)
def test_a_kustomization_lists_the_files_beside_it(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert kustomization.keys() <= {"apiVersion", "kind", "namespace", "resources", "labels"}
    assert (kustomization["kind"], kustomization["apiVersion"]) == ("Kustomization", "kustomize.config.k8s.io/v1beta1")
    others = {one.name for one in path.parent.iterdir()} - {path.name}
    assert set(kustomization["resources"]) == others


def test_every_field_is_one_of_kubernetes() -> None:
    for name, document in documents():
        if document["kind"] in MODELS:
            assert unknown_fields(document, MODELS[document["kind"]]) == [], name
        else:
            assert document["kind"] == "InferenceService", name
            pod = {k: v for k, v in document["spec"]["predictor"].items() if k not in _PREDICTOR}
            assert unknown_fields(pod, "V1PodSpec") == [], name


def test_a_misspelt_field_is_seen() -> None:
    policy = {"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 1, "protocl": "TCP"}]}]}}
    assert unknown_fields(policy, "V1NetworkPolicy") == [".spec.ingress[].ports[].protocl"]


def test_names_are_those_of_the_params(params: Params) -> None:
    claims = {claim["metadata"]["name"]: claim["spec"]["accessModes"] for claim in of_kind("PersistentVolumeClaim")}
    assert claims[params.cluster.state_claim] == ["ReadWriteMany"]
    (service,) = of_kind("InferenceService")
    (volume,) = [one for one in service["spec"]["predictor"]["volumes"] if "persistentVolumeClaim" in one]
    assert volume["persistentVolumeClaim"]["claimName"] in claims
    (container,) = service["spec"]["predictor"]["containers"]
    environment = {one["name"]: one for one in container["env"]}
    assert environment["MLFLOW_TRACKING_URI"]["value"] == params.cluster.tracking_uri
    for key in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        assert environment[key]["valueFrom"]["secretKeyRef"]["name"] == params.cluster.secret
        assert key in params.cluster.secret_keys
    assert container["image"] == params.cluster.image
    assert f"models:/{params.register_.name}@champion" in container["args"][0]


def test_steps_and_ranks_reach_mlflow_and_mlflow_knows_them(params: Params) -> None:
    address = urlsplit(params.cluster.tracking_uri)
    namespace = (address.hostname or "").split(".")[1]
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    port = {"protocol": "TCP", "port": address.port}
    policies = {policy["metadata"]["name"]: policy for policy in of_kind("NetworkPolicy")}
    outward = [policies[name]["spec"] for name in ("rationanomaly-steps", "rationanomaly-ranks")]
    for spec in outward:
        assert {"to": [peer], "ports": [port]} in spec["egress"]
        assert any(one["ports"] == [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}]
                   for one in spec["egress"] if "ports" in one)  # fmt: skip
    (rule,) = policies["mlflow-clients"]["spec"]["ingress"]
    assert rule["ports"] == [port]
    admitted = [one["podSelector"] for one in rule["from"] if "podSelector" in one]
    assert [spec["podSelector"] for spec in outward] == admitted[:2]
    assert admitted[0] == {"matchLabels": STEP}
    assert policies["rationanomaly-steps"]["spec"]["ingress"] == []


def test_the_role_is_the_one_that_the_docs_name() -> None:
    page = (ROOT / "docs" / "nodes.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    (named,) = [block for block in blocks if block.get("kind") == "Role"]
    (role,) = of_kind("Role")
    assert role == named
    assert any(rule["apiGroups"] == [GROUP] and rule["resources"] == [PLURAL] for rule in role["rules"])
    (binding,) = of_kind("RoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_no_secret_is_in_the_folder_and_the_template_names_each_key(params: Params) -> None:
    assert of_kind("Secret") == []
    template = (FOLDER / "secrets.env.example").read_text(encoding="utf-8")
    lines = [line for line in template.splitlines() if not line.startswith("#")]
    assert lines == [f"{key}=" for key in params.cluster.secret_keys]
    assert f"generic {params.cluster.secret} " in template
    assert "/pipelines/cluster/secrets.env\n" in (ROOT / ".gitignore").read_text(encoding="utf-8")


def test_the_service_runs_in_the_restricted_profile() -> None:
    (service,) = of_kind("InferenceService")
    predictor = service["spec"]["predictor"]
    pod, container = predictor["securityContext"], predictor["containers"][0]["securityContext"]
    assert (pod["runAsNonRoot"], pod["runAsUser"], pod["fsGroup"]) == (True, USER, USER)
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_command_of_the_service_is_ours_and_its_port_the_one_that_is_probed() -> None:
    (service,) = of_kind("InferenceService")
    (container,) = service["spec"]["predictor"]["containers"]
    program, command = container["command"]
    assert program == "rationanomaly"
    group = typer.main.get_command(app)
    context = group.commands[command].make_context(command, list(container["args"]))  # type: ignore[attr-defined]
    assert context.params["host"] == "0.0.0.0"
    assert container["ports"] == [{"containerPort": context.params["port"], "protocol": "TCP"}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == context.params["port"]
    loaded = load_params(ROOT / "params.yaml", context.params["settings"])
    keys = {one["name"] for one in container["env"]}
    assert loaded.watch.serve.keys in keys
    assert loaded.watch.serve.hosts == [f"{service['metadata']['name']}-predictor"]
