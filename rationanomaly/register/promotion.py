"""Move an alias of the registry to a version that a written policy lets through.

rationanomaly promote models:/rationanomaly@candidate --to champion --policy mlflow/promotion.yaml
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from rationanomaly.errors import GateError, InputError, ParamsError
from rationanomaly.params import Section
from rationanomaly.params.files import read
from rationanomaly.params.registry_names import fault_of_alias
from rationanomaly.runs import model_registry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

#: Metrics that are one number minus another.
_DIFFERENCES = ("difference/", "reasoned_minus_direct/")
#: Last parts of the names of metrics that are shares, or differences of shares.
_SHARES = frozenset({"precision", "recall", "f1", "ap", "accuracy", "rate", "alarms", "coverage"})
_EXAMPLE = "See mlflow/promotion.yaml"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Policy(Section):
    """What a version must show.

    Attributes:
        minimum: metric name, as in ``evaluate``'s metrics → smallest value that passes.
        not_worse: metric name → how much lower than the version that holds the alias now it may be.
    """

    minimum: dict[str, Annotated[float, Field(allow_inf_nan=False)]]
    not_worse: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]


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
        ParamsError: no such file, not YAML, an unknown or a missing key, one that stands twice, or a limit that is no
            finite number.
    """
    if not path.is_file():
        raise ParamsError("no such policy", file=path, hint=_EXAMPLE)
    try:
        return Policy.model_validate(read(path))
    except ParamsError as error:
        problem, line = error.problem, error.line
        raise ParamsError(f"is no promotion policy: {problem}", file=path, line=line, hint=_EXAMPLE) from error
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"
        raise ParamsError(f"is no promotion policy: {problem}", file=path, hint=_EXAMPLE) from error


def promote(address: str, alias: str, policy: Policy) -> Promotion:
    """Give ``alias`` to the version at ``address`` if the policy lets it.

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        alias: for example ``champion``.
        policy: what the version must show; its metrics are the tags that `register` wrote.

    Raises:
        ParamsError: MLflow takes no such alias.
        InputError: no such model or version.
        GateError: a metric is missing, too low, or no number that it could be; the alias stays where it is.
    """
    if (fault := fault_of_alias(alias)) is not None:
        raise ParamsError(f"`--to {alias}`: the alias {fault}", hint="Name another, such as champion")
    client = model_registry.connect()
    candidate = _find(client, address)
    holder = _holder(client, candidate.name, alias)
    problems = [found for metric, limit in policy.minimum.items() if (found := _shortfall(candidate, metric, limit))]
    if holder is not None and holder.version != candidate.version:
        for metric, margin in policy.not_worse.items():
            held = _read_metric(holder, metric)
            found = held if isinstance(held, str) else _shortfall(candidate, metric, held - margin)
            problems += [found] if found else []
    if problems:
        raise GateError(
            f"version {candidate.version} is not promoted to @{alias}: {'; '.join(problems)}",
            file=address,
            hint=_hint(problems),
        )
    client.set_registered_model_alias(candidate.name, alias, candidate.version)
    return Promotion(candidate.name, alias, str(candidate.version), str(holder.version) if holder else None)


def _shortfall(version: ModelVersion, metric: str, limit: float) -> str | None:
    """Why the version does not reach the limit; None if it does."""
    value = _read_metric(version, metric)
    if isinstance(value, str):
        return value
    # Not `value < limit`: a comparison that can't be made must refuse.
    return None if value >= limit else f"{metric} is {value:.4g}, needed {limit:.4g}"


def _read_metric(version: ModelVersion, metric: str) -> float | str:
    """The value of a metric that a version carries as a tag, or why it has none that could be compared."""
    text = version.tags.get(metric)
    if text is None:
        return f"version {version.version} carries no metric {metric}"
    value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    lowest = -math.inf if metric.startswith(_DIFFERENCES) else 0.0
    highest = math.inf
    if metric.removesuffix("/low").removesuffix("/high").rpartition("/")[2] in _SHARES:
        lowest, highest = max(lowest, -1.0), 1.0
    if math.isfinite(value) and lowest <= value <= highest:
        return value
    return f"version {version.version} says that {metric} is {text[:40]!r}, which it can't be"


def _hint(problems: list[str]) -> str:
    if any("carries no metric" in problem for problem in problems):
        return "Register it with `rationanomaly register`, which tags it, or take the metric out of the policy"
    if any(problem.startswith("version ") for problem in problems):
        return "Evaluate and register it again, and see who changed the version's tags"
    return "Train a better one, or change the policy in a commit of its own"


def _find(client: MlflowClient, address: str) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    name, at, alias = address.removeprefix("models:/").partition("@")
    try:
        if at:
            return client.get_model_version_by_alias(name, alias)
        name, _, version = name.partition("/")
        return client.get_model_version(name, version)
    except MlflowException as error:
        hint = "Write models:/NAME@ALIAS or models:/NAME/VERSION, and check MLFLOW_TRACKING_URI"
        raise InputError("no such registered model version", file=address, hint=hint) from error


def _holder(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    version = client.get_registered_model(name).aliases.get(alias)
    return None if version is None else client.get_model_version(name, str(version))
