"""Move an alias of the registry to a version that a written policy lets through.

rationanomaly promote models:/rationanomaly@candidate --to champion --policy mlflow/promotion.yaml

More is better of what stands under ``minimum`` and ``not_worse``, less of what stands under ``maximum``, stress rates
above all. Where a figure has an interval, its ends have names of their own: ``…/low`` and ``…/high``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, ValidationError

from rationanomaly.errors import GateError, ParamsError
from rationanomaly.params import Section
from rationanomaly.params.files import line_of, read
from rationanomaly.params.registry_names import fault_of_alias
from rationanomaly.register.tags import F1_TAG, STRESS, is_better_lower, is_tagged
from rationanomaly.runs import model_registry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

#: Metrics that are one number minus another, by how their names begin; and stress rates, by how they end.
_DIFFERENCES = ("difference/", "reasoned_minus_direct/")
_OVER_CONTROL = "_over_control"
#: Last parts of the names of metrics that are shares, or differences of shares.
_SHARES = frozenset({"precision", "recall", "f1", "ap", "accuracy", "rate", "alarms", "coverage"})
#: The one part of a policy of which less is better.
_AT_MOST = "maximum"
_EXAMPLE = "See mlflow/promotion.yaml"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is needed, and this is a yes or no")
    return value


#: A finite number. YAML's ``true`` and ``yes`` would else be taken for 1.
Limit = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_boolean)]


class Policy(Section):
    """What a version must show.

    Attributes:
        minimum: metric name, as in ``evaluate``'s metrics → smallest value that passes.
        maximum: metric name → greatest value that passes; a policy may be without.
        not_worse: metric name → how much lower than the version that holds the alias now it may be.
    """

    minimum: dict[str, Limit]
    maximum: dict[str, Limit] = Field(default_factory=dict)
    not_worse: dict[str, Annotated[Limit, Field(ge=0)]]


@dataclass(frozen=True)
class Promotion:
    """What was done: ``alias`` of model ``name`` moved from ``previous`` (None: nobody held it) to ``version``."""

    name: str
    alias: str
    version: str
    previous: str | None


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        ParamsError: no such file, not YAML, an unknown or a missing key, one that stands twice, a limit that is no
            finite number, a metric that no version carries, or a stress rate under a part that asks for more of it.
    """
    if not path.is_file():
        raise ParamsError("no such policy", file=path, hint=_EXAMPLE)
    try:
        policy = Policy.model_validate(read(path))
    except ParamsError as error:
        problem, line = error.problem, error.line
        raise ParamsError(f"is no promotion policy: {problem}", file=path, line=line, hint=_EXAMPLE) from error
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"
        raise ParamsError(f"is no promotion policy: {problem}", file=path, hint=_EXAMPLE) from error
    for part in type(policy).model_fields:
        for metric in getattr(policy, part):
            if metric != F1_TAG and not is_tagged(metric):
                problem = f"is no promotion policy: `{part}`: no version carries a metric {metric}"
                line = line_of(path, [part, metric])
                raise ParamsError(problem, file=path, line=line, hint=f"Correct the name. {_EXAMPLE}")
            if part != _AT_MOST and is_better_lower(metric):
                problem = f"is no promotion policy: `{part}` would ask for more of {metric}, of which less is better"
                line = line_of(path, [part, metric])
                raise ParamsError(problem, file=path, line=line, hint=f"Put it under `{_AT_MOST}`. {_EXAMPLE}")
    return policy


def promote(address: str, alias: str, policy: Policy) -> Promotion:
    """Give ``alias`` to the version at ``address`` if the policy lets it.

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        alias: for example ``champion``.
        policy: what the version must show; its metrics are the tags that `register` wrote.

    Raises:
        ParamsError: MLflow takes no such alias.
        InputError: no such model or version.
        GateError: a metric is missing, too low, too high, or no number that it could be; the alias stays where it is.
    """
    if (fault := fault_of_alias(alias)) is not None:
        raise ParamsError(f"`--to {alias}`: the alias {fault}", hint="Name another, such as champion")
    client = model_registry.connect()
    candidate = model_registry.find(client, address)
    holder = _holder(client, candidate.name, alias)
    problems = list(_problems(candidate, holder, policy))
    if problems:
        raise GateError(
            f"version {candidate.version} is not promoted to @{alias}: {'; '.join(problems)}",
            file=address,
            hint=_hint(problems),
        )
    client.set_registered_model_alias(candidate.name, alias, candidate.version)
    return Promotion(candidate.name, alias, str(candidate.version), str(holder.version) if holder else None)


def _problems(candidate: ModelVersion, holder: ModelVersion | None, policy: Policy) -> Iterator[str]:
    """What the policy says against the candidate, each in a few words."""
    for metric, limit in policy.minimum.items():
        yield from _shortfall(candidate, metric, limit)
    for metric, limit in policy.maximum.items():
        yield from _excess(candidate, metric, limit)
    if holder is not None and holder.version != candidate.version:
        for metric, margin in policy.not_worse.items():
            held = _read_metric(holder, metric)
            yield from [held] if isinstance(held, str) else _shortfall(candidate, metric, held - margin)


def _shortfall(version: ModelVersion, metric: str, limit: float) -> Iterator[str]:
    """Why the version does not reach the limit; nothing if it does."""
    value = _read_metric(version, metric)
    if isinstance(value, str):
        yield value
    # Not `value < limit`: a comparison that can't be made must refuse.
    elif not value >= limit:
        yield f"{metric} is {value:.4g}, needed {limit:.4g}"


def _excess(version: ModelVersion, metric: str, limit: float) -> Iterator[str]:
    """Why the version does not stay below the limit; nothing if it does."""
    value = _read_metric(version, metric)
    if isinstance(value, str):
        yield value
    elif not value <= limit:
        yield f"{metric} is {value:.4g}, allowed {limit:.4g}"


def _read_metric(version: ModelVersion, metric: str) -> float | str:
    """The value of a metric that a version carries as a tag, or why it has none that could be compared."""
    text = version.tags.get(metric)
    if text is None:
        return f"version {version.version} carries no metric {metric}"
    value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    estimate = metric.removesuffix("/low").removesuffix("/high")
    is_difference = metric.startswith(_DIFFERENCES) or estimate.endswith(_OVER_CONTROL)
    lowest = -math.inf if is_difference else 0.0
    highest = math.inf
    if estimate.rpartition("/")[2] in _SHARES or (metric.startswith(STRESS) and not metric.endswith("/rows")):
        lowest, highest = max(lowest, -1.0), 1.0
    if math.isfinite(value) and lowest <= value <= highest:
        return value
    return f"version {version.version} says that {metric} is {text[:40]!r}, which it can't be"


def _hint(problems: list[str]) -> str:
    if any(f"carries no metric {STRESS}" in problem for problem in problems):
        return (
            "Evaluate with `evaluate.stress.rows` above 0 (searched attacks: `searched_alarms`, too), register again, "
            "or take the metric out of the policy"
        )
    if any("carries no metric" in problem for problem in problems):
        return "Register it with `rationanomaly register`, which tags it, or take the metric out of the policy"
    if any(problem.startswith("version ") for problem in problems):
        return "Evaluate and register it again, and see who changed the version's tags"
    return "Train a better one, or change the policy in a commit of its own"


def _holder(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    version = client.get_registered_model(name).aliases.get(alias)
    return None if version is None else client.get_model_version(name, str(version))
