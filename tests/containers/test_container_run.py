"""The whole pipeline in real containers; `make test-containers` builds the image and provides the Docker daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from docker.client import DockerClient

from rationanomaly import artifacts
from rationanomaly.params import load_params
from rationanomaly.runs import code_identity
from rationanomaly.simulate import write
from rationanomaly.steps import STEPS, Step
from tests.conftest import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

BY_STEP = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
MICRO = ROOT / "profiles" / "micro.yaml"
IMAGE = load_params(MICRO).cluster.image


@dataclass
class ContainerRun:
    """A finished run of the pipeline in containers."""

    outputs: Path
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)  # step or `finish` → what Docker said of it


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.Popen[str]]:
    """Start `python -m pipelines run` with the micro profile, over one simulated log."""
    data = tmp_path_factory.mktemp("data")
    names = {"logs": "cluster.log", "ledger": "decisions.jsonl", "truth": "truth.csv"}
    settings = [part for key, name in names.items() for part in ("--set", f"data.{key}={data / name}")]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}

    def start(*arguments: str, log: Path, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipelines", "run", "--params", str(MICRO), *settings, *arguments]
        with log.open("w", encoding="utf-8") as file:
            return subprocess.Popen(
                command, cwd=ROOT, env=environment | variables, stdout=file, stderr=subprocess.STDOUT, text=True
            )

    write(load_params(MICRO), data)
    return start


@pytest.fixture(scope="module")
def container_run(
    run: Callable[..., subprocess.Popen[str]], docker: DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> ContainerRun:
    """Run the pipeline in containers and watch each of them from outside while it lives."""
    folder = tmp_path_factory.mktemp("containers")
    finished = ContainerRun(folder / "outputs")
    process = run("--runner", "docker", "--output", str(finished.outputs), log=folder / "log")
    while process.poll() is None:
        for container in docker.containers.list(ignore_removed=True):
            if str(finished.outputs) in container.labels.values():
                finished.containers[_component(container.attrs)] = container.attrs
        time.sleep(0.2)
    assert process.returncode == 0, (folder / "log").read_text(encoding="utf-8")[-5000:]
    return finished


@pytest.fixture(scope="module")
def subprocess_run(run: Callable[..., subprocess.Popen[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run in subprocesses of this environment."""
    folder = tmp_path_factory.mktemp("subprocesses")
    outputs = folder / "outputs"
    database = f"sqlite:///{folder / 'mlflow.db'}"
    process = run("--output", str(outputs), log=folder / "log", MLFLOW_TRACKING_URI=database)
    assert process.wait() == 0, (folder / "log").read_text(encoding="utf-8")[-5000:]
    return outputs


def _component(attributes: dict[str, Any]) -> str:
    """Which component a container runs: KFP names the function in the command."""
    command: list[str] = attributes["Config"]["Cmd"]
    return command[command.index("--function_to_execute") + 1]


def test_the_image_is_under_three_gigabytes(docker: DockerClient) -> None:
    assert docker.images.get(IMAGE).attrs["Size"] < 3e9


def test_the_user_of_the_image_is_not_root_and_has_no_way_to_become_it(docker: DockerClient) -> None:
    assert docker.images.get(IMAGE).attrs["Config"]["User"] == "10001:10001"
    command = ["find", "/", "-xdev", "-type", "f", "-perm", "/6000"]
    assert docker.containers.run(IMAGE, command, user="0", network_mode="none", remove=True) == b""


def test_the_image_holds_the_code_of_this_checkout(docker: DockerClient) -> None:
    command = ["python3", "-c", "from rationanomaly.runs import code_identity; print(code_identity.whole())"]
    assert (
        docker.containers.run(IMAGE, command, network_mode="none", remove=True).decode().strip()
        == code_identity.whole()
    )


def test_the_image_knows_its_commit(docker: DockerClient) -> None:
    environment = dict(entry.split("=", 1) for entry in docker.images.get(IMAGE).attrs["Config"]["Env"])
    assert len(environment["RATIONANOMALY_GIT_COMMIT"]) == 40


@pytest.mark.parametrize("name", [*(step.name for step in STEPS), "finish"])
def test_each_container_was_locked_down(name: str, container_run: ContainerRun) -> None:
    host = container_run.containers[name]["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert container_run.containers[name]["Config"]["User"] not in ("", "0", "root", "0:0")
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert not host["Privileged"]
    writable = {Path(mount["Destination"]) for mount in container_run.containers[name]["Mounts"] if mount["RW"]}
    assert {path for path in writable if not path.is_relative_to(container_run.outputs)} <= {Path("/kfp-workspace")}


@BY_STEP
def test_each_step_left_a_whole_output_of_a_user_who_is_not_root(step: Step, container_run: ContainerRun) -> None:
    folder = container_run.outputs / step.name
    artifacts.read(folder, step.name)
    assert {path.stat().st_uid for path in [folder, *folder.rglob("*")]}.isdisjoint({0})


@BY_STEP
def test_metrics_equal_those_of_subprocesses(step: Step, container_run: ContainerRun, subprocess_run: Path) -> None:
    here, there = (
        json.loads((outputs / step.name / "metrics.json").read_bytes())
        for outputs in (subprocess_run, container_run.outputs)
    )
    assert there == here


@BY_STEP
def test_files_equal_those_of_subprocesses(step: Step, container_run: ContainerRun, subprocess_run: Path) -> None:
    here, there = (artifacts.read(outputs / step.name).files for outputs in (subprocess_run, container_run.outputs))
    assert dict(there) == dict(here)


def test_a_step_that_fails_in_its_container_fails_the_run(
    run: Callable[..., subprocess.Popen[str]], docker: DockerClient, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    settings = ["--set", f"data.logs={tmp_path / 'missing.log'}"]
    process = run("--runner", "docker", "--output", str(outputs), *settings, log=tmp_path / "log")
    assert process.wait() == 8
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "missing.log: no such file" in log
    assert "step `parse`" in log.splitlines()[-1]
    assert not docker.containers.list(all=True, filters={"label": f"rationanomaly.output={outputs}"})
