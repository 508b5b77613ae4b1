"""Pods as a cluster makes them of a compiled pipeline, in real containers of a Docker daemon.

User, mounts, environment and command come out of the compiled document. A volume stands for the claim, a folder for the
object store of KFP, and what stands between the kubelet and the command (argo's emissary, KFP's launcher) is a double.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docker.client import DockerClient
from docker.models.containers import Container
from docker.types import Mount

from pipelines.compiling import compile_training
from rationanomaly.params import Params
from tests.conftest import ROOT

#: Where KFP's launcher puts what a task reads and writes.
_OBJECTS = "minio"
_DOUBLES = ROOT / "tests" / "training" / "pod_processes.py"


@dataclass(frozen=True)
class Pods:
    """Runs tasks of a compiled pipeline.

    Attributes:
        docker: the daemon.
        pipeline: the compiled pipeline.
        platform: what of it is for Kubernetes alone.
        volume: the folder that stands for the claim.
        objects: the folder that stands for KFP's object store.
    """

    docker: DockerClient
    pipeline: Mapping[str, Any]
    platform: Mapping[str, Any]
    volume: Path
    objects: Path

    @classmethod
    def of(cls, docker: DockerClient, params: Params, volume: Path, objects: Path) -> Pods:
        """Compile the pipeline for these params."""
        package = objects / "pipeline.yaml"
        compile_training(params, package)
        pipeline, platform = yaml.safe_load_all(package.read_text(encoding="utf-8"))
        return cls(
            docker, pipeline, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"], volume, objects
        )

    def tasks(self) -> list[str]:
        """Names of the tasks before the exit handler, each behind those that it waits for."""
        waiting, ordered = dict(self._dag["tasks"]), list[str]()
        while waiting:
            ready = [name for name, task in waiting.items() if not waiting.keys() & set(task.get("dependentTasks", ()))]
            ordered += ready
            for name in ready:
                del waiting[name]
        return ordered

    def output(self, task: str) -> Path:
        """Folder of what a task has handed on."""
        return self.objects / task / "output"

    def run(self, task: str) -> tuple[int, str]:
        """Exit code and log of a task's pod."""
        with self.started(task) as container:
            code = int(container.wait()["StatusCode"])
            return code, container.logs().decode()

    @contextmanager
    def started(self, task: str) -> Iterator[Container]:
        """The container of a task's pod; it is gone afterwards."""
        described = self._dag["tasks"][task]
        component = self.pipeline["components"][described["componentRef"]["name"]]
        label = component["executorLabel"]
        executor, shape = self.pipeline["deploymentSpec"]["executors"][label]["container"], self.platform[label]
        given = json.dumps(self._executor_input(task, described, component))
        command = [given if part == "{{$}}" else part for part in (*executor["command"], *executor["args"])]
        identity, (claim,) = shape["securityContext"], shape["pvcMount"]
        container = self.docker.containers.run(
            executor["image"],
            ["python3", "-IS", f"/doubles/{_DOUBLES.name}", "emissary", *command],
            entrypoint="",
            environment={entry["name"]: entry["value"] for entry in executor["env"]},
            user=f"{identity['runAsUser']}:{identity['runAsGroup']}",
            read_only=True,
            tmpfs={mount["mountPath"]: "mode=1777" for mount in shape["emptyDirMounts"]},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            network_mode="none",
            mounts=[
                Mount(claim["mountPath"], str(self.volume), type="bind"),
                Mount(f"/{_OBJECTS}", str(self.objects), type="bind"),
                Mount("/doubles", str(_DOUBLES.parent), type="bind", read_only=True),
            ],
            detach=True,
        )
        try:
            yield container
        finally:
            container.remove(force=True)

    @property
    def _dag(self) -> Mapping[str, Any]:
        dag: Mapping[str, Any] = self.pipeline["components"]["comp-exit-handler-1"]["dag"]
        return dag

    def _executor_input(self, name: str, task: Mapping[str, Any], component: Mapping[str, Any]) -> dict[str, Any]:
        """What KFP's driver would hand to the launcher."""
        given = task.get("inputs", {})
        made = component.get("outputDefinitions", {}).get("artifacts", {})
        kinds = component.get("inputDefinitions", {}).get("artifacts", {}) | made
        sources = {key: source["taskOutputArtifact"] for key, source in given.get("artifacts", {}).items()}
        return {
            "inputs": {
                "parameterValues": {key: self._value(one) for key, one in given.get("parameters", {}).items()},
                "artifacts": {
                    key: _artifact(source["producerTask"], source["outputArtifactKey"], kinds[key])
                    for key, source in sources.items()
                },
            },
            "outputs": {
                "artifacts": {key: _artifact(name, key, kinds[key]) for key in made},
                "outputFile": f"/{_OBJECTS}/{name}/executor_output.json",
            },
        }

    def _value(self, source: Mapping[str, Any]) -> Any:
        if "runtimeValue" in source:
            return source["runtimeValue"]["constant"]
        # The exit handler hands the pipeline's own parameters through.
        name = source["componentInputParameter"].removeprefix("pipelinechannel--")
        return self.pipeline["root"]["inputDefinitions"]["parameters"][name]["defaultValue"]


def _artifact(task: str, key: str, described: Mapping[str, Any]) -> dict[str, Any]:
    kind, uri = described["artifactType"], f"{_OBJECTS}://{task}/{key}"
    return {"artifacts": [{"name": key, "type": kind, "uri": uri, "metadata": {}}]}
