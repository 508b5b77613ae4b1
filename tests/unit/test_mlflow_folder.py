"""The kustomize folder of MLflow: its parts fit, pods reach it by name, it holds no secret, its pod is restricted."""

from __future__ import annotations

import configparser
import re
from typing import Any

import pytest
import yaml

from rationanomaly.params import load_params
from tests.conftest import ROOT
from tests.tracking_server import FOLDER, container, documents, memory_limit, settings

README = (FOLDER / "README.md").read_text()


def kustomization() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "kustomization.yaml").read_text()))


def pod() -> dict[str, Any]:
    return dict(documents()["Deployment"]["spec"]["template"]["spec"])


def options() -> dict[str, str]:
    return {name: value for name, _, value in (one.partition("=") for one in container()["args"])}


def test_every_file_that_is_named_is_there() -> None:
    made = kustomization()["configMapGenerator"]
    named = [
        *kustomization()["resources"],
        *(one for row in made for key in ("envs", "files") for one in row.get(key, [])),
    ]
    assert sorted(named) == ["accounts.ini", "namespace.yaml", "server.yaml", "settings.env"]
    assert all((FOLDER / name).is_file() for name in named)


def test_names_and_labels_fit() -> None:
    found, made = documents(), {row["name"] for row in kustomization()["configMapGenerator"]}
    spec = found["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels == found["Service"]["spec"]["selector"]
    volumes = {row["name"]: row for row in pod()["volumes"]}
    assert {row["name"] for row in container()["volumeMounts"]} == set(volumes)
    sources = [row for row in container()["envFrom"] if "configMapRef" in row]
    assert {row["configMapRef"]["name"] for row in sources} | {volumes["accounts"]["configMap"]["name"]} == made
    ports = {row["name"]: row["containerPort"] for row in container()["ports"]}
    (port,) = found["Service"]["spec"]["ports"]
    assert f"--port={ports[port['targetPort']]}" in container()["args"]
    probes = [container()[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert {(probe["path"], probe["port"]) for probe in probes} == {("/health", port["targetPort"])}
    (image,) = kustomization()["images"]
    assert image["name"] == container()["image"]
    namespace = yaml.safe_load((FOLDER / "namespace.yaml").read_text())
    assert kustomization()["namespace"] == namespace["metadata"]["name"]


def test_pods_reach_it_by_the_name_that_the_params_give() -> None:
    namespace, service = kustomization()["namespace"], documents()["Service"]
    (port,) = service["spec"]["ports"]
    place = f"{service['metadata']['name']}.{namespace}:{port['port']}"
    assert load_params(ROOT / "params.yaml").cluster.tracking_uri == f"http://{place}"
    allowed = options()["--allowed-hosts"].split(",")
    assert {place, f"mlflow.{namespace}.svc.cluster.local:5000", "mlflow:5000", "localhost:5000"} <= set(allowed)
    assert not [name for name in allowed if "*" in name]


def test_the_server_has_accounts_two_workers_and_no_jobs() -> None:
    assert options().items() >= {"--app-name": "basic-auth", "--workers": "2", "--serve-artifacts": ""}.items()
    own = {row["name"]: row["value"] for row in container()["env"]}
    assert own["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    (mount,) = [row for row in container()["volumeMounts"] if row["name"] == "accounts"]
    assert own["MLFLOW_AUTH_CONFIG_PATH"] == f"{mount['mountPath']}/accounts.ini"
    accounts = configparser.ConfigParser()
    accounts.read(FOLDER / "accounts.ini")
    assert accounts["mlflow"]["database_uri"].startswith("postgresql")
    assert not {"admin_username", "admin_password"} & set(accounts["mlflow"])
    used = set(re.findall(r"\$\((\w+)\)", " ".join(container()["args"])))
    assert used == {"ARTIFACTS_DESTINATION"} <= set(settings())


def test_no_secret_lies_in_the_folder() -> None:
    (secret,) = [row["secretRef"]["name"] for row in container()["envFrom"] if "secretRef" in row]
    assert f"create secret generic {secret} " in README
    keys = set(re.findall(r"--from-\w+=(\w+)=", README))
    needed = {"PGUSER", "PGPASSWORD", "MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD"}
    assert needed | {"MLFLOW_FLASK_SERVER_SECRET_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= keys
    own = {row["name"] for row in container()["env"]}
    assert not keys & (set(settings()) | own)
    for path in (*FOLDER.glob("*.yaml"), *FOLDER.glob("*.env"), *FOLDER.glob("*.ini")):
        # An address with a password in it, or a key that has a value.
        assert not re.search(r"://[^/\s]+:[^/\s]+@", path.read_text()), path
        assert "kind: Secret" not in path.read_text(), path


@pytest.mark.parametrize("place", ["pod", "container"])
def test_the_pod_is_restricted(place: str) -> None:
    if place == "pod":
        held = pod()["securityContext"]
        assert held["runAsNonRoot"] and held["runAsUser"] > 0 and held["seccompProfile"] == {"type": "RuntimeDefault"}
        # Links to services would set MLFLOW_PORT, which the server reads as a setting of its own.
        assert not pod()["enableServiceLinks"] and not pod()["automountServiceAccountToken"]
    else:
        held = container()["securityContext"]
        assert held["capabilities"] == {"drop": ["ALL"]}
        assert held["readOnlyRootFilesystem"] and not held["allowPrivilegeEscalation"]
        assert 2**29 < memory_limit() <= 2**31
