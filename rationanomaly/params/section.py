"""What all sections of a params file have in common: unknown keys are errors, earlier names of keys are taken."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

from rationanomaly.errors import ParamsError
from rationanomaly.params.files import line_of

logger = logging.getLogger(__package__)


class Section(BaseModel):
    """One section of a params file.

    Attributes:
        renamed: earlier name of a field → its name; taken for one release, with a warning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _take_earlier_names(cls, values: Any) -> Any:
        """For documents that no params file brought here, such as the card of a model folder."""
        return rename_keys(cls, values, None, ()) if isinstance(values, dict) else values


def sections_below(section: type[Section]) -> dict[str, type[Section]]:
    """The sections right below one, by their keys in a file."""
    kinds = {field.alias or name: field.annotation for name, field in section.model_fields.items()}
    return {key: kind for key, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)}


def rename_keys(
    section: type[Section], values: Mapping[str, Any], path: Path | None, place: tuple[str, ...]
) -> dict[str, Any]:
    """The values of one section under today's names of its keys, with a warning for each earlier one.

    Args:
        section: whose keys they are.
        values: as they were given.
        path: where they were read, for the message; None: in no file.
        place: the keys that lead to the section.

    Raises:
        ParamsError: a key is given under both its names.
    """
    named: dict[str, Any] = {}
    for key, value in values.items():
        new = section.renamed.get(key)
        if new is None:
            named[key] = value
            continue
        old = ".".join((*place, key))
        line = None if path is None else line_of(path, [*place, key])
        if new in values:
            raise ParamsError(
                f"`{old}` is the earlier name of `{new}`, and both are given",
                file=path,
                line=line,
                hint=f"Keep `{new}`",
            )
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        logger.warning("%s`%s` is now called `%s`; the old name is taken for one release only", where, old, new)
        named[new] = value
    return named
