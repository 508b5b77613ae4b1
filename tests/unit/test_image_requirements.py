"""What the dependency layer of an image installs."""

from __future__ import annotations

import inspect
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
