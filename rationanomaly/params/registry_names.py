"""Names of models and aliases that the MLflow registry takes, and that `models:/NAME@ALIAS` can name."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from rationanomaly.errors import is_unsafe

_LONGEST = 255
#: MLflow refuses the first two; an address or a search of the registry would take the others for its own signs.
_FORBIDDEN = "/:@?#'`\\"


def fault_of_model_name(name: str) -> str | None:
    """Why a registered model can't be called so; None if it can."""
    if not name.strip() or name != name.strip():
        return "must not be empty and not begin or end with a blank"
    if any(character in _FORBIDDEN or is_unsafe(character) for character in name):
        return f"must hold none of {' '.join(_FORBIDDEN)} and no invisible character"
    if name == "." or name.startswith(".."):
        return "must not be a relative path"
    return f"must have at most {_LONGEST} characters" if len(name) > _LONGEST else None


def fault_of_alias(alias: str) -> str | None:
    """Why a version can't have this alias; None if it can."""
    if re.fullmatch(r"[\w-]+", alias) is None:
        return "must consist of letters, digits, `_` and `-`"
    if alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias):
        return "is reserved by MLflow, as `latest` and `v1`, `v2`, … all are"
    return f"must have at most {_LONGEST} characters" if len(alias) > _LONGEST else None


def _model_name(name: str) -> str:
    return _checked(name, fault_of_model_name(name))


def _alias(alias: str) -> str:
    return _checked(alias, fault_of_alias(alias))


def _checked(value: str, fault: str | None) -> str:
    if fault is not None:
        raise PydanticCustomError("registry_name", "{fault}", {"fault": fault})
    return value


#: Of a registered model.
ModelName = Annotated[str, AfterValidator(_model_name)]
#: Of a version of a registered model.
ModelAlias = Annotated[str, AfterValidator(_alias)]
