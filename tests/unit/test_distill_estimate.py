"""The estimate before the first call, against what a run then takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rationanomaly.distill.estimate import estimate
from rationanomaly.distill.step import run
from rationanomaly.params import Params, load_params
from rationanomaly.steps import Outputs
from tests.conftest import ROOT
from tests.distill_inputs import write_labelled
from tests.scripted_endpoint import Script, serving

LOGS = [f"fatal error on disk {letter}: write failed" for letter in "abcdefgh"]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def params(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Params]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(script) as url:
        sure = ["distill.teacher=openai", "distill.endpoint.key=null", "prompt.normalise=false"]
        yield load_params(ROOT / "params.yaml", [*sure, f"distill.endpoint.url={url}"])


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return {"correct": write_labelled(tmp_path / "correct", [(log, "abnormal") for log in LOGS])}


def distil(params: Params, inputs: dict[str, Path], folder: Path) -> dict[str, float]:
    (folder / "out").mkdir(exist_ok=True)
    return run(params, inputs, Outputs(folder / "out", folder / "state"))


def test_it_sends_nothing_and_writes_nothing(
    params: Params, inputs: dict[str, Path], script: Script, tmp_path: Path
) -> None:
    estimate(params, inputs, tmp_path / "state")
    assert not script.calls
    assert not (tmp_path / "state").exists()


def test_a_run_stays_between_the_likely_and_the_worst(params: Params, inputs: dict[str, Path], tmp_path: Path) -> None:
    before = estimate(params, inputs, tmp_path / "state")
    metrics = distil(params, inputs, tmp_path)
    assert before.calls == len(LOGS) <= metrics["calls"] <= before.worst_calls == 3 * len(LOGS)
    assert metrics["prompt_tokens"] <= before.worst.prompt
    assert 0 < metrics["spent"] <= before.worst_cost
    assert before.left == params.distill.budget.most


def test_what_is_in_the_journal_costs_nothing_more(params: Params, inputs: dict[str, Path], tmp_path: Path) -> None:
    metrics = distil(params, inputs, tmp_path)
    after = estimate(params, inputs, tmp_path / "state")
    assert (after.calls, after.known, after.likely_cost, after.worst_cost) == (0, len(LOGS), 0.0, 0.0)
    assert after.left == params.distill.budget.most - metrics["spent"]
    assert f"{len(LOGS)} of them in the journal" in str(after)


def test_the_builtin_teacher_is_free(inputs: dict[str, Path], tmp_path: Path) -> None:
    free = estimate(load_params(ROOT / "params.yaml"), inputs, tmp_path / "state")
    assert (free.questions, free.calls, free.worst_cost) == (len(LOGS), 0, 0.0)
