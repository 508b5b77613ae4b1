"""Dictionaries that are kept bounded: what came first goes first."""

from __future__ import annotations

from itertools import islice
from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def drop_oldest(values: dict[_Key, _Value], capacity: int) -> dict[_Key, _Value]:
    """Drop the first values of a dictionary that are beyond its capacity, and give them back.

    All at once: to look for the first key again and again takes longer the more were dropped before it.
    """
    if len(values) <= capacity:
        return {}
    return {key: values.pop(key) for key in list(islice(values, len(values) - capacity))}
