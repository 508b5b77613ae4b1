"""`steps.py` is the only place that knows the graph; dvc.yaml and the KFP pipeline are held against it."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.compiling import compile_training
from rationanomaly.params import Params
from rationanomaly.steps import STEPS, Step
from tests.conftest import ROOT

#: Where DVC's stages write: a profile with another name overwrites nothing.
OUTPUTS = "outputs/${run.name}"
BY_STEP = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)


@pytest.fixture(scope="module")
def stages() -> dict[str, dict[str, list[str]]]:
    stages: dict[str, dict[str, list[str]]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    return stages


@pytest.fixture(scope="module")
def compiled(params: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    path = tmp_path_factory.mktemp("kfp") / "pipeline.yaml"
    compile_training(params, path)
    document: dict[str, dict[str, object]] = next(yaml.safe_load_all(path.read_text()))
    return document


def test_dvc_has_the_same_steps_in_the_same_order(stages: dict[str, dict[str, list[str]]]) -> None:
    assert list(stages) == [step.name for step in STEPS]


@BY_STEP
def test_a_dvc_stage_reads_writes_and_depends_as_its_step_says(
    step: Step, stages: dict[str, dict[str, list[str]]]
) -> None:
    stage = stages[step.name]
    deps = set(stage["deps"])
    assert {d for d in deps if d.startswith("outputs/")} == {f"{OUTPUTS}/{name}" for name in step.reads}
    assert {d for d in deps if d.startswith("$")} == {f"${{data.{name}}}" for name in step.sources}
    assert f"rationanomaly/{step.name}" in deps
    assert stage["outs"] == [f"{OUTPUTS}/{step.name}"]
    assert tuple(stage["params"]) == step.params


@BY_STEP
def test_a_dvc_stage_calls_its_command(step: Step, stages: dict[str, dict[str, list[str]]]) -> None:
    command = " ".join(str(stages[step.name]["cmd"]).split())
    assert command.startswith(f"rationanomaly {step.name} ")
    assert set(re.findall(r"--input (\S+)", command)) == {f"{name}={OUTPUTS}/{name}" for name in step.reads}
    for_shell = command.replace("${run.name}", "laptop")
    assert "$" not in for_shell, "a path out of params with a blank in it would fall apart in the shell"
    assert command.endswith(f"--output {OUTPUTS}/{step.name}")


@BY_STEP
def test_a_kfp_task_reads_what_its_step_reads(step: Step, compiled: dict[str, dict[str, object]]) -> None:
    components: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]] = compiled["components"]  # type: ignore[assignment]
    task = components["comp-exit-handler-1"]["dag"]["tasks"][step.name]
    assert _producers(task) == {name: name for name in step.reads}
    assert set(components[f"comp-{step.name}"]["inputDefinitions"]["parameters"]) == {"params"}


def test_kfp_has_no_other_tasks(compiled: dict[str, dict[str, object]]) -> None:
    tasks = compiled["components"]["comp-exit-handler-1"]["dag"]["tasks"]  # type: ignore[index]
    assert set(tasks) == {"preflight", *(step.name for step in STEPS)}
    assert "dependentTasks" not in tasks["preflight"]
    for name, task in tasks.items():
        assert name == "preflight" or task["dependentTasks"], name


def test_gpus_are_looked_at_before_the_teacher_is_paid(params: Params, tmp_path: Path) -> None:
    gpu = params.cluster.default.model_copy(update={"gpus": 4})
    cluster = params.cluster.model_copy(update={"steps": {"grpo": gpu}})
    compile_training(params.model_copy(update={"cluster": cluster}), tmp_path / "pipeline.yaml")
    spec = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text()))
    tasks = spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    assert tasks["preflight-gpu"]["dependentTasks"] == ["preflight"]
    assert set(tasks["distill"]["dependentTasks"]) == {"correct", "preflight-gpu"}
    container = spec["deploymentSpec"]["executors"]["exec-preflight-gpu"]["container"]
    assert container["resources"]["accelerator"]["resourceCount"] == "4"
    assert container["image"] == params.cluster.gpu_image


@pytest.fixture(scope="module")
def fanned_out(params: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("kfp") / "pipeline.yaml"
    shards = {step.shards: 3 for step in STEPS if step.shards}
    compile_training(params.model_copy(update={"cluster": params.cluster.model_copy(update=shards)}), path)
    components: dict[str, Any] = next(yaml.safe_load_all(path.read_text()))["components"]
    return components


FANNED_OUT = pytest.mark.parametrize("step", [step for step in STEPS if step.shards], ids=lambda step: step.name)


@FANNED_OUT
def test_a_step_fans_out_into_a_plan_parallel_tasks_and_a_merge(step: Step, fanned_out: dict[str, Any]) -> None:
    tasks = fanned_out["comp-exit-handler-1"]["dag"]["tasks"]
    plan, shard, merge = (name.replace("_", "-") for name in step.fanned_out)
    (loop,) = (name for name, task in tasks.items() if "parameterIterator" in task)
    others = {other.name for other in STEPS} - {step.name}
    assert set(tasks) == {"preflight", *others, plan, loop, merge}
    assert tasks[loop]["parameterIterator"]["items"] == {"raw": "[0, 1, 2]"}
    assert set(fanned_out[f"comp-{loop}"]["dag"]["tasks"]) == {shard}
    made_by = {name: _producers(tasks[name]) for name in (loop, merge, *others)}
    assert set(made_by[loop].values()) == {plan}
    assert made_by[merge] == {"plan": plan, "shards": loop}
    for other in STEPS:
        if other != step:
            assert made_by[other.name] == {name: merge if name == step.name else name for name in other.reads}


@FANNED_OUT
def test_what_comes_of_a_fanned_out_step_is_declared_alike(step: Step) -> None:
    names = (step.name, step.fanned_out[-1])
    whole, merge = (getattr(importlib.import_module(f"components.{name}.component"), name) for name in names)
    assert whole.component_spec.outputs == merge.component_spec.outputs


def _producers(task: dict[str, Any]) -> dict[str, str]:
    artifacts = task["inputs"].get("artifacts", {})
    return {name: source["taskOutputArtifact"]["producerTask"] for name, source in artifacts.items()}


@BY_STEP
def test_a_step_is_a_package_with_one_run(step: Step) -> None:
    assert list(inspect.signature(step.run).parameters) == ["params", "inputs", "outputs"]
    assert Path(str(inspect.getsourcefile(step.run))) == ROOT / "rationanomaly" / step.name / "step.py"


CALLS = (
    {step.name: f'run_component("{step.name}"' for step in STEPS}
    | {name: f"run_{name.rpartition('_')[2]}(params" for step in STEPS for name in step.fanned_out}
    | {"evaluate": "run_evaluation(params", "promote": "run_promotion(policy"}
)


@pytest.mark.parametrize("name", CALLS)
def test_a_component_is_a_thin_contract(name: str) -> None:
    source = inspect.getsource(importlib.import_module(f"components.{name}.component"))
    assert source.count(CALLS[name]) == 1
    assert len(source.splitlines()) < 50
    top_level = [line for line in source.splitlines() if line.startswith(("import ", "from "))]
    assert top_level == ["from kfp import dsl", "from components.contract import step_component"]


@BY_STEP
def test_the_params_that_a_step_names_exist(step: Step, params: Params) -> None:
    document = params.model_dump(by_alias=True)
    for path in step.params:
        section = document
        for part in path.split("."):
            assert part in section, path
            section = section[part]
