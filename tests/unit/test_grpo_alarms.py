"""Alarms of GRPO: what sets them off, what doesn't, and what each says."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rationanomaly.grpo.alarms import Alarm, find_alarm, went_off
from rationanomaly.grpo.trainer import _callbacks
from rationanomaly.params import AlarmParams, Params, load_params
from tests.conftest import ROOT

STEPS = 40
WINDOWED = ("rationanomaly/defaults", *(f"profiles/{path.stem}" for path in sorted((ROOT / "profiles").glob("*.yaml"))))


@pytest.fixture(scope="module")
def settings(params: Params) -> AlarmParams:
    return params.grpo.alarms


def ramp(first: float, last: float) -> list[float]:
    return [first + (last - first) * step / (STEPS - 1) for step in range(STEPS)]


def run(
    reward: Sequence[float] = (),
    valid: Sequence[float] = (),
    entropy: Sequence[float] = (),
    length: Sequence[float] = (),
    false_positives: Sequence[float | None] = (),
    validation: Sequence[dict[str, float]] = ({"f1": 0.6, "grounded": 0.9},) * 5,
) -> list[dict[str, float]]:
    """The curves of a run; what is not given stays as it should be. Evaluations are spread over the steps.

    A step whose share of false positives is None had no normal prompts.
    """
    named = {
        "reward": reward or ramp(0.5, 1.5),
        "valid": valid or [0.98] * STEPS,
        "entropy": entropy or ramp(0.6, 0.3),
        "completions/mean_length": length or [60.0] * STEPS,
        "false_positive_rate": false_positives or [None if step % 3 == 0 else 0.1 for step in range(STEPS)],
    }
    curve: list[dict[str, float]] = []
    every = STEPS // (len(validation) - 1)
    for step in range(STEPS + 1):
        if step:
            metrics = {name: values[step - 1] for name, values in named.items()}
            curve.append({"step": step} | {name: value for name, value in metrics.items() if value is not None})
        if step % every == 0:
            curve.append({"step": step} | {f"validation/{k}": v for k, v in validation[step // every].items()})
    return curve


def first_alarm(curve: Sequence[dict[str, float]], settings: AlarmParams) -> Alarm | None:
    """What a trainer that looks after each entry hears first."""
    found = (find_alarm(curve[:end], settings) for end in range(1, len(curve) + 1))
    return next((alarm for alarm in found if alarm is not None), None)


def test_a_sound_run_is_left_in_peace(settings: AlarmParams) -> None:
    assert first_alarm(run(), settings) is None
    better = [{"f1": 0.5 + k / 20, "grounded": 0.6 + k / 20} for k in range(5)]
    assert first_alarm(run(valid=ramp(0.9, 1.0), length=ramp(60, 80), validation=better), settings) is None


def test_no_entries_no_alarm(settings: AlarmParams) -> None:
    assert find_alarm([], settings) is None
    assert find_alarm(run()[:1], settings) is None


def test_falling_form_is_a_collapse(settings: AlarmParams) -> None:
    alarm = first_alarm(run(valid=[1.0] * 15 + ramp(1.0, 0.0)[: STEPS - 15]), settings)
    assert alarm is not None
    assert alarm.kind == "collapse"
    assert "well-formed completions fell from 1.00 to" in alarm.problem
    assert alarm.step < STEPS


def test_one_bad_step_is_no_collapse(settings: AlarmParams) -> None:
    assert first_alarm(run(valid=[1.0] * 20 + [0.2] + [1.0] * (STEPS - 21)), settings) is None


def test_entropy_near_nothing_is_a_collapse(settings: AlarmParams) -> None:
    alarm = first_alarm(run(entropy=ramp(0.5, 0.0)[::2] + [0.001] * (STEPS // 2)), settings)
    assert alarm is not None
    assert (alarm.kind, "nats per token" in alarm.problem) == ("collapse", True)


@pytest.mark.parametrize("last", [400.0, 5.0])
def test_longer_and_shorter_completions_are_a_drift(settings: AlarmParams, last: float) -> None:
    alarm = first_alarm(run(length=ramp(60, last)), settings)
    assert alarm is not None
    assert alarm.kind == "length"


@pytest.mark.parametrize("name", ["f1", "grounded", "agreement", "support"])
def test_a_reward_that_rises_while_what_it_stands_for_falls_is_hacking(settings: AlarmParams, name: str) -> None:
    falling = [{"f1": 0.6, "grounded": 0.9} | {name: 0.6 - 0.15 * k} for k in range(5)]
    alarm = first_alarm(run(validation=falling), settings)
    assert alarm is not None
    assert alarm.kind == "hacking"
    assert f"while {name} on validation templates fell from 0.60 to 0.30" in alarm.problem
    # With a reward that falls as well it is a bad run, but nobody is cheated.
    assert first_alarm(run(reward=ramp(1.5, 0.5), validation=falling), settings) is None


def test_more_false_alarms_under_a_rising_reward_are_hacking(settings: AlarmParams) -> None:
    rising = [{"f1": 0.6, "false_positive_rate": 0.1 + 0.15 * k} for k in range(5)]
    alarm = first_alarm(run(validation=rising), settings)
    assert alarm is not None
    assert (alarm.kind, "false alarms on validation templates rose" in alarm.problem) == ("hacking", True)


def test_form_that_carries_the_signal_alone_is_an_alarm(settings: AlarmParams) -> None:
    formal = [
        entry | {"variance/brevity": 0.7, "variance/repetition": 0.28, "variance/answer": 0.02} for entry in run()
    ]
    alarm = first_alarm(formal, settings)
    assert alarm is not None
    assert (alarm.kind, "98% of the rewards' variance" in alarm.problem) == ("form", True)
    mixed = [entry | {"variance/brevity": 0.5, "variance/answer": 0.5} for entry in run()]
    assert first_alarm(mixed, settings) is None


def test_validation_without_positives_says_nothing_of_f1(settings: AlarmParams) -> None:
    assert first_alarm(run(validation=[{"grounded": 0.9}] * 5), settings) is None
    assert first_alarm(run(validation=[{}] * 5), settings) is None


def test_more_completions_on_normal_prompts_that_state_abnormal_are_an_alarm(settings: AlarmParams) -> None:
    alarm = first_alarm(run(reward=ramp(1.5, 0.5), false_positives=ramp(0.0, 0.9)), settings)
    assert alarm is not None
    assert alarm.kind == "false_positives"
    assert alarm.problem.startswith("completions on normal prompts that state abnormal rose from 3% to ")
    assert alarm.step < STEPS
    assert first_alarm(run(false_positives=ramp(0.9, 0.0)), settings) is None
    gaps = [None if step % 3 else value for step, value in enumerate(ramp(0.0, 0.9))]
    alarm = first_alarm(run(false_positives=gaps), settings)
    assert alarm is not None
    assert alarm.kind == "false_positives"


def test_false_positives_are_held_against_steps_that_the_newest_window_has_none_of(settings: AlarmParams) -> None:
    alarm = first_alarm(run(false_positives=[0.0] * 4 + [1.0] * (STEPS - 4)), settings)
    assert alarm is not None
    assert (alarm.kind, alarm.step) == ("false_positives", 2 * settings.window)


@pytest.mark.parametrize(
    "rates",
    [
        [0.0, 0.4, 0.1, 0.5, 0.2] * 4 + [0.2, 0.9, 0.1, 0.5, 0.4] * 4,  # By .18 on average, but so do its steps.
        [0.1, 0.12] * 10 + [0.15, 0.16] * 10,  # Beyond its steps' noise, but little.
        [None] * STEPS,
        [None] * (STEPS - 5) + [0.9] * 5,
        [0.0] * 5 + [None] * (STEPS - 6) + [0.9],
    ],
    ids=["noise", "little", "no normal prompts", "none at first", "one at last"],
)
def test_a_rise_within_the_noise_is_no_alarm(settings: AlarmParams, rates: list[float | None]) -> None:
    assert first_alarm(run(false_positives=rates), settings) is None


#: What GRPO logged in trainings of sixteen steps of eight prompts that did no harm to normal logs.
MEASURED = (
    [0.29, 0.03, 0.17, 0.12, 0.03, 0.25, 0.29, 0.31, 0.03, 0.11, 0.08, 0.0, 0.0, 0.0, 0.29, 0.02],
    [0.29, 0.09, 0.19, 0.21, 0.04, 0.35, 0.19, 0.33, 0.0, 0.22, 0.06, 0.02, 0.08, 0.0, 0.25, 0.02],
    [0.29, 0.02, 0.14, 0.21, 0.03, 0.25, 0.23, 0.33, 0.0, 0.08, 0.06, 0.02, 0.0, 0.04, 0.21, 0.04],
)


@pytest.mark.parametrize("rates", MEASURED)
def test_the_noise_of_real_trainings_is_no_alarm(settings: AlarmParams, rates: list[float]) -> None:
    curve = [{"step": step, "reward": 5.0, "false_positive_rate": rate} for step, rate in enumerate(rates, 1)]
    assert first_alarm(curve, settings) is None
    assert first_alarm(curve[::-1], settings) is None


@pytest.mark.parametrize("name", WINDOWED)
def test_two_windows_fit_into_the_steps_of_a_profile(name: str) -> None:
    grpo = load_params(ROOT / f"{name}.yaml").grpo
    if name == "profiles/micro":
        assert grpo.steps == 2
    else:
        assert 2 * grpo.alarms.window <= grpo.steps


def trained(
    params: Params, tmp_path: Path, validation: Sequence[dict[str, float]]
) -> tuple[list[dict[str, float]], Any]:
    """The curves of a run whose trainer calls back as TRL's does, and the trainer's control.

    Args:
        validation: what its evaluations measure, in their order.
    """
    from transformers import TrainerControl, TrainerState

    curve: list[dict[str, float]] = []
    grpo = params.grpo.model_copy(update={"keep_best": False})
    measured = iter(validation)
    model: Any = None
    place: Any = SimpleNamespace(checkpoints=tmp_path, key="")
    callbacks = _callbacks(model, curve, grpo, place, lambda: next(measured))
    state, control = TrainerState(max_steps=grpo.steps), TrainerControl()

    def call(event: str, **more: Any) -> None:
        for callback in callbacks:
            getattr(callback, event)(None, state, control, **more)

    call("on_train_begin")
    while state.global_step < grpo.steps and not control.should_training_stop:
        state.global_step += 1
        call("on_step_end")
        call("on_log", logs={"loss": 0.0, "reward": float(state.global_step), "kl": 0.0})
    call("on_train_end")
    return curve, control


@pytest.mark.parametrize("name", ["rationanomaly/defaults", "profiles/bgl-spirit"])
def test_the_evaluation_behind_the_last_step_can_set_an_alarm_off(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    params = load_params(ROOT / f"{name}.yaml")
    curve, _ = trained(params, tmp_path, [{"support": 0.8}, {"support": 0.5}])
    assert curve[-1] == {"step": float(params.grpo.steps), "alarm/hacking": 1.0}
    assert [record.message.partition("; ")[2] for record in caplog.records] == ["training is over"]
    assert not went_off(trained(params, tmp_path, [{"support": 0.8}, {"support": 0.7}])[0])


def test_an_alarm_during_training_stops_it_and_is_the_only_one(
    params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grpo = params.grpo.model_copy(update={"steps": 40, "evaluations": 2})
    params = params.model_copy(update={"grpo": grpo})
    worse = [{"support": value} for value in (0.8, 0.3, 0.2)]
    curve, control = trained(params, tmp_path, worse)
    assert [entry["step"] for entry in curve if "alarm/hacking" in entry] == [20]
    assert control.should_training_stop
    assert [record.message.partition("; ")[2] for record in caplog.records] == ["training stops"]


def test_too_few_steps_for_alarms_are_said_to_be_so(
    params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = params.model_copy(update={"grpo": params.grpo.model_copy(update={"steps": 7})})
    with caplog.at_level(logging.WARNING):
        trained(short, tmp_path, [{}, {}])
        trained(params, tmp_path, [{}, {}])
    said = "grpo.steps is 7, less than two windows of grpo.alarms.window = 4: the alarms see little"
    assert [record.message for record in caplog.records] == [said]
