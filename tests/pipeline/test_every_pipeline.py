"""Every pipeline, compiled with every profile, as a server gets it."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import ParseError

from pipelines.catalogue import PIPELINES
from pipelines.versions import MINIMUM_PIPELINES
from rationanomaly.kfp_task import PARAMS, VARIANTS, unpack
from tests.conftest import ROOT
from tests.kfp_cache import Package, read_package
from tests.kfp_messages import messages
from tests.pipeline.compile_all import PROFILES

GOLDEN = Path(__file__).parent / "golden" / "pods.yaml"
CANARY = "canary-7f3a"
SECRETS = ("OPENAI_API_KEY", "HF_TOKEN", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY")
VERSIONS = (".".join(map(str, MINIMUM_PIPELINES)), "newest")


#: Compiling with all of them takes a minute of two cores.
SOME = ["params", "llama2-7b"]


@pytest.fixture(scope="session", params=[SOME, pytest.param([*PROFILES], marks=pytest.mark.slow)], ids=["some", "all"])
def packages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """PIPELINE-PROFILE → its file as one process made it, and as another did whose hashes have another seed."""
    folders = [tmp_path_factory.mktemp("kfp") for _ in range(2)]
    secrets = dict.fromkeys(SECRETS, CANARY) | {"MLFLOW_TRACKING_URI": f"https://user:{CANARY}@mlflow.example"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.compile_all", str(folder), *request.param],
            env={**os.environ, **secrets, "PYTHONHASHSEED": str(seed)}, cwd=ROOT,
        )
        for seed, folder in enumerate(folders)
    ]  # fmt: skip
    assert [process.wait() for process in started] == [0, 0]
    found = {path.stem: (path, folders[1] / path.name) for path in sorted(folders[0].iterdir())}
    assert len(found) == len(PIPELINES) * len(request.param)
    return found


@pytest.fixture(scope="session")
def read(packages: dict[str, tuple[Path, Path]]) -> dict[str, Package]:
    return {name: read_package(path) for name, (path, _) in packages.items()}


def test_two_processes_write_the_same_bytes(packages: dict[str, tuple[Path, Path]]) -> None:
    assert not [name for name, (one, other) in packages.items() if one.read_bytes() != other.read_bytes()]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_oldest_and_the_newest_kfp_know_every_field(version: str, read: dict[str, Package]) -> None:
    for specification, platform in read.values():
        messages(version).parse(specification, platform)


def test_a_field_that_a_version_does_not_know_is_found(read: dict[str, Package]) -> None:
    specification, platform = read["training-params"]
    later = {**platform, "platforms": {**platform["platforms"]}}
    later["platforms"]["kubernetes"] = {
        **later["platforms"]["kubernetes"],
        "pipelineConfig": {"activeDeadlineSeconds": 9},
    }
    messages("newest").parse(specification, later)
    with pytest.raises(ParseError, match="activeDeadlineSeconds"):
        messages(VERSIONS[0]).parse(specification, later)


def test_nothing_of_this_machine_gets_in(
    packages: dict[str, tuple[Path, Path]], read: dict[str, Package], tmp_path: Path
) -> None:
    private = [CANARY, "../", str(ROOT), str(Path.home()), str(tmp_path), socket.gethostname(), f"/{getpass.getuser()}"]
    for name, (path, _) in packages.items():
        text, packed = path.read_text(), hidden(read[name])
        assert packed
        for one in packed:
            assert one in text
            text = text.replace(one, unpack(one))
        assert not [word for word in private if word in text], name


def hidden(package: Package) -> list[str]:
    """What travels packed in the environment of pods."""
    pods = package[0]["deploymentSpec"]["executors"].values()
    rows = [row for pod in pods for row in pod["container"].get("env", ()) if row["name"] in (PARAMS, VARIANTS)]
    return sorted({row["value"] for row in rows})


def test_the_pods_are_the_golden_ones(read: dict[str, Package]) -> None:
    """What a cluster gives to each task; after a wanted change, write the printed text to the file."""
    found = {}
    for name in ("training-llama2-7b", "retrain-params"):
        specification, platform = read[name]
        found[name] = {
            task: pod_of(one, specification, platform) for task, one in sorted(tasks_of(specification).items())
        }
    text = yaml.safe_dump(found, sort_keys=True, width=120)
    assert text == GOLDEN.read_text(), text


def tasks_of(specification: dict[str, Any]) -> dict[str, Any]:
    dags = [specification["root"], *specification["components"].values()]
    return {name: task for dag in dags for name, task in dag.get("dag", {}).get("tasks", {}).items()}


def pod_of(task: dict[str, Any], specification: dict[str, Any], platform: dict[str, Any]) -> dict[str, Any]:
    """All that is said of a task's pod but its command, and of values that change with the code their names alone."""
    label = specification["components"][task["componentRef"]["name"]].get("executorLabel")
    if label is None:
        return {}
    container = {**specification["deploymentSpec"]["executors"][label]["container"]}
    environment = {row["name"]: row["value"] for row in container.pop("env")}
    environment |= dict.fromkeys(environment.keys() & {PARAMS, VARIANTS}, "packed")
    del container["command"], container["args"]
    cached = task.get("cachingOptions", {})
    return {
        "container": {**container, "env": environment},
        "cached": cached.get("enableCache", False),
        "retries": task["retryPolicy"],
        "pod": platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label],
    }
