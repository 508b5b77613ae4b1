"""The core alone, installed from a wheel into an empty environment, judges logs with a model trained elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard

from benchmarks.install_size import closure, requirements, size_of
from tests.conftest import ROOT
from tests.micro_model import train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TEMPLATES = ["pump failed badly", "fan is ready"]
PIP = [sys.executable, "-m", "pip"]


@dataclass(frozen=True)
class Core:
    """An environment with the core in it, and an empty folder to work in."""

    python: Path
    folder: Path

    def run(self, *command: str, code: int = 0) -> str:
        """Standard output of a command of the environment; standard error where it fails as it should."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MLFLOW"))}
        arguments = [str(self.python.parent / command[0]), *command[1:]]
        done = subprocess.run(arguments, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    place = tmp_path_factory.mktemp("core")
    # A wheel is built in a copy: setuptools leaves its work beside what it reads.
    source = place / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "rationanomaly", source / "rationanomaly", ignore=ignored)
    subprocess.run([*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", place, source], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "env"], check=True)
    (wheel,) = place.glob("*.whl")
    python = place / "env" / "bin" / "python"
    # What is imported is compiled then; all of torch and its like would take half a minute.
    quiet = ("--quiet", "--disable-pip-version-check", "--progress-bar", "off", "--no-compile")
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    subprocess.run([*PIP, "--python", python, "install", *quiet, *constraints, wheel], check=True)
    work = place / "work"
    work.mkdir()
    log = "".join(f"Jan  1 10:00:00 host app[1]: {text}\n" for text in TEMPLATES * 3).encode()
    (work / "app.log").write_bytes(log)
    (work / "app.log.zst").write_bytes(zstandard.compress(log))
    shutil.copy(ROOT / "params.yaml", work)
    return Core(python, work)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"), ("base", "sft")).root / "sft"


def test_it_holds_what_the_benchmark_counts_and_nothing_of_the_extras(core: Core) -> None:
    listed = subprocess.run(
        [*PIP, "--python", core.python, "list", "--format", "json"], check=True, capture_output=True, cwd=core.folder
    )
    found = json.loads(listed.stdout)
    names = {str(row["name"]).lower().replace("_", "-").replace(".", "-") for row in found}
    counted = closure(requirements())
    assert names - {"pip", "setuptools", "rationanomaly"} == counted - {"setuptools"}
    assert not {"datasets", "deepspeed", "dvc", "fastapi", "kfp", "kubernetes", "mlflow", "openai", "trl"} & names
    assert sum(map(size_of, counted)) < 0.65 * sum(map(size_of, closure(requirements("all"))))


def test_the_command_line_judges_templates(core: Core, model: Path) -> None:
    (core.folder / "templates.txt").write_text("\n".join(TEMPLATES) + "\n")
    said = core.run("rationanomaly", "detect", "--model", str(model), "--templates", "templates.txt")
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["template"] for row in rows] == TEMPLATES
    assert {row["answer"] for row in rows} <= {"normal", "abnormal", "invalid"}


def test_python_judges_a_log(core: Core, model: Path) -> None:
    code = (
        "import sys, rationanomaly as ra\n"
        "for found in ra.Detector.open(sys.argv[1]).judge_log('app.log'):\n"
        "    print(found.line, found.verdict.source, found.message)\n"
    )
    said = core.run("python", "-c", code, str(model)).splitlines()
    assert said == [f"{line} model {text}" for line, text in enumerate(TEMPLATES * 3, start=1)]


@pytest.mark.parametrize(
    "command",
    [
        "version",
        "params params.yaml",
        "preview app.log",
        "simulate --set simulate.lines=2000 --output simulated",
        "ledger --help",
        "detect --help",
    ],
)
def test_what_needs_no_extra_works(core: Core, command: str) -> None:
    core.run("rationanomaly", *command.split())


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("detect --model models:/log@champion app.log", "pipeline"),
        ("parse --input logs=app.log --output parsed", "pipeline"),
        (f"promote models:/log@candidate --policy {ROOT / 'mlflow' / 'promotion.yaml'}", "pipeline"),
        ("preview app.log.zst", "zstd"),
        ("review --parse nowhere", "review"),
    ],
)
def test_what_needs_an_extra_says_how_to_install_it(core: Core, command: str, extra: str) -> None:
    said = core.run("rationanomaly", *command.split(), code=7)
    assert f"Run `pip install 'rationanomaly[{extra}]'`" in " ".join(said.split())
    assert "Traceback" not in said
