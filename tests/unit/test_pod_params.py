"""The params of a pod's task: the document of its environment, with what is the iteration's own."""

from __future__ import annotations

import json

import pytest

from rationanomaly.errors import ParamsError
from rationanomaly.kfp_task import PARAMS, VARIANTS, pack, read_params, unpack
from rationanomaly.params import Params, dump, dump_line, load_params
from tests.conftest import ROOT

GIVEN = {"key": "k1", "reads": {"grpo.beta": 0.04, "run.seed": 0}}


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> Params:
    found = load_params(ROOT / "params.yaml", ["grpo.beta=0.04", "sft.learning_rate=1e-12"])
    monkeypatch.setenv(PARAMS, pack(dump_line(found)))
    return found


def test_a_task_reads_the_whole_document_of_its_pod(params: Params) -> None:
    assert read_params(json.dumps(GIVEN)) == params
    assert read_params(json.dumps({"reads": {}})) == params, "a task that runs no step"


def test_an_iteration_of_a_loop_has_its_own_values(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIANTS, pack(json.dumps({"k1": {"grpo.beta": 1e-12, "correct.split.hold_out": ["north"]}})))
    found = read_params(json.dumps({"key": "k1", "reads": {"grpo.beta": 1e-12}}))
    assert (found.grpo.beta, found.correct.split.hold_out) == (1e-12, ("north",))
    assert found.sft == params.sft
    assert read_params(json.dumps(GIVEN | {"key": "k2"})) == params, "one without values of its own"


def test_values_that_are_not_the_pods_are_refused(params: Params) -> None:
    with pytest.raises(ParamsError, match=r"not those that its pipeline was compiled with.* Compile the pipeline"):
        read_params(json.dumps(GIVEN | {"reads": {"grpo.beta": 0.5}}))


def test_values_without_a_pods_document_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PARAMS, raising=False)
    with pytest.raises(ParamsError, match=f"{PARAMS} is not set"):
        read_params(json.dumps(GIVEN))


def test_a_whole_document_is_taken_as_it_is(params: Params) -> None:
    other = load_params(ROOT / "params.yaml", ["run.seed=7"])
    for text in (dump(other), dump_line(other)):
        assert read_params(text) == other


def test_what_clusters_would_expand_passes_through_the_environment_unchanged() -> None:
    text = "$(HOME) $$ {{workflow.name}} é"
    assert unpack(pack(text)) == text
    assert not {"$", "{", "}"} & set(pack(text))
