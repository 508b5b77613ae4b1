"""Alarms of GRPO: what sets them off, what doesn't, and what each says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rationanomaly.grpo.alarms import Alarm, find_alarm
from rationanomaly.params import AlarmParams, Params

STEPS = 40


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
    validation: Sequence[dict[str, float]] = ({"f1": 0.6, "grounded": 0.9},) * 5,
) -> list[dict[str, float]]:
    """The curves of a run; what is not given stays as it should be. Evaluations are spread over the steps."""
    named = {
        "reward": reward or ramp(0.5, 1.5),
        "valid": valid or [0.98] * STEPS,
        "entropy": entropy or ramp(0.6, 0.3),
        "completions/mean_length": length or [60.0] * STEPS,
    }
    curve: list[dict[str, float]] = []
    every = STEPS // (len(validation) - 1)
    for step in range(STEPS + 1):
        if step:
            curve.append({"step": step} | {name: values[step - 1] for name, values in named.items()})
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
    falling = [{"f1": 0.6, "grounded": 0.9} | {name: 0.6 - k / 10} for k in range(5)]
    alarm = first_alarm(run(validation=falling), settings)
    assert alarm is not None
    assert alarm.kind == "hacking"
    assert f"while {name} on validation templates fell from 0.60 to 0.40" in alarm.problem
    # With a reward that falls as well it is a bad run, but nobody is cheated.
    assert first_alarm(run(reward=ramp(1.5, 0.5), validation=falling), settings) is None


def test_more_false_alarms_under_a_rising_reward_are_hacking(settings: AlarmParams) -> None:
    rising = [{"f1": 0.6, "false_positive_rate": 0.1 + k / 10} for k in range(5)]
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
