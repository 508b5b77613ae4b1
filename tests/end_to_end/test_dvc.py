"""The DAG under DVC in a project of its own: caching, a remote, a changed value, a changed log."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from components.parse.component import parse
from pipelines.local_run import run_training
from rationanomaly import artifacts
from rationanomaly.params import dump, load_params
from rationanomaly.runs.tracking import OUTPUT
from rationanomaly.steps import STEPS
from tests.component.conftest import StubArtifact
from tests.conftest import ROOT
from tests.warm_python import write_program

pytestmark = pytest.mark.slow

NAMES = [step.name for step in STEPS]


class Project:
    """A checkout with the micro profile as its params; ``programs`` comes first in its PATH."""

    def __init__(self, folder: Path, tracking: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.outputs = folder / "outputs" / "micro"  # By run.name.
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "MLFLOW_TRACKING_URI": f"sqlite:///{tracking}",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "user.name",
            "GIT_CONFIG_VALUE_0": "test",
            "GIT_CONFIG_KEY_1": "user.email",
            "GIT_CONFIG_VALUE_1": "test@example.org",
        }

    def call(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def repro(self) -> list[str]:
        """Run `dvc repro`; the names of the stages that ran."""
        return re.findall(r"Running stage '(\w+)'", self.call("dvc", "repro"))

    def set(self, **values: float | str) -> None:
        settings = [f"{key.replace('__', '.')}={value}" for key, value in values.items()]
        params = self.folder / "params.yaml"
        params.write_text(dump(load_params(params, settings)))


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow") / "mlflow.db"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, warm: str) -> Path:
    """A folder with a ``rationanomaly`` that starts in a moment: dvc runs it many times."""
    folder = tmp_path_factory.mktemp("programs")
    write_program(warm, folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tracking: Path, programs: Path) -> Project:
    """Simulated, reproduced, committed and pushed to a local-directory remote."""
    folder = tmp_path_factory.mktemp("project")
    project = Project(folder, tracking, programs)
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "rationanomaly", folder / "rationanomaly", ignore=ignored)
    (folder / "data").mkdir()
    shutil.copy(ROOT / "data" / "none.jsonl", folder / "data")
    data = [f"data.{name}=data/simulated/{file}" for name, file in
            (("logs", "cluster.log"), ("ledger", "decisions.jsonl"), ("truth", "truth.csv"))]  # fmt: skip
    (folder / "params.yaml").write_text(dump(load_params(ROOT / "profiles" / "micro.yaml", data)))
    (folder / ".gitignore").write_text("__pycache__/\n.state/\nmlartifacts/\n")

    project.call("git", "init", "-q", "-b", "main")
    project.call("dvc", "init", "-q")
    project.call("rationanomaly", "simulate")
    project.call("dvc", "add", "-q", "data/simulated")
    assert project.repro() == NAMES
    remote = tmp_path_factory.mktemp("remote")
    project.call("dvc", "remote", "add", "-q", "--default", "local", str(remote))
    project.call("git", "add", "-A")
    project.call("git", "commit", "-q", "-m", "all")
    project.call("dvc", "push", "-q")
    return project


@pytest.fixture
def clone(project: Project, tracking: Path, tmp_path: Path) -> Project:
    """A fresh clone with everything pulled."""
    project.call("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone", tracking, project.programs)
    clone.call("dvc", "pull", "-q")
    return clone


def test_a_second_repro_runs_no_stage(project: Project) -> None:
    assert project.repro() == []


def test_kubeflows_face_leaves_the_same_files(
    project: Project, warm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    monkeypatch.setattr(sys, "executable", warm)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    run_training(load_params(Path("params.yaml")), tmp_path / "outputs")
    for name in NAMES:
        by_dvc, by_kfp = (artifacts.read(folder / name, name) for folder in (project.outputs, tmp_path / "outputs"))
        assert by_kfp.files == by_dvc.files, name


def test_a_clone_that_pulled_runs_no_stage(clone: Project) -> None:
    assert clone.repro() == []
    for name in NAMES:
        artifacts.read(clone.outputs / name, name)


def test_a_grpo_value_touches_grpo_evaluate_and_register_only(clone: Project) -> None:
    # The micro model earns the same whatever it writes, so only a changed reward changes the curves, and with them what
    # the stages behind read.
    clone.set(grpo__reward__format__right=0.6)
    assert clone.repro() == ["grpo", "evaluate", "register"]


@pytest.mark.parametrize("logs", ["my logs/app.log*", "my logs/app.log.1"])
def test_a_glob_and_a_blank_in_the_logs_work_on_all_faces_alike(
    clone: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: str
) -> None:
    lines = (clone.folder / "data" / "simulated" / "cluster.log").read_bytes().splitlines(keepends=True)
    (clone.folder / "my logs").mkdir()
    for name, part in (("app.log", lines[:1000]), ("app.log.1", lines[1000:2000])):
        (clone.folder / "my logs" / name).write_bytes(b"".join(part))
    clone.call("rationanomaly", "params", "--set", f"data.logs={logs}", "--output", "params.yaml")
    clone.call("dvc", "repro", "parse")
    by_dvc = artifacts.read(clone.outputs / "parse", "parse")

    clone.call("rationanomaly", "parse", "--input", f"logs={logs}", "--output", "by-cli", "--state", "state-cli")
    assert artifacts.read(clone.folder / "by-cli").digest == by_dvc.digest

    monkeypatch.chdir(clone.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'kfp.db'}")
    monkeypatch.setenv("RATIONANOMALY_STATE", str(tmp_path / "state-kfp"))
    output, metrics = StubArtifact(str(tmp_path / "by-kfp")), StubArtifact("")
    parse.python_func(params=dump(load_params(Path("params.yaml"))), output=output, metrics=metrics)
    assert artifacts.read(tmp_path / "by-kfp").digest == by_dvc.digest

    assert re.findall(r"Running stage '(\w+)'", clone.call("dvc", "repro", "parse")) == []
    with (clone.folder / "my logs" / "app.log.1").open("ab") as file:
        file.writelines(lines[2000:2100])
    assert re.findall(r"Running stage '(\w+)'", clone.call("dvc", "repro", "parse")) == ["parse"]


@pytest.mark.parametrize(
    ("module", "steps"),
    [
        ("training/loop.py", {"sft", "grpo"}),
        ("distill/prompts/1.md", {"distill"}),
        ("review/app.py", set()),
    ],
)
def test_an_edited_module_makes_dvc_name_the_steps_that_reach_it(clone: Project, module: str, steps: set[str]) -> None:
    path = clone.folder / "rationanomaly" / module
    path.write_bytes(path.read_bytes() + b"\n")
    status: dict[str, list[dict[str, dict[str, str]]]] = json.loads(clone.call("dvc", "status", "--json"))
    changed = {
        name
        for name, changes in status.items()
        if any(dep.startswith("rationanomaly/") for change in changes for dep in change.get("changed deps", {}))
    }
    assert changed == steps


def test_another_name_leaves_the_outputs_of_the_first_and_coming_back_runs_nothing(clone: Project) -> None:
    shown = clone.call("dvc", "metrics", "show", "--json")
    assert "outputs/micro/evaluate/metrics.json" in shown
    clone.call("dvc", "plots", "show", "--out", "drawn")
    before = artifacts.read(clone.outputs / "parse", "parse").digest
    clone.set(run__name="other", parse__year=2001)
    assert re.findall(r"Running stage '(\w+)'", clone.call("dvc", "repro", "parse")) == ["parse"]
    artifacts.read(clone.folder / "outputs" / "other" / "parse", "parse")
    assert artifacts.read(clone.outputs / "parse", "parse").digest == before

    clone.set(run__name="micro", parse__year=2000)
    clone.call("dvc", "repro", "parse")
    assert artifacts.read(clone.outputs / "parse", "parse").digest == before
    clone.set(run__name="other", parse__year=2001)
    assert re.findall(r"Running stage '(\w+)'", clone.call("dvc", "repro", "parse")) == []
    artifacts.read(clone.folder / "outputs" / "other" / "parse", "parse")


def test_an_experiment_keeps_its_store_and_moves_no_alias(clone: Project) -> None:
    """Where no server is named, the store is the project's, not that of the copy in which DVC works."""
    del clone.environment["MLFLOW_TRACKING_URI"]
    said = clone.call("dvc", "exp", "run", "--temp", "--set-param", "register.tolerance=0.02", "--name", "try")
    assert re.findall(r"Running stage '(\w+)'", said) == ["register"]
    store = f"sqlite:///{clone.folder / 'mlflow.db'}"
    client = MlflowClient(store, store)
    (model,) = client.search_registered_models()
    (version,) = client.search_model_versions(f"name = '{model.name}'")
    assert model.aliases == {}
    source = client.get_model_version_download_uri(model.name, version.version)
    assert str(clone.folder / "mlartifacts") in source
    assert ".dvc/tmp" not in source


