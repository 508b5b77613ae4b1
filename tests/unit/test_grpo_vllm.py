"""Completions that vLLM writes come of the policy as it is at that step: what it is sent, held by strict doubles of it.

With vLLM itself: tests/training/test_vllm.py, on a GPU.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from rationanomaly.grpo import trainer as grpo_trainer
from rationanomaly.grpo.alarms import DIFFERENCE, find_alarm, went_off
from rationanomaly.grpo.prompts import Task
from rationanomaly.model.folder import ModelFolder
from rationanomaly.params import Params
from rationanomaly.training.batching import spread
from rationanomaly.training.checkpoints import Curve
from rationanomaly.training.loop import TrainingRun
from tests.micro_model import Trained
from tests.vllm_double import Engine, colocated, serving

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="for CPUs: the doubles write there")
STEPS = 3
LOGS = ("pump failed badly", "fan is ready")
MODES = pytest.mark.parametrize("mode", ["vllm-colocate", "vllm-server"])


def by_length(completions: Sequence[str], **_: Any) -> list[float]:
    """A reward that differs within groups."""
    return [float(len(completion) + place) for place, completion in enumerate(completions)]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """TRL sets variables of ranks for vLLM and leaves them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


class Listener:
    """Looks at every generation of an engine: are its weights those of the policy?

    Attributes:
        scores: log-probabilities of the engine for a probe, by generation.
        distances: of its weights to those of the merged policy, at most, by generation.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.scores: list[torch.Tensor] = []
        self.distances: list[float] = []

    @torch.no_grad()
    def __call__(self, engine: Engine) -> None:
        policy = copy.deepcopy(self._model)
        policy.set_adapter("default")
        expected = dict(policy.merge_and_unload().named_parameters())
        assert set(expected) == set(engine.weights)
        self.distances.append(max(float((w - expected[n]).abs().max()) for n, w in engine.weights.items()))
        self.scores.append(engine.model(torch.arange(3, 9)[None]).logits.log_softmax(-1))


def train(
    trained: Trained, mode: str, patch: pytest.MonkeyPatch, url: str = "", learning_rate: float = 0.02
) -> tuple[Curve, Listener]:
    folder = ModelFolder.open(trained.root / "sft")
    grpo = trained.params.grpo.model_copy(
        update={
            "steps": STEPS,
            "generation": mode,
            "learning_rate": learning_rate,
            "evaluations": 0,
            "keep_best": False,
        }
    )
    if url:
        grpo = grpo.model_copy(update={"vllm": grpo.vllm.model_copy(update={"url": url})})
    params: Params = trained.params.model_copy(update={"grpo": grpo})
    model = folder.load_adapted(params.training)
    listener = Listener(model)
    patch.setattr(Engine, "before_writing", lambda engine: listener(engine))
    tasks = [Task(LOGS[place % 2], "normal", None) for place in range(STEPS * grpo.prompts)]
    passes = spread(grpo.prompts * grpo.generations, params.training, "")
    curve = grpo_trainer.train(
        model, folder.tokenizer, tasks, by_length, params.prompt, grpo, passes, 12, None,
        TrainingRun(params.training, 0, trained.root / "vllm", ""), dict,
    )  # fmt: skip
    return curve, listener


@MODES
def test_what_vllm_writes_with_is_the_policy_of_that_step(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    if mode == "vllm-colocate":
        colocated(monkeypatch)
        curve, listener = train(trained, mode, monkeypatch)
    else:
        with serving(trained.root / "sft" / "base", monkeypatch) as (server, url):
            curve, listener = train(trained, mode, monkeypatch, url)
        one = ["/start_weight_update", "/update_weights", "/finish_weight_update", "/reset_prefix_cache"]
        assert server.calls == ["/init_weight_transfer_engine", *[*one, "/v1/completions"] * STEPS]
    assert len(listener.distances) == STEPS
    assert max(listener.distances) < 1e-5
    for before, after in zip(listener.scores, listener.scores[1:], strict=False):
        assert (before - after).abs().max() > 1e-3, "the adapter changed and what is written with did not"
    differences = [entry[DIFFERENCE] for entry in curve]
    assert len(differences) == STEPS
    assert max(differences) < 1e-4
    assert not went_off(curve)


def test_weights_that_stay_behind_the_policy_set_off_an_alarm(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(trained.root / "sft" / "base", monkeypatch) as (_, url):
        monkeypatch.setattr(Engine, "keeps_first", True)
        curve, listener = train(trained, "vllm-server", monkeypatch, url, learning_rate=0.2)
    assert listener.distances[0] < 1e-5
    assert listener.distances[1] > 0.1
    assert curve[0][DIFFERENCE] < 1e-4
    alarm = find_alarm(curve, trained.params.grpo.alarms)
    assert alarm is not None
    assert (alarm.kind, alarm.step) == ("rollouts", 2)
    assert curve[-1]["alarm/rollouts"] == 1
