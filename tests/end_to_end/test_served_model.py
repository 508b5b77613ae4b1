"""A registered version is served by `mlflow models serve` where nothing but its own requirements is installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path

import httpx
import mlflow
import pytest
from packaging.requirements import Requirement

from benchmarks.install_size import closure
from rationanomaly.detection.detector import Detector
from rationanomaly.params import Params
from rationanomaly.register import step
from rationanomaly.runs import model_registry, tracking
from tests.loopback import free_port
from tests.micro_model import train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TEMPLATES = ["pump failed badly", "fan is ready"]
_PROGRAM = "import sys; from uvicorn.main import main; sys.exit(main())"
_START = 300.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"), ("base", "sft")).root / "sft"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, model: Path, params: Params) -> Path:
    """The files of a version, as a place that serves it downloads them."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        run = tracking.current_run(model_registry.connect(), params)
        number = model_registry.add_version("served", model, run, {}, step._served())
        return Path(mlflow.artifacts.download_artifacts(f"models:/served/{number}", dst_path=str(folder / "files")))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, registered: Path) -> Path:
    """An environment with what the version's requirements bring and nothing else: its folder of programs.

    Links to the packages of this environment stand for an installation; their versions are those that are asked for.
    """
    place = tmp_path_factory.mktemp("clean") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    lines = (registered / "requirements.txt").read_text().splitlines()
    for line in lines:
        assert Requirement(line).specifier.contains(version(Requirement(line).name).partition("+")[0]), line
    for name in closure(lines):
        for file in distribution(name).files or ():
            target = packages / file
            if ".." not in file.parts and "__pycache__" not in file.parts and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(file.locate())))
    # MLflow starts uvicorn by its name.
    program = place / "bin" / "uvicorn"
    program.write_text(f"#!{place / 'bin' / 'python'}\n{_PROGRAM}\n")
    program.chmod(0o755)
    return place / "bin"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, registered: Path, environment: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("serving")
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MLFLOW", "VIRTUAL"))}
    command = [environment / "python", "-m", "mlflow", "models", "serve", "-m", registered, "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [str(one) for one in command],
            cwd=folder,
            env=kept | {"PATH": f"{environment}:/usr/bin:/bin"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + _START
            while not is_up(f"http://127.0.0.1:{port}/ping"):
                assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()[-4000:]
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def is_up(address: str) -> bool:
    try:
        return httpx.get(address, timeout=10).is_success
    except httpx.HTTPError:
        return False


def test_the_environment_has_none_of_the_extras(environment: Path) -> None:
    code = (
        "import importlib.util as u, json; print(json.dumps([n for n in "
        "('datasets', 'dvc', 'kfp', 'trl', 'deepspeed', 'pytest', 'mlflow', 'torch') if u.find_spec(n)]))"
    )
    done = subprocess.run([environment / "python", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert json.loads(done.stdout) == ["mlflow", "torch"]


@pytest.mark.parametrize("verdict", ["direct", "reasoned"])
def test_it_answers_with_the_rows_of_detect(address: str, model: Path, verdict: str) -> None:
    body = {"dataframe_records": [{"template": text} for text in TEMPLATES], "params": {"verdict": verdict}}
    answer = httpx.post(address, json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    rows = [found.as_row() for found in Detector.open(model).judge(TEMPLATES, verdict)]  # type: ignore[arg-type]
    for served, row in zip(answer.json()["predictions"], rows, strict=True):
        assert served == json.loads(json.dumps(row))
