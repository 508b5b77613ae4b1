"""Experiments: what is run and shared, what becomes of a failure, the table, the KFP pipeline, the DVC stages."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from typer.testing import CliRunner

import pipelines.experiment as under_test
from pipelines.__main__ import app
from pipelines.ablation import MOST_BYTES, compile_experiment, described, refuse_large, task_counts
from pipelines.comparison_plot import draw
from pipelines.experiment import ABLATIONS, EXPERIMENT, PLOT, TABLE, Request, read_seeds, run_experiment
from pipelines.variants import EXPERIMENTS, FULL
from rationanomaly import artifacts
from rationanomaly.errors import InputError, ParamsError, TrainingError
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.params import Params, dump_line
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, METRICS, PREDICTIONS, write_rows, write_table
from tests.conftest import ROOT
from tests.warm_python import kill

PROFILE = ROOT / "profiles" / "micro.yaml"
TESTED = 12


class FakeSteps:
    """In the place of the steps: outputs whose figures depend on the params, and a count of what was asked for."""

    def __init__(self) -> None:
        self.runs: list[Params] = []
        self.problem: Exception | None = None
        #: So many of the tested templates have an analysis by SFT.
        self.reasoned = TESTED

    def __call__(self, params: Params, folder: Path, steps: Sequence[str] = ()) -> dict[str, Path]:
        if tuple(steps) == ("parse",):
            return {"parse": folder / "parse"}
        self.runs.append(params)
        symmetric = params.grpo.reward.answer.true_positive == params.grpo.reward.answer.true_negative
        if params.correct.split.order == "time":
            raise InputError("a table of templates has no order in time")
        if symmetric and self.problem:
            raise self.problem
        seed = params.run.seed
        f1 = 0.8 + seed / 100 - (0.2 + seed / 50 if symmetric else 0)
        ends = {"template/abnormal/f1/low": f1 - 0.1, "template/abnormal/f1/high": f1 + 0.1}
        metrics = {"template/abnormal/f1": f1, "template/abnormal/ap": 0.5, "direct/template/abnormal/f1": 0.7}
        metrics |= {"sft/template/abnormal/f1": 0.6, "sft/direct/template/abnormal/f1": 0.6} | ends
        metrics |= {"template/rows": TESTED, "sft/template/rows": self.reasoned}
        made = {}
        for name, values in (("correct", {"labels/asked": 90.0, "labels/f1": 1.0}), ("evaluate", metrics)):
            made[name] = folder / "steps" / name / f"{seed}-{symmetric}"
            with artifacts.writing(made[name], name) as partial:
                (partial / METRICS).write_text(json.dumps(values))
                if name == "correct":
                    write_table(partial / LABELLED, labelled(), LABELLED_SCHEMA)
                else:
                    write_rows(partial / PREDICTIONS, predictions(3 if symmetric else 1, self.reasoned))
        return made


def labelled() -> pl.DataFrame:
    rows = {name: [None] * TESTED for name in LABELLED_SCHEMA} | {
        "template_id": [f"id{row}" for row in range(TESTED)],
        "dataset": ["site"] * TESTED,
        "group": [row // 2 for row in range(TESTED)],
    }
    return pl.DataFrame(rows, schema=LABELLED_SCHEMA)


def predictions(wrong: int, reasoned: int) -> list[Prediction]:
    found = []
    for row in range(TESTED):
        truth = "abnormal" if row % 3 == 0 else "normal"
        answer = {"abnormal": "normal", "normal": "abnormal"}[truth] if row < wrong else truth
        for model in ("sft", "grpo"):
            found.append(
                Prediction(model, f"id{row}", "t", "site", "test", truth, truth, False, answer,
                           0.9 if answer == "abnormal" else 0.1,
                           stated=answer if model == "grpo" or row < reasoned else None,
                           direct_answer=truth, direct_score=0.5)
            )  # fmt: skip
    return found


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> FakeSteps:
    found = FakeSteps()
    monkeypatch.setattr(under_test, "run_chain", found)
    monkeypatch.setattr(under_test, "known_datasets", lambda _: ["site"])
    monkeypatch.setattr("rationanomaly.runs.code_identity.whole", lambda: "c" * 64)
    return found


def request_of(output: Path, *only: str, seeds: tuple[int, ...] = (0, 1)) -> Request:
    return Request(PROFILE, (), seeds, output, only)


THREE = (FULL, "without-grpo", "symmetric-answer")


def document_of(request: Request, name: str = "ablation") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((request.output / name / EXPERIMENT).read_bytes())
    return found


def row_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in document["variants"] if row["name"] == name)


def test_every_variant_is_run_with_every_seed_and_differences_are_paired(steps: FakeSteps, tmp_path: Path) -> None:
    request = request_of(tmp_path, *THREE)
    run_experiment(EXPERIMENTS["ablation"], request)
    assert [params.run.seed for params in steps.runs] == [0, 0, 0, 1, 1, 1]
    document = document_of(request)
    assert row_of(document, FULL)["figures"]["f1"]["by_seed"] == pytest.approx([0.8, 0.81])
    assert row_of(document, FULL)["differences"] == {}
    changed = row_of(document, "symmetric-answer")["differences"]["f1"]
    assert (changed["by_seed"], changed["over"]) == (pytest.approx([-0.2, -0.22]), "seeds")
    assert changed["low"] < -0.21 < changed["high"]
    # Another reading of the full method's run.
    assert row_of(document, "without-grpo")["figures"]["f1"]["mean"] == 0.6
    assert row_of(document, FULL)["figures"]["labels_asked"]["mean"] == 90


def test_one_seed_has_intervals_over_groups(steps: FakeSteps, tmp_path: Path) -> None:
    request = request_of(tmp_path, *THREE, seeds=(0,))
    run_experiment(EXPERIMENTS["ablation"], request)
    document = document_of(request)
    f1 = row_of(document, FULL)["figures"]["f1"]
    assert (f1["low"], f1["high"], f1["over"]) == (pytest.approx(0.7), pytest.approx(0.9), "groups")
    changed = row_of(document, "symmetric-answer")["differences"]["f1"]
    assert changed["over"] == "groups" and changed["low"] < changed["high"]
    # Its direct verdicts are the same, so that nothing tells them apart.
    direct = row_of(document, "symmetric-answer")["differences"]["direct_f1"]
    assert (direct["low"], direct["mean"], direct["high"]) == (0, 0, 0)


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_system_with_fewer_analyses_is_compared_on_those_that_it_has(
    seeds: tuple[int, ...], steps: FakeSteps, tmp_path: Path
) -> None:
    steps.reasoned = 4
    request = request_of(tmp_path, FULL, "without-grpo", seeds=seeds)
    run_experiment(EXPERIMENTS["ablation"], request)
    row = row_of(document_of(request), "without-grpo")
    # Both are wrong in the first template alone, so on what SFT has written nothing tells them apart.
    assert row["differences"]["f1"]["by_seed"] == [0.0] * len(seeds)
    assert row["differences"]["direct_f1"]["by_seed"] == pytest.approx([-0.1] * len(seeds))
    assert (row["figures"]["rows"]["mean"], row["figures"]["f1"]["mean"]) == (4, 0.6)


def test_what_is_done_is_not_run_again_and_what_changed_is(steps: FakeSteps, tmp_path: Path) -> None:
    request = request_of(tmp_path, *THREE, seeds=(0,))
    run_experiment(EXPERIMENTS["ablation"], request)
    first = (tmp_path / "ablation" / TABLE).read_bytes(), (tmp_path / "ablation" / PLOT).read_bytes()
    run_experiment(EXPERIMENTS["ablation"], request)
    assert len(steps.runs) == 3
    assert first == ((tmp_path / "ablation" / TABLE).read_bytes(), (tmp_path / "ablation" / PLOT).read_bytes())
    run_experiment(EXPERIMENTS["ablation"], Request(PROFILE, ("grpo.steps=3",), (0,), tmp_path, THREE))
    assert len(steps.runs) == 6


def test_a_run_that_was_cut_off_is_made_again_and_the_others_are_kept(steps: FakeSteps, tmp_path: Path) -> None:
    request = request_of(tmp_path, *THREE, seeds=(0,))
    steps.problem = TrainingError("the machine went away")
    with pytest.raises(TrainingError):
        run_experiment(EXPERIMENTS["ablation"], request)
    assert not (tmp_path / "ablation" / TABLE).exists()
    (tmp_path / "ablation" / "runs" / "without-grpo-seed-0.json").write_text('{"variant": "witho')
    steps.problem = None
    run_experiment(EXPERIMENTS["ablation"], request)
    assert len(steps.runs) == 3 + 2
    assert row_of(document_of(request), "symmetric-answer")["figures"]["f1"]["mean"] == pytest.approx(0.6)


def test_what_the_data_dont_allow_is_a_row_that_says_so(steps: FakeSteps, tmp_path: Path) -> None:
    request = request_of(tmp_path, seeds=(0,))
    run_experiment(EXPERIMENTS["order"], request)
    row = row_of(document_of(request, "order"), "chronological")
    assert (row["figures"], row["problem"]) == ({}, "a table of templates has no order in time")
    assert (
        "chronological: not possible, a table of templates has no order in time"
        in (tmp_path / "order" / TABLE).read_text()
    )


def test_the_report_of_an_evaluation_can_show_it(steps: FakeSteps, tmp_path: Path) -> None:
    request = request_of(tmp_path, *THREE)
    run_experiment(EXPERIMENTS["ablation"], request)
    rows = json.loads((tmp_path / "ablation" / ABLATIONS).read_bytes())
    assert rows["metric"] == "template/abnormal/f1"
    assert [row["title"] for row in rows["rows"]] == ["full method", "without GRPO", "symmetric answer reward"]
    assert all({"value", "low", "high", "seeds"} <= row.keys() and row["seeds"] == 2 for row in rows["rows"])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_drawn(name: str, steps: FakeSteps, tmp_path: Path) -> None:
    run_experiment(EXPERIMENTS[name], request_of(tmp_path, FULL, seeds=(0,)))
    assert (tmp_path / name / PLOT).read_bytes().startswith(b"\x89PNG")


def test_the_plot_of_the_weights_shows_each_of_its_values(tmp_path: Path) -> None:
    def drawn(**changed: float) -> bytes:
        f1 = {"full": 0.5, "brevity-0.1": 0.4, "brevity-0.4": 0.6, "coherence-0.5": 0.55} | changed
        places: dict[str, tuple[float | None, str]] = {
            "full": (None, ""), "brevity-0.1": (0.5, "brevity (0.2)"), "brevity-0.4": (2.0, "brevity (0.2)"),
            "coherence-0.5": (None, "coherence (0)"),
        }  # fmt: skip
        rows = [
            {"name": name, "title": name, "x": places[name][0], "series": places[name][1],
             "figures": {"f1": {"mean": value, "low": value - 0.05, "high": value + 0.05}}}
            for name, value in f1.items()
        ]  # fmt: skip
        document = {"title": "Weights", "profile": "p", "seeds": [0], "variants": rows}
        draw(document, EXPERIMENTS["weights"].picture, tmp_path / "plot.png")
        return (tmp_path / "plot.png").read_bytes()

    first = drawn()
    assert drawn() == first
    for name in ("full", "brevity-0.1", "brevity-0.4", "coherence-0.5"):
        assert drawn(**{name: 0.2}) != first, name


@pytest.mark.parametrize(("text", "seeds"), [("0", (0,)), ("0,1,2", (0, 1, 2)), ("3 1", (3, 1)), ("1, 1", (1,))])
def test_seeds_are_a_list(text: str, seeds: tuple[int, ...]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,,", "-1", "0;1"])
def test_what_is_no_list_of_seeds_is_refused(text: str) -> None:
    with pytest.raises(ParamsError, match="no list of seeds"):
        read_seeds(text)


def test_an_unknown_variant_is_refused_with_those_that_there_are(steps: FakeSteps, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no variant `nothing`") as caught:
        run_experiment(EXPERIMENTS["ablation"], request_of(tmp_path, "nothing"))
    assert "without-grpo" in str(caught.value) and steps.runs == []


# ---------------------------------------------------------------- as a KFP pipeline


FEW = (FULL, "without-grpo", "without-sft", "symmetric-answer", "without-brevity")


GPU = "{cpu: '8', memory: 64Gi, gpus: 4, timeout: 86400, retries: 1}"
ON_A_GPU = Request(PROFILE, (f"cluster.steps={{grpo: {GPU}}}",), (0, 1), Path(), FEW)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kfp") / "pipeline.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.ablation.known_datasets", lambda _: ["site"])
        compile_experiment(EXPERIMENTS["ablation"], ON_A_GPU, path)
    return path


def read_spec(package: Path) -> dict[str, Any]:
    spec: dict[str, Any] = next(yaml.load_all(package.read_text(), Loader=yaml.CSafeLoader))
    return spec


def test_the_pipeline_trains_the_full_method_once_a_seed_and_loops_over_what_parts_from_it(package: Path) -> None:
    spec = read_spec(package)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    dags = {name: one["dag"]["tasks"] for name, one in spec["components"].items() if "dag" in one}
    (whole,) = (tasks for name, tasks in dags.items() if name.startswith("comp-exit-handler"))
    runs = [task["componentRef"]["name"].removeprefix("comp-").rstrip("-0123456789") for task in whole.values()]
    counts = {name: runs.count(name) for name in ("parse", "correct", "sft", "grpo", "evaluate", "finish")}
    assert counts == {"parse": 1, "correct": 2, "sft": 2, "grpo": 2, "evaluate": 2, "finish": 0}
    loops = [task for task in whole.values() if "parameterIterator" in task]
    found = [
        (
            len(json.loads(task["parameterIterator"]["items"]["raw"])),
            *sorted(key.rstrip("-0123456789") for key in dags[task["componentRef"]["name"]]),
        )
        for task in loops
    ]
    assert sorted(found) == [(1, "evaluate", "grpo", "sft")] * 2 + [(2, "evaluate", "grpo")] * 2


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ["ablation", "labels", "cross"])
def test_the_graph_of_an_experiment_is_the_golden_one(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed task, dependency or variant shows; after a wanted change, write the printed text to the file."""
    monkeypatch.setattr("pipelines.ablation.known_datasets", lambda _: ["north", "south"])
    request = Request(PROFILE, (), (0,), tmp_path)
    compile_experiment(EXPERIMENTS[name], request, tmp_path / "pipeline.yaml")
    full = json.loads(dump_line(request.params(0)))
    # Through JSON: equal parts are written out and not as anchors.
    graph = json.loads(json.dumps(graph_of(read_spec(tmp_path / "pipeline.yaml"), full)))
    text = yaml.safe_dump(graph, sort_keys=True, width=120)
    assert text == (GOLDEN / f"experiment-{name}.yaml").read_text(), text


