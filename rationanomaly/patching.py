"""Put something else in the place of a library's function or constant, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, name: str, stand_in: object) -> Iterator[None]:
    """Inside the block ``owner`` has ``stand_in`` under ``name``, afterwards what it had before.

    Raises:
        AttributeError: it has nothing of that name.
    """
    original = getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        yield
    finally:
        setattr(owner, name, original)
