"""Names of models and aliases that the MLflow registry takes, and that `models:/NAME@ALIAS` can name."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from rationanomaly.errors import is_unsafe

#: Letters that the registry's database takes in a name.
_LONGEST = 255
#: Name of the log of a model's promotions (`register.promotion_log`) behind the model's own; and the alias that they
#: keep themselves.
LOG, PREVIOUS = ".promotions", "previous"
#: What the address of a registered model begins with.
REGISTERED = "models:/"
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
    if name.lower().endswith(LOG):
        return f"must not end in {LOG}, as the log of a model's promotions does"
    return f"must have at most {_LONGEST} characters" if len(name) > _LONGEST else None


def fault_of_alias(alias: str) -> str | None:
    """Why a version can't have this alias; None if it can."""
    if re.fullmatch(r"[\w-]+", alias) is None:
        return "must consist of letters, digits, `_` and `-`"
    if alias.lower() == "latest" or re.fullmatch(r"[vV]\d+", alias):
        return "is reserved by MLflow, as `latest` and `v1`, `v2`, … all are"
    return f"must have at most {_LONGEST} characters" if len(alias) > _LONGEST else None


def fault_of_promoted(alias: str) -> str | None:
    """Why neither a step nor a person can move this alias; None if they can."""
    kept = alias.lower() == PREVIOUS or alias.lower().startswith(f"{PREVIOUS}-")
    return f"is kept by promotions themselves, as `{PREVIOUS}` and `{PREVIOUS}-…` are" if kept else None


def fault_of_address(address: str) -> str | None:
    """Why a text that begins with ``models:/`` names no version of a registered model; None if it can."""
    name, at, alias = address.removeprefix(REGISTERED).partition("@")
    if at:
        return fault_of_model_name(name) or fault_of_alias(alias)
    name, _, version = name.partition("/")
    if re.fullmatch(r"[1-9]\d{0,8}", version, re.ASCII) is None:
        return "must be models:/NAME@ALIAS or models:/NAME/VERSION"
    return fault_of_model_name(name)


def _folder_or_address(text: str) -> str:
    return _checked(text, fault_of_address(text) if text.startswith(REGISTERED) else None)


def _model_name(name: str) -> str:
    return _checked(name, fault_of_model_name(name))


def _alias(alias: str) -> str:
    return _checked(alias, fault_of_alias(alias) or fault_of_promoted(alias))


def _checked(value: str, fault: str | None) -> str:
    if fault is not None:
        raise PydanticCustomError("registry_name", "{fault}", {"fault": fault})
    return value


#: Of a registered model.
ModelName = Annotated[str, AfterValidator(_model_name)]
#: Of a version of a registered model.
ModelAlias = Annotated[str, AfterValidator(_alias)]
#: A model folder, or a registered version as ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
ModelPlace = Annotated[str, AfterValidator(_folder_or_address)]