def graph_of(spec: dict[str, Any], full: dict[str, Any]) -> dict[str, Any]:
    """Part of the pipeline → its tasks: what each runs and reads, and for a loop what its variants change."""
    parts = {name: one["dag"]["tasks"] for name, one in spec["components"].items() if "dag" in one}
    return {part: {name: task_of(task, full) for name, task in tasks.items()} for part, tasks in parts.items()}


def task_of(task: dict[str, Any], full: dict[str, Any]) -> dict[str, Any]:
    given = task.get("inputs", {}).get("artifacts", {})
    reads = {name: source.get("taskOutputArtifact", {}).get("producerTask", "from outside") for name, source in
             given.items()}  # fmt: skip
    found: dict[str, Any] = {"runs": task["componentRef"]["name"], "reads": reads}
    if "parameterIterator" in task:
        variants = json.loads(task["parameterIterator"]["items"]["raw"])
        found["variants"] = [changes_of(one, full) for one in variants]
    return found


def changes_of(variant: dict[str, str], full: dict[str, Any]) -> dict[str, Any]:
    """What a variant's tasks read that isn't so in the full method."""
    reads = {path: value for given in variant.values() for path, value in json.loads(given)["reads"].items()}
    found: dict[str, Any] = {}
    for path, value in reads.items():
        found |= changes(reduce(lambda section, part: section[part], path.split("."), full), value, path)
    return found


