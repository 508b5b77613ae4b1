"""The gates of a promotion: each row of the policy held against the tags of the candidate and of the alias' holder."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rationanomaly.register.policy import Policy
from rationanomaly.register.tags import CHAMPION_MODEL, HEADLINE, is_better_lower, is_number, is_possible, paired_tag
from rationanomaly.runs.tracking import OUTPUT

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True)
class Gate:
    """One row of a policy and what the candidate has to it.

    Attributes:
        part: of the policy.
        metric: the tag that was read.
        value: of it; None where there is none that could be compared.
        limit: the smallest value that passes, or the greatest under ``maximum``.
        problem: why it does not pass, in a few words; None if it does.
    """

    part: str
    metric: str
    value: float | None
    limit: float | None
    problem: str | None


def check(candidate: ModelVersion, holder: ModelVersion | None, policy: Policy) -> list[Gate]:
    """All gates of a policy.

    Args:
        candidate: the version that is to get the alias.
        holder: the version that has it; None: nobody, and nothing is compared with it.
        policy: with its limits.
    """
    gates = [_at_least(candidate, "minimum", metric, limit) for metric, limit in policy.minimum.items()]
    gates += [_at_most(candidate, metric, limit) for metric, limit in policy.maximum.items()]
    if holder is None or str(holder.version) == str(candidate.version):
        return gates
    for metric, margin in policy.not_worse.items():
        held = _read_metric(holder, metric)
        if isinstance(held, str):
            gates.append(Gate("not_worse", metric, None, None, held))
        else:
            gates.append(_at_least(candidate, "not_worse", metric, held - margin))
    return gates + list(_paired(candidate, holder, policy))


def problems(gates: Sequence[Gate]) -> list[str]:
    """What is said against the candidate, each thing once."""
    return list(dict.fromkeys(gate.problem for gate in gates if gate.problem))


def compared(candidate: ModelVersion, policy: Policy) -> dict[str, float]:
    """By what a candidate is compared with another one that passes: the headline, and what the policy asks about."""
    asked = {HEADLINE, *policy.minimum, *policy.not_worse, *policy.paired, *filter(is_better_lower, policy.maximum)}
    read = {metric: _read_metric(candidate, metric) for metric in sorted(asked)}
    return {metric: value for metric, value in read.items() if not isinstance(value, str)}


def document(gates: Sequence[Gate]) -> str:
    """The figures of a decision as JSON."""
    rows = [
        {"part": gate.part, "metric": gate.metric, "value": gate.value, "limit": gate.limit, "passed": not gate.problem}
        for gate in gates
    ]
    return json.dumps(rows)


def _paired(candidate: ModelVersion, holder: ModelVersion, policy: Policy) -> Iterator[Gate]:
    """Differences of one evaluation of both count only if the holder is whom the candidate was held against."""
    against, held = candidate.tags.get(CHAMPION_MODEL), holder.tags.get(OUTPUT)
    problem = None
    if held is None:
        problem = f"version {holder.version}, which has the alias, does not say which model folder it holds"
    elif against is None:
        problem = f"version {candidate.version} was not held against a champion on the same data"
    elif against != held:
        problem = f"version {candidate.version} was held against another champion than version {holder.version}"
    for metric, margin in policy.paired.items():
        tag = f"{paired_tag(metric)}/low"
        if problem is None:
            yield _at_least(candidate, "paired", tag, -margin)
        else:
            yield Gate("paired", tag, None, -margin, problem)


def _at_least(version: ModelVersion, part: str, metric: str, limit: float) -> Gate:
    value = _read_metric(version, metric)
    if isinstance(value, str):
        return Gate(part, metric, None, limit, value)
    # Not `value < limit`: a comparison that can't be made must refuse.
    passed = value >= limit
    return Gate(part, metric, value, limit, None if passed else f"{metric} is {value:.4g}, needed {limit:.4g}")


def _at_most(version: ModelVersion, metric: str, limit: float) -> Gate:
    value = _read_metric(version, metric)
    if isinstance(value, str):
        return Gate("maximum", metric, None, limit, value)
    passed = value <= limit
    return Gate("maximum", metric, value, limit, None if passed else f"{metric} is {value:.4g}, allowed {limit:.4g}")


def _read_metric(version: ModelVersion, metric: str) -> float | str:
    """The value of a metric that a version carries as a tag, or why it has none that could be compared."""
    text = version.tags.get(metric)
    if text is None:
        return f"version {version.version} carries no metric {metric}"
    value = float(text) if is_number(text.strip()) else math.nan
    if is_possible(metric, value):
        return value
    return f"version {version.version} says that {metric} is {text[:40]!r}, which it can't be"
