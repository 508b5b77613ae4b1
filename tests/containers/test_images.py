"""The images themselves: what is in them, what their builds list, how they are pushed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from docker.client import DockerClient
from docker.errors import ContainerError

from tests.conftest import ROOT
from tests.loopback import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

CPU, TRITON = "rationanomaly-cpu:dev", "rationanomaly-triton:dev"
ONE_FILE = "rationanomaly-one-file:dev"


@pytest.fixture(scope="module")
def listed() -> dict[str, Any]:
    """What `docker/build.sh cpu` wrote of the image."""
    document: dict[str, Any] = json.loads((ROOT / "build" / "sbom" / "rationanomaly-cpu.cdx.json").read_bytes())
    return document


def of_image(docker: DockerClient, *command: str) -> set[str]:
    """Lines that a command says in the image."""
    return set(docker.containers.run(CPU, list(command), network_mode="none", remove=True).decode().splitlines())


def plain(name: str) -> str:
    """A package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages(document: dict[str, Any], *, debian: bool) -> set[tuple[str, str]]:
    """Names and versions of what is listed: Debian's packages, or Python's."""
    found = document["components"]
    chosen = [one for one in found if one.get("purl", "").startswith("pkg:deb/") == debian]
    return {(plain(one["name"]), one["version"]) for one in chosen}


def test_triton_finds_its_compiler_in_the_gpu_image(docker: DockerClient) -> None:
    said = docker.containers.run(
        TRITON, read_only=True, tmpfs={"/tmp": "mode=1777"}, cap_drop=["ALL"], network_mode="none", remove=True
    )
    assert "compiled its driver" in said.decode()


def test_without_a_compiler_triton_could_not(docker: DockerClient) -> None:
    with pytest.raises(ContainerError, match="No such file"):
        docker.containers.run(TRITON, environment={"CC": "/none"}, network_mode="none", remove=True, stderr=True)


def test_the_cpu_image_has_no_compiler(docker: DockerClient) -> None:
    with pytest.raises(ContainerError):
        docker.containers.run(CPU, ["sh", "-c", "command -v gcc cc clang"], network_mode="none", remove=True)


def test_the_list_names_every_python_package_of_the_image(docker: DockerClient, listed: dict[str, Any]) -> None:
    code = "import importlib.metadata as m\nfor d in m.distributions(): print(d.name + ' ' + d.version)"
    lines = of_image(docker, "python3", "-c", code)
    there = {(plain(name), version) for name, version in map(str.split, lines)}
    assert "torch" in {name for name, _ in there}  # The command has found the environment.
    assert packages(listed, debian=False) == there


def test_the_list_names_every_debian_package_of_the_image(docker: DockerClient, listed: dict[str, Any]) -> None:
    there = of_image(docker, "dpkg-query", "--show", "--showformat=${Package} ${Version}\n")
    assert {(plain(name), version) for name, version in map(str.split, there)} == packages(listed, debian=True)
    assert listed["bomFormat"] == "CycloneDX"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real image registry on this machine."""
    port = free_port()
    settings = tmp_path / "registry.yaml"
    document = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "images")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    settings.write_text(json.dumps(document))
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(["docker-registry", "serve", str(settings)], stdout=log, stderr=log)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            assert client.get(f"http://127.0.0.1:{port}/v2/").status_code == 200
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def image_of_one_file(docker: DockerClient) -> Iterator[str]:
    """The smallest image that can be pushed."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    repository, tag = ONE_FILE.split(":")
    docker.api.import_image_from_data(written.getvalue(), repository=repository, tag=tag)
    yield repository.removeprefix("rationanomaly-")
    docker.images.remove(ONE_FILE, force=True)


def test_a_pushed_image_is_named_by_its_digest(registry: str, image_of_one_file: str) -> None:
    command = ["docker/push.sh", image_of_one_file, f"{registry}/team", "v1"]
    environment = os.environ | {"CONTAINER_TOOL": "docker"}
    pushed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert pushed.returncode == 0, pushed.stderr
    name, digest = pushed.stdout.strip().split("@")
    assert name == f"{registry}/team/rationanomaly-{image_of_one_file}"
    manifest = httpx.get(
        f"http://{registry}/v2/team/rationanomaly-{image_of_one_file}/manifests/{digest}",
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
    )
    assert f"sha256:{hashlib.sha256(manifest.content).hexdigest()}" == digest