def test_every_run_hangs_under_one_parent_and_names_what_made_its_inputs(project: Project, tracking: Path) -> None:
    runs = _runs(project, tracking)
    assert set(runs) == {*NAMES, "pipeline"}
    parent = runs["pipeline"].info.run_id
    for step in STEPS:
        run = runs[step.name]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parent
        assert run.data.tags[OUTPUT] == artifacts.read(project.outputs / step.name).digest
        for name in step.reads:
            assert run.data.tags[f"made_by.{name}"] == runs[name].info.run_id


def test_a_changed_log_gives_new_hashes_down_to_the_registry(clone: Project, tracking: Path) -> None:
    log = clone.folder / "data" / "simulated" / "cluster.log"
    text = log.read_text()
    log.unlink()  # It may be a link into the cache.
    log.write_text(re.sub(r"\.\d{3}Z", ".001Z", text, count=1))
    before = artifacts.read(clone.outputs / "grpo").sources["logs"]
    assert "parse" in clone.repro()
    digest = artifacts.sha256(log)
    assert digest != before
    for name in NAMES:
        assert artifacts.read(clone.outputs / name).sources["logs"] == digest
    runs = _runs(clone, tracking)
    assert runs["pipeline"].data.tags["source.logs"] == digest
    assert runs["register"].data.tags["source.logs"] == digest
    registered = json.loads((clone.outputs / "register" / "registered.json").read_bytes())
    store = clone.environment["MLFLOW_TRACKING_URI"]
    client = MlflowClient(store, store)
    version = client.get_model_version(registered["name"], registered["version"])
    assert version.tags["data.logs.sha256"] == digest
    assert {"f1", "base.sha256", OUTPUT} <= set(version.tags)


def _runs(project: Project, tracking: Path) -> Mapping[str, Run]:
    """The run that made each step's output, and the pipeline run that the last of them hangs under."""
    client = MlflowClient(f"sqlite:///{tracking}")
    experiment = client.get_experiment_by_name("micro")
    assert experiment is not None
    runs: dict[str, Run] = {}
    for name in NAMES:
        digest = artifacts.read(project.outputs / name).digest
        query = f"tags.`{OUTPUT}` = '{digest}'"
        runs[name] = client.search_runs([experiment.experiment_id], query, order_by=["attributes.start_time ASC"])[0]
    return {**runs, "pipeline": client.get_run(runs[NAMES[-1]].data.tags["mlflow.parentRunId"])}
