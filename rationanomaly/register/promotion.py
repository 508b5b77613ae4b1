"""Move an alias of the registry to a version that a written policy lets through.

rationanomaly promote models:/rationanomaly@candidate --to champion --policy mlflow/promotion.yaml
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import yaml
from pydantic import Field, ValidationError

from rationanomaly.errors import GateError, InputError, ParamsError
from rationanomaly.params import Section
from rationanomaly.runs import model_registry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


class Policy(Section):
    """What a version must show.

    Attributes:
        minimum: metric name, as in ``evaluate``'s metrics → smallest value that passes.
        not_worse: metric name → how much lower than the version that holds the alias now it may be.
    """

    minimum: dict[str, float]
    not_worse: dict[str, Annotated[float, Field(ge=0)]]


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
        ParamsError: no such file, not YAML, an unknown or a missing key.
    """
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ParamsError("no such policy", file=path, hint="See mlflow/promotion.yaml") from error
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        problem = f"is no promotion policy: {str(error).splitlines()[0]}"
        raise ParamsError(problem, file=path, hint="See mlflow/promotion.yaml") from error


def promote(address: str, alias: str, policy: Policy) -> Promotion:
    """Give ``alias`` to the version at ``address`` if the policy lets it.

    Args:
        address: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        alias: for example ``champion``.
        policy: what the version must show; its metrics are the tags that `register` wrote.

    Raises:
        InputError: no such model or version.
        GateError: a metric is missing or too low; the alias stays where it is.
    """
    client = model_registry.connect()
    candidate = _find(client, address)
    holder = _holder(client, candidate.name, alias)
    problems = _too_low(candidate, policy.minimum)
    if holder is not None and holder.version != candidate.version:
        limits = {metric: _metric(holder, metric) - margin for metric, margin in policy.not_worse.items()}
        problems += _too_low(candidate, limits)
    if problems:
        raise GateError(
            f"version {candidate.version} is not promoted to @{alias}: {'; '.join(problems)}",
            file=address,
            hint="Train a better one, or change the policy in a commit of its own",
        )
    client.set_registered_model_alias(candidate.name, alias, candidate.version)
    return Promotion(candidate.name, alias, str(candidate.version), str(holder.version) if holder else None)


def _too_low(version: ModelVersion, limits: dict[str, float]) -> list[str]:
    found = {metric: _metric(version, metric) for metric in limits}
    missed = {metric: limit for metric, limit in limits.items() if found[metric] < limit}
    return [f"{metric} is {found[metric]:.4g}, needed {limit:.4g}" for metric, limit in missed.items()]


def _metric(version: ModelVersion, metric: str) -> float:
    try:
        return float(version.tags[metric])
    except (KeyError, ValueError) as error:
        raise GateError(
            f"version {version.version} of {version.name} carries no metric {metric}",
            hint="Register it with `rationanomaly register`, which tags it",
        ) from error


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