def changes(one: Any, other: Any, path: str = "") -> dict[str, Any]:
    """The values of the other document that differ, by their path."""
    if isinstance(one, dict) and isinstance(other, dict):
        parts = [changes(one.get(key), other[key], f"{path}.{key}".lstrip(".")) for key in other]
        return {key: value for part in parts for key, value in part.items()}
    return {} if one == other else {path: other}


def test_an_experiment_is_preceded_by_preflights_and_by_what_is_fetched(tmp_path: Path) -> None:
    source = "{uri: 'https://data.example/app.log', sha256: " + "ab" * 32 + "}"
    settings = (*ON_A_GPU.settings, "data.logs=../app.log", f"cluster.data.logs={source}")
    request = replace(ON_A_GPU, settings=settings, only=(FULL,))
    compile_experiment(EXPERIMENTS["ablation"], request, tmp_path / "pipeline.yaml")
    assert "../app.log" not in (tmp_path / "pipeline.yaml").read_text()
    parts = [
        one["dag"]["tasks"] for one in read_spec(tmp_path / "pipeline.yaml")["components"].values() if "dag" in one
    ]
    (tasks,) = (part for part in parts if "parse" in part)
    assert tasks["preflight-gpu"]["dependentTasks"] == ["preflight"] == tasks["stage"]["dependentTasks"]
    assert tasks["parse"]["dependentTasks"] == ["stage"]
    teachers = [task for name, task in tasks.items() if name.startswith("distill")]
    assert len(teachers) == 2
    assert all("preflight-gpu" in task["dependentTasks"] for task in teachers)
    counts = task_counts(EXPERIMENTS["ablation"], request)
    assert [counts[name] for name in ("preflight", "preflight-gpu", "stage", "parse", "distill")] == [1, 1, 1, 1, 2]


