"""Alarms of GRPO: from collapse to reward hacking. Each is read off the curves, so it can be read again later.

What they look for:

- collapse: the share of well-formed texts falls, or the entropy of the policy is next to nothing, so that all
  completions of a group are alike and there is nothing left to learn from;
- length: completions have become much longer or shorter than they were, as a reward that pays for it makes them;
- form: what differs within the groups is form alone, so nothing is learnt about faults;
- false positives: of the completions on normal prompts more state abnormal than at first, whatever the reward does;
- rollouts: vLLM gives its completions other probabilities than the policy does, so it wrote with other weights;
- hacking: the reward has risen while what it stands for, on validation templates, has got worse: F1, grounding,
  agreement or support have fallen, or more normal templates are called abnormal.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any, Literal

from rationanomaly.grpo.variance import FORM, VARIANCE
from rationanomaly.params import AlarmParams
from rationanomaly.training.best_adapter import VALIDATION, is_evaluation
from rationanomaly.training.checkpoints import Curve

if TYPE_CHECKING:
    from transformers import TrainerCallback

logger = logging.getLogger(__name__)

#: In the curves: the step at which an alarm went off holds this before its kind.
ALARM = "alarm/"
_LENGTH = "completions/mean_length"
_WATCHED = ("f1", "grounded", "agreement", "support")
_FALSE_POSITIVES = "false_positive_rate"
#: What TRL logs of completions that vLLM wrote: of the log-probabilities of their tokens by both, the mean distance.
DIFFERENCE = "sampling/sampling_logp_difference/mean"
#: In nats per token: other kernels in 16 bits are said to make some hundredths (not measured yet).
_OTHER_WEIGHTS = 0.2
#: Steps have other prompts, so their values differ: a rise within so many standard errors is noise.
_STANDARD_ERRORS = 3

Entry = Mapping[str, float]
Kind = Literal["rollouts", "collapse", "length", "form", "false_positives", "hacking"]


@dataclass(frozen=True)
class Alarm:
    """What is wrong, since which step, in words."""

    kind: Kind
    step: int
    problem: str


def find_alarm(curve: Sequence[Entry], params: AlarmParams) -> Alarm | None:
    """The first alarm that the newest entries of the curves give; None if all is well.

    Args:
        curve: entries of steps, with what TRL and the reward logged, and of evaluations, in their order.
        params: ``grpo.alarms``.
    """
    steps = [entry for entry in curve if "reward" in entry]
    if not steps:
        return None
    now = int(steps[-1]["step"])
    problems: dict[Kind, str] = {
        "rollouts": _rollouts(steps[-1]),
        "collapse": _collapse(steps, params),
        "length": _drift(steps, params),
        "form": _form(steps, params),
        "false_positives": _false_positives(steps, params),
        "hacking": _hacking(steps, [entry for entry in curve if is_evaluation(entry)], params),
    }
    return next((Alarm(kind, now, problem) for kind, problem in problems.items() if problem), None)


def went_off(curve: Sequence[Entry]) -> bool:
    """Whether the curves say that an alarm went off."""
    return any(key.startswith(ALARM) for entry in curve for key in entry)


def watch(curve: Curve, params: AlarmParams) -> TrainerCallback:
    """A callback that looks for alarms after each step, writes the first one into the curves and stops the training.

    It looks once more when training is over, for the last evaluation comes then. It has to stand behind the callbacks
    that fill the curves.
    """
    from transformers import TrainerCallback

    def report(then: str) -> bool:
        alarm = None if went_off(curve) else find_alarm(curve, params)
        if alarm is None:
            return False
        curve.append({"step": float(alarm.step), f"{ALARM}{alarm.kind}": 1.0})
        logger.warning("alarm at step %d of GRPO: %s; %s", alarm.step, alarm.problem, then)
        return True

    class Watch(TrainerCallback):
        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if state.max_steps < 2 * params.window:
                problem = "grpo.steps is %d, less than two windows of grpo.alarms.window = %d: the alarms see little"
                logger.warning(problem, state.max_steps, params.window)

        def on_log(self, _args: Any, _state: Any, control: Any, **_: Any) -> None:
            found = report("training stops" if params.stop else "training continues")
            control.should_training_stop = control.should_training_stop or (found and params.stop)

        def on_train_end(self, _args: Any, _state: Any, _control: Any, **_: Any) -> None:
            report("training is over")

    return Watch()


def _rollouts(step: Entry) -> str:
    difference = step.get(DIFFERENCE, 0.0)
    if difference <= _OTHER_WEIGHTS:
        return ""
    return f"vLLM's log-probabilities are {difference:.2f} nats per token from the policy's: its weights are others"


def _collapse(steps: Sequence[Entry], params: AlarmParams) -> str:
    valid, entropy = _means(steps, "valid", params.window), _means(steps, "entropy", params.window)
    if valid and valid[-1] < max(valid) - params.valid_fall:
        return f"well-formed completions fell from {max(valid):.2f} to {valid[-1]:.2f}"
    if entropy and entropy[-1] < params.least_entropy:
        return f"the entropy is {entropy[-1]:.3f} nats per token, so completions are all alike"
    return ""


def _drift(steps: Sequence[Entry], params: AlarmParams) -> str:
    lengths = _means(steps, _LENGTH, params.window)
    if not lengths or 1 / params.length_factor <= lengths[-1] / max(lengths[0], 1) <= params.length_factor:
        return ""
    return f"the mean length of completions went from {lengths[0]:.0f} to {lengths[-1]:.0f} tokens"


def _form(steps: Sequence[Entry], params: AlarmParams) -> str:
    """Form is what differs, as a mean over a window of steps in which anything differs."""
    carried = [
        sum(share for key, share in entry.items() if key.removeprefix(VARIANCE) in FORM and key.startswith(VARIANCE))
        for entry in steps
        if any(key.startswith(VARIANCE) for key in entry)
    ][-params.window :]
    share = sum(carried) / params.window if len(carried) == params.window else 0.0
    return f"{share:.0%} of the rewards' variance within groups is form alone" if share > params.form_share else ""


def _false_positives(steps: Sequence[Entry], params: AlarmParams) -> str:
    """Held against the first steps, by the steps of each window that had normal prompts."""
    if len(steps) < 2 * params.window:
        return ""
    windows = (steps[: params.window], steps[-params.window :])
    first, last = ([entry[_FALSE_POSITIVES] for entry in window if _FALSE_POSITIVES in entry] for window in windows)
    if min(len(first), len(last)) < 2:
        return ""
    error = sqrt(variance(first) / len(first) + variance(last) / len(last))
    before, after = fmean(first), fmean(last)
    if after - before <= max(params.false_positive_rise, _STANDARD_ERRORS * error):
        return ""
    return f"completions on normal prompts that state abnormal rose from {before:.0%} to {after:.0%}"


def _hacking(steps: Sequence[Entry], evaluations: Sequence[Entry], params: AlarmParams) -> str:
    rewards = _means(steps, "reward", params.window)
    if not rewards or rewards[-1] <= rewards[0] or len(evaluations) < 2:
        return ""
    first, last = evaluations[0], evaluations[-1]
    risen = f"the reward rose from {rewards[0]:.2f} to {rewards[-1]:.2f}"
    for name in _WATCHED:
        before, after = first.get(f"{VALIDATION}{name}"), last.get(f"{VALIDATION}{name}")
        if before is not None and after is not None and after < before - params.validation_fall:
            return f"{risen} while {name} on validation templates fell from {before:.2f} to {after:.2f}"
    before, after = (entry.get(f"{VALIDATION}{_FALSE_POSITIVES}") for entry in (first, last))
    if before is not None and after is not None and after > before + params.validation_fall:
        return f"{risen} while false alarms on validation templates rose from {before:.2f} to {after:.2f}"
    return ""


def _means(steps: Sequence[Entry], name: str, window: int) -> list[float]:
    """Means over windows of steps that end at each step; none before the first window is full."""
    values = [entry[name] for entry in steps if name in entry]
    return [sum(values[end - window : end]) / window for end in range(window, len(values) + 1)]
