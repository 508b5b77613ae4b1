"""The scripts that build, push and scan images, as far as no image is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

LIST = "build/sbom/rationanomaly-cpu.cdx.json"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts in a folder of their own, beside a list of an image."""
    shutil.copytree(ROOT / "docker", tmp_path / "docker")
    (tmp_path / LIST).parent.mkdir(parents=True)
    (tmp_path / LIST).write_text("{}")
    return tmp_path


def scanned(checkout: Path, *scanners: str) -> subprocess.CompletedProcess[str]:
    """A scan where these scanners are installed, each as ``name: what it does``."""
    tools = checkout / "tools"
    tools.mkdir()
    for needed in ("bash", "dirname"):
        (tools / needed).symlink_to(shutil.which(needed) or needed)
    for scanner in scanners:
        name, _, does = scanner.partition(": ")
        (tools / name).write_text(f"#!/bin/bash\necho {name} $*\n{does}\n")
        (tools / name).chmod(0o755)
    command = [str(checkout / "docker" / "scan.sh"), "cpu"]
    return subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("script", sorted((ROOT / "docker").glob("*.sh")), ids=lambda path: path.name)
def test_each_script_can_be_read_by_the_shell(script: Path) -> None:
    shell = "bash" if "bash" in script.read_text().splitlines()[0] else "sh"
    subprocess.run([shell, "-n", script], check=True)


@pytest.mark.parametrize("script", ["build.sh", "push.sh", "scan.sh", "without_registry.sh"])
def test_what_people_start_can_be_started(script: str) -> None:
    assert os.access(ROOT / "docker" / script, os.X_OK)


@pytest.mark.parametrize(
    ("scanner", "code"),
    [("trivy: exit 0", 0), ("trivy: exit 1", 1), ("trivy: exit 5", 2), ("grype: exit 0", 0), ("grype: exit 2", 1)],
)
def test_a_scan_tells_findings_from_a_scanner_that_failed(checkout: Path, scanner: str, code: int) -> None:
    done = scanned(checkout, scanner)
    assert done.returncode == code
    assert LIST in done.stdout


def test_without_a_scanner_nothing_is_called_clean(checkout: Path) -> None:
    done = scanned(checkout)
    assert done.returncode == 2
    assert "Install trivy or grype" in done.stderr


def test_without_a_list_the_scan_names_who_writes_it(checkout: Path) -> None:
    (checkout / LIST).unlink()
    done = scanned(checkout, "trivy: exit 0")
    assert done.returncode == 2
    assert "docker/build.sh cpu writes it" in done.stderr


def test_an_image_that_there_is_not_is_refused_before_anything_is_built(checkout: Path) -> None:
    done = subprocess.run(
        [checkout / "docker" / "build.sh", "tpu"],
        env=os.environ | {"CONTAINER_TOOL": "/bin/false"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "tpu: no such image" in done.stderr


def test_a_push_names_the_param_that_takes_the_digest(checkout: Path) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    podman = tools / "podman"
    podman.write_text(
        '#!/bin/bash\nwhile [ $# -gt 0 ]; do [ "$1" = --digestfile ] && echo sha256:12 > "$2"; shift; done\n'
    )
    podman.chmod(0o755)
    done = subprocess.run(
        [checkout / "docker" / "push.sh", "gpu", "registry.example.org/team/", "v1"],
        env=os.environ | {"CONTAINER_TOOL": str(podman)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "--set cluster.gpu_image=registry.example.org/team/rationanomaly-gpu@sha256:12\n"