def test_an_experiment_on_a_path_that_no_pod_can_see_is_refused(tmp_path: Path) -> None:
    request = replace(ON_A_GPU, settings=("data.format=bgl", "data.logs=../app.log"))
    with pytest.raises(ParamsError, match=r"which no pod can see. .*cluster\.data\."):
        compile_experiment(EXPERIMENTS["ablation"], request, tmp_path / "pipeline.yaml")
    assert not (tmp_path / "pipeline.yaml").exists()


def test_compiling_an_experiment_twice_gives_the_same_bytes(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.ablation.known_datasets", lambda _: ["site"])
    compile_experiment(EXPERIMENTS["ablation"], ON_A_GPU, tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_bytes() == package.read_bytes()


def test_a_step_has_its_own_resources_however_often_it_runs(package: Path) -> None:
    executors = read_spec(package)["deploymentSpec"]["executors"]
    with_gpu = {name for name, one in executors.items() if "accelerator" in one["container"]["resources"]}
    trained = {name for name in executors if name.startswith("exec-grpo")}
    assert with_gpu == trained | {"exec-preflight-gpu"} and len(trained) > 1


def test_a_pipeline_that_no_cluster_takes_is_refused() -> None:
    refuse_large(MOST_BYTES)
    with pytest.raises(ParamsError, match="2000 kB, and a cluster takes 1000"):
        refuse_large(2 * MOST_BYTES)


def test_the_variants_are_listed_with_the_step_that_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.ablation.known_datasets", lambda _: ["site"])
    lines = described(EXPERIMENTS["ablation"], request_of(tmp_path, *FEW)).splitlines()
    assert [line.split()[:2] for line in lines] == [
        [FULL, "–"], ["without-grpo", "–"], ["without-sft", "sft"], ["symmetric-answer", "grpo"],
        ["without-brevity", "grpo"],
    ]  # fmt: skip


# ---------------------------------------------------------------- as DVC stages


def test_the_dvc_stages_call_the_command_with_variants_that_there_are() -> None:
    folder = ROOT / "pipelines" / "experiments"
    given = yaml.safe_load((folder / "params.yaml").read_text())
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    assert stages["run"]["matrix"] == {"variant": "${variants}", "seed": "${seeds}"}
    request = Request(ROOT / given["profile"], (), tuple(given["seeds"]), Path())
    known = [one.name for one in EXPERIMENTS[given["experiment"]].variants(request.params(0), [])]
    assert given["variants"] == known
    assert read_seeds(given["seed_list"]) == tuple(given["seeds"])
    said = CliRunner().invoke(app, ["experiment", "--help"], env={"COLUMNS": "200"}).output
    assert stages["table"]["matrix"] == {"experiment": list(EXPERIMENTS)}
    for name, stage in stages.items():
        chosen = "${experiment}" if name == "run" else "${item.experiment}"
        assert stage["wdir"] == "../.."
        assert stage["cmd"].startswith(f"python -m pipelines experiment {chosen} ")
        assert all((ROOT / path).exists() for path in stage["deps"] if "$" not in path)
        for option in (word for word in stage["cmd"].split() if word.startswith("--")):
            assert option in said


# ---------------------------------------------------------------- the real thing


@pytest.mark.slow
def test_a_micro_ablation_runs_shares_its_steps_and_survives_kill_9(warm: str, tmp_path: Path) -> None:
    """Minutes: one chain of steps, one variant of GRPO and one reading of the full run."""
    simulate = ["rationanomaly", "simulate", "--params", str(PROFILE), "--output", str(tmp_path / "data")]
    subprocess.run(simulate, check=True, cwd=ROOT)
    names = {"logs": "cluster.log", "ledger": "decisions.jsonl", "truth": "truth.csv"}
    data = [word for name, file in names.items() for word in ("--set", f"data.{name}={tmp_path / 'data' / file}")]
    only = [word for name in THREE for word in ("--only", name)]
    command = [warm, "-m", "pipelines", "experiment", "ablation", "--params", str(PROFILE), *data, *only,
               "--output", str(tmp_path / "out")]  # fmt: skip
    first = subprocess.Popen(command, cwd=ROOT)
    while not list(tmp_path.glob("out/steps/base/[!.]*")):
        assert first.poll() is None
        time.sleep(0.05)
    kill(first)
    subprocess.run(command, check=True, cwd=ROOT)
    made = {path.name: len(list(path.iterdir())) for path in (tmp_path / "out" / "steps").iterdir()}
    assert made == {"parse": 1, "correct": 1, "distill": 1, "base": 1, "sft": 1, "grpo": 2, "evaluate": 2}
    document = json.loads((tmp_path / "out" / "ablation" / EXPERIMENT).read_bytes())
    assert [row["name"] for row in document["variants"] if row["figures"]] == list(THREE)
    assert {"f1", "ap"} <= row_of(document, "symmetric-answer")["differences"].keys()
    weights = [next(folder.rglob("model.safetensors")) for folder in (tmp_path / "out" / "steps" / "grpo").iterdir()]
    assert weights[0].stat().st_ino == weights[1].stat().st_ino or weights[0].stat().st_size < 1 << 20
