"""Two things at once: the next item is made in a thread while the last one is used.

Polars and Parquet work outside Python's global lock, so two stages of a pipeline keep two cores busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final, TypeVar, cast

T = TypeVar("T")

_END: Final = object()


def prefetch(items: Iterable[T]) -> Iterator[T]:
    """The items in their order, one ahead. An error in making one is raised where the item would have come."""
    iterator = iter(items)

    def make() -> T | object:
        return next(iterator, _END)

    with ThreadPoolExecutor(max_workers=1) as pool:
        # The thread gets a copy of the context, so that progress is reported to the same listener.
        upcoming = pool.submit(copy_context().run, make)
        while (item := upcoming.result()) is not _END:
            upcoming = pool.submit(copy_context().run, make)
            yield cast(T, item)
