"""KFP's cache: of a second run with something changed, exactly the tasks run again whose output depends on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipelines.pod
from pipelines.ablation import compile_experiment
from pipelines.caching import raw_digests, step_keys
from pipelines.compiling import compile_training
from pipelines.experiment import Request
from pipelines.pod import image_of
from pipelines.variants import EXPERIMENTS, FULL
from rationanomaly.errors import ParamsError
from rationanomaly.params import Params, check, load_params
from rationanomaly.runs import code_identity
from rationanomaly.runs.code_identity import Code
from rationanomaly.steps import BY_NAME, STEPS
from tests.conftest import ROOT
from tests.kfp_cache import CacheServer, Package, automatic, own, read_package

#: Run each time: what looks at the cluster, closes the pipeline's record, or moves an alias.
ALWAYS = {"preflight", "preflight-gpu", "finish", "register"}
SERVERS = {"2.14": (False, False), "2.17": (False, True), "later": (True, True)}
RAW = {name: f"content of {name}" for step in STEPS for name in (*step.sources, *step.paths)}
PROFILE = ROOT / "profiles" / "gpu-1.yaml"


# ---- KFP's own examples: backend/src/v2/cacheutils/cache_test.go, driver/cache_test.go (Apache-2.0)
def test_the_automatic_fingerprint_is_that_of_kfps_examples() -> None:
    model = "title: kfp.Model\ntype: object\nproperties:\n  framework:\n    type: string\n  framework_version:\n    type: string\n"  # noqa: E501
    artifacts = {
        "model": {"name": "model", "type": {"instanceSchema": model}, "metadata": {"name": "model"}},
        "metrics": {"name": "metrics", "type": {"schemaTitle": "kfp.Metrics"}, "metadata": {"name": "metrics"}},
    }
    inputs = {"dataset_one": ["1"], "dataset_two": ["2"]}
    params = {"message": "Some string value", "num_steps": 5.0}
    outputs = {"output_parameter_one": "STRING", "output_parameter_two": "INT"}
    found = automatic(inputs, params, artifacts, outputs, "python:3.11", ["sh", "ec", "test"])
    assert found == "b498530c9016917298999ec0b01f364a180f8a3862bea0fa672a383ca3f22e4e"
    found = automatic({"dataset": ["10"]}, {}, {}, {"output_parameter": "DOUBLE"}, "python:3.11", ["sh", "ec", "run"])
    assert found == "3d9a2a778fa3174c6cfc6e639c507c265b5f21ef6e5b1dd70b236462cc6da464"


def test_the_fingerprint_of_an_own_key_is_that_of_kfps_examples() -> None:
    key = "my-custom-cache-key"
    assert own("my-component", key) == "ad05e747b67b95e4fc4ce080cdb5850f89744360a85753b90a1a434d46dedd2e"
    assert own("other-component", key) == "3b3a067cac2d9161742542c6afa8a1291699e27c637dd0d5d66cd8b2bdc5ab76"


# ---- what is changed, and what has to run again
def depend(first: Iterable[str]) -> set[str]:
    """These steps and all that read their outputs, however far."""
    found = set(first)
    for step in STEPS:  # in the order of the DAG
        if found & {*step.reads}:
            found.add(step.name)
    return found


def reading(path: str) -> set[str]:
    """The steps whose params hold this one, by what `steps.py` says."""
    return {
        step.name
        for step in STEPS
        if any(path == name or path.startswith(f"{name}.") or name.startswith(f"{path}.") for name in step.params)
    }


def leaves(document: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{path}.{key}".lstrip("."))
        else:
            yield f"{path}.{key}".lstrip(".")


def with_another(params: Params, path: str) -> Params | None:
    """Params with another value there; None where none of those that are tried is allowed."""
    *sections, name = path.split(".")
    for other in (lambda v: v + 1, lambda v: v / 2, lambda v: not v, lambda v: f"{v}x", lambda _: 3, lambda _: "other"):
        document = params.model_dump(mode="json", by_alias=True)
        place = document
        for section in sections:
            place = place[section]
        try:
            value = other(place[name])
            if (type(value) is not type(place[name]) and place[name] is not None) or value == place[name]:
                continue
            place[name] = value
            return check(document, Path("changed"))
        except (TypeError, ParamsError):
            continue
    return None


class Pipeline:
    """Compiles into one file, each time anew."""

    def __init__(self, folder: Path) -> None:
        self.path, self.params = folder / "pipeline.yaml", load_params(PROFILE)
        self.raw: dict[str, str | None] = dict(RAW)

    def compiled(self, params: Params, *, cached: bool = True) -> Package:
        compile_training(params, self.path, cached)
        return read_package(self.path)


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    found = Pipeline(tmp_path)
    monkeypatch.setattr(pipelines.pod, "raw_digests", lambda _: found.raw)
    return found


def servers(pipeline: Pipeline) -> dict[str, CacheServer]:
    """All kinds of servers, each of which has run the pipeline once."""
    found = {name: CacheServer(*kind) for name, kind in SERVERS.items()}
    package = pipeline.compiled(pipeline.params)
    for server in found.values():
        assert sorted(server.run(package)) == sorted({*BY_NAME} | ALWAYS)
        assert set(server.run(package)) == ALWAYS, "nothing has changed"
    return found


def assert_only(pipeline: Pipeline, known: Mapping[str, CacheServer], params: Params, expected: set[str]) -> None:
    package = pipeline.compiled(params)
    for name, server in known.items():
        assert set(server.run(package)) == expected | ALWAYS, name


def test_one_changed_reward_weight_runs_grpo_and_what_follows(pipeline: Pipeline) -> None:
    params = with_another(pipeline.params, "grpo.reward.weights.answer")
    assert params is not None
    assert_only(pipeline, servers(pipeline), params, {"grpo", "evaluate"})


def test_what_changes_no_result_runs_nothing(pipeline: Pipeline) -> None:
    names = (
        "cluster.tracking_uri",
        "cluster.default.retries",
        "watch.drift.repeat_hours",
        "simulate.lines",
        "run.name",
    )
    known = servers(pipeline)
    for name in names:
        params = with_another(pipeline.params, name)
        assert params is not None, name
        assert_only(pipeline, known, params, set())


def test_any_changed_param_runs_the_steps_that_name_it_and_what_follows(pipeline: Pipeline) -> None:
    known = servers(pipeline)
    document = pipeline.params.model_dump(mode="json", by_alias=True)
    names = [name for name in leaves(document) if name not in ("cluster.parse_shards", "cluster.state_claim")]
    tried = 0

    @settings(max_examples=8, derandomize=True, deadline=None, database=None)
    @given(name=st.sampled_from(names), step=st.sampled_from(sorted(BY_NAME)), own_section=st.booleans())
    def changed(name: str, step: str, own_section: bool) -> None:
        nonlocal tried
        if own_section:  # most sections are of no step: draw as often from those that are
            inside = [one for one in names if step in reading(one)]
            name = inside[sum(map(ord, name)) % len(inside)]
        params = with_another(pipeline.params, name)
        if params is None:
            return
        tried += 1
        images = {step.name for step in STEPS if image_of(params, step.name) != image_of(pipeline.params, step.name)}
        assert_only(pipeline, known, params, depend(reading(name) | images))

    changed()
    assert tried > 3


def test_another_image_runs_the_steps_that_it_runs(pipeline: Pipeline) -> None:
    known = servers(pipeline)
    gpu = {step for step in BY_NAME if pipeline.params.cluster.steps.get(step, pipeline.params.cluster.default).gpus}
    assert gpu and gpu != {*BY_NAME}
    for name, steps in (("image", {*BY_NAME} - gpu), ("gpu_image", gpu)):
        cluster = pipeline.params.cluster.model_copy(update={name: "registry.example/anomaly@sha256:" + "0" * 64})
        assert_only(pipeline, known, pipeline.params.model_copy(update={"cluster": cluster}), depend(steps))


def test_another_datum_runs_the_steps_that_read_it(pipeline: Pipeline) -> None:
    known = servers(pipeline)
    for name in RAW:
        pipeline.raw = {**RAW, name: "another content"}
        readers = {step.name for step in STEPS if name in (*step.sources, *step.paths)}
        assert_only(pipeline, known, pipeline.params, depend(readers))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("code") / "rationanomaly"
    shutil.copytree(ROOT / "rationanomaly", root, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    return root


def test_new_code_under_the_same_tag_runs_what_it_touches(
    pipeline: Pipeline, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = Code(source)
    monkeypatch.setattr(code_identity, "digest", code.digest)
    known = servers(pipeline)
    found = {name: {path.as_posix() for path in code.closure(name)} for name in BY_NAME}
    for name in ("rewards/terms.py", "parse/step.py", "evaluate/report.py", "training/loop.py", "detection/follow.py"):
        if (path := source / name).exists():
            path.write_text(path.read_text() + "\n# changed\n")
            expected = depend(step for step in BY_NAME if name in found[step])
            assert ("grpo" in expected) == (name.split("/")[0] in ("rewards", "parse", "training"))
            assert_only(pipeline, known, pipeline.params, expected)


# ---- what is not known
def test_raw_data_of_unknown_content_is_read_each_time(pipeline: Pipeline) -> None:
    """A log on a volume may have changed under the same name."""
    pipeline.raw["ledger"] = None
    package = pipeline.compiled(pipeline.params)
    for kind in SERVERS.values():
        server = CacheServer(*kind)
        server.run(package)
        assert set(server.run(package)) == depend({"correct"}) | ALWAYS


def test_without_a_cache_everything_runs(pipeline: Pipeline) -> None:
    package, server = pipeline.compiled(pipeline.params, cached=False), CacheServer(keys=True)
    assert server.run(package) == server.run(package)


def test_content_is_known_by_a_commit_a_version_or_the_image_alone() -> None:
    def known(*values: str) -> dict[str, str | None]:
        return raw_digests(load_params(ROOT / "params.yaml", values))

    default = known()
    assert default["logs"] is None and default["reasoning"] == "data/none.jsonl"
    source = "cluster.data.logs={uri: 'https://data.example/log', sha256: " + "ab" * 32 + "}"
    assert known(source)["logs"] == "ab" * 32, "it is checked when it is fetched"
    assert default["model.name"] is not None, "a package's base comes with the image"
    hub = ("model.source=hub", "model.name=meta-llama/Llama-2-7b-hf")
    assert known(*hub)["model.name"] is None, "a branch moves"
    assert known(*hub, "model.revision=0123abc")["model.name"] == "0123abc"
    assert known("model.source=hub", "model.name=/state/base", "model.revision=0123abc")["model.name"] is None
    assert known("evaluate.champion=models:/anomaly@champion")["evaluate.champion"] is None, "an alias moves"
    assert known("evaluate.champion=models:/anomaly/3")["evaluate.champion"] == "models:/anomaly/3"
    assert known("parse.continue_from=/state/miner.json")["parse.continue_from"] is None


def test_a_key_says_whether_all_is_known(params: Params) -> None:
    images = dict.fromkeys(BY_NAME, "image")
    keys = step_keys(params, {**RAW, "reasoning": None}, images)
    assert {name for name, key in keys.items() if not key.known} == depend({"distill"})


# ---- several pods for one step, and loops
@pytest.mark.parametrize("server", SERVERS)
def test_parts_of_a_shared_out_step_are_taken_from_the_cache(server: str, pipeline: Pipeline) -> None:
    cluster = pipeline.params.cluster.model_copy(update={"parse_shards": 3})
    params, known = pipeline.params.model_copy(update={"cluster": cluster}), CacheServer(*SERVERS[server])
    package = pipeline.compiled(params)
    assert known.run(package).count("parse-shard") == 3, "each shard once"
    assert set(known.run(package)) == ALWAYS
    pipeline.raw["logs"] = "another log"
    again = known.run(pipeline.compiled(params))
    assert {"parse-plan", "parse-shard", "parse-merge", "evaluate"} < set(again) and again.count("parse-shard") == 3


def experiment(pipeline: Pipeline, *values: str) -> Package:
    request = Request(
        ROOT / "profiles" / "micro.yaml", values, (0, 1), Path(), (FULL, "without-sft", "symmetric-answer")
    )
    compile_experiment(EXPERIMENTS["ablation"], request, pipeline.path)
    return read_package(pipeline.path)


def test_an_experiment_is_cached_by_seed_and_variant(pipeline: Pipeline) -> None:
    package, changed = experiment(pipeline), experiment(pipeline, "evaluate.bootstrap=7")
    for kind in SERVERS.values():
        known = CacheServer(*kind)
        evaluations = names_of(known.run(package)).count("evaluate")
        assert evaluations == 2 * 3, "each seed and variant has its own"
        assert set(known.run(package)) <= ALWAYS
        assert [name for name in names_of(known.run(changed)) if name not in ALWAYS] == ["evaluate"] * evaluations


def names_of(tasks: list[str]) -> list[str]:
    return [name.rstrip("-0123456789") for name in tasks]


def test_no_task_in_a_loop_has_a_key_of_its_own(pipeline: Pipeline) -> None:
    """It would be the same for all iterations."""
    spec, _ = experiment(pipeline)
    loops = [one["dag"]["tasks"] for name, one in spec["components"].items() if name.startswith("comp-for-loop")]
    assert loops
    for tasks in loops:
        assert not [name for name, task in tasks.items() if "cacheKey" in task["cachingOptions"]]
    assert "cacheKey" in json.dumps(spec["components"])


def test_every_input_of_an_experiments_tasks_is_provided(pipeline: Pipeline) -> None:
    """KFP makes the parts of a loop's items inputs of the exit handler, and nothing provides them."""
    spec, _ = experiment(pipeline)
    known = {name: {*one.get("inputDefinitions", {}).get("parameters", ())} for name, one in spec["components"].items()}
    for dag, inputs in ((spec["root"], set()), *((one, known[name]) for name, one in spec["components"].items())):
        for task in dag.get("dag", {}).get("tasks", {}).values():
            asked = task.get("inputs", {}).get("parameters", {})
            given = {*asked, task.get("parameterIterator", {}).get("itemInput")} - {None}
            assert given == known[task["componentRef"]["name"]]
            assert {
                row["componentInputParameter"] for row in asked.values() if "componentInputParameter" in row
            } <= inputs
