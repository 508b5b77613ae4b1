"""True and false are no numbers, and numbers are neither, though pydantic takes one for the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from rationanomaly.params.section import Section


class Mistaken(NamedTuple):
    """A value of the other kind.

    Attributes:
        place: the keys that lead to it.
        problem: what it must be.
        value: what it is.
    """

    place: tuple[str, ...]
    problem: str
    value: object


def mistaken(annotation: Any, value: Any, place: tuple[str, ...] = ()) -> Iterator[Mistaken]:
    """The values in a document that are true or false where a number belongs, or a number where they do.

    Args:
        annotation: of the params, or of a part of them.
        value: of the document at that place; what has another shape is left to whoever checks that.
        place: the keys that lead there.
    """
    options = _options(annotation)
    if isinstance(value, bool):
        if bool not in options and not {int, float}.isdisjoint(options):
            yield Mistaken(place, "must be a number", value)
    elif isinstance(value, int | float):
        if bool in options and {int, float}.isdisjoint(options):
            yield Mistaken(place, "must be true or false", value)
    elif isinstance(value, Mapping):
        for option in options:
            for key, inner in _fields(option, value).items():
                if key in value:
                    yield from mistaken(inner, value[key], (*place, key))
    elif isinstance(value, list | tuple):
        for option in options:
            if inner := get_args(option):
                for number, item in enumerate(value):
                    yield from mistaken(inner[0], item, (*place, str(number)))


def _fields(option: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations of a mapping's values by key, if it is of this kind."""
    if isinstance(option, type) and issubclass(option, Section):
        fields = {field.alias or name: field.annotation for name, field in option.model_fields.items()}
        kind = fields.get("kind")
        is_other = get_origin(kind) is Literal and value.get("kind") not in get_args(kind)
        return {} if is_other else fields
    inner = get_args(option)
    return dict.fromkeys(value, inner[1]) if len(inner) == 2 else {}


def _options(annotation: Any) -> list[Any]:
    """The types that an annotation lets a value have."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [option for one in get_args(annotation) for option in _options(one)]
    return [annotation]
