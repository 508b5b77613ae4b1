"""What the dependency layer of an image installs."""

from __future__ import annotations

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("variant", ["cpu", "gpu", "tracking"])
def test_all_of_it_is_pinned(variant: str) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {plain(line.split("==")[0]) for line in lines if "==" in line}
    assert {plain(name) for name in names(variant)} <= pinned


def plain(name: str) -> str:
    """A package's name as pip compares it."""
    return name.lower().replace("_", "-")
