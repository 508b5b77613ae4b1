"""Chunks of a source in batches: each is stored in one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from rationanomaly.raw_inputs import CHUNK
from rationanomaly.sources.chunk import Chunk


def batched(chunks: Iterable[Chunk | None], max_seconds: float) -> Iterator[tuple[list[Chunk], bool]]:
    """For each item of a source the batch that is due with it, empty if none is, and whether no line lies ready.

    A batch is due when it is as large as a piece of a file, when its first chunk has waited for too long, when no more
    lines lie ready, and at the end.

    Args:
        chunks: of a source; None: there are no more lines by now.
        max_seconds: longest time that a chunk waits for others.
    """
    waiting, size, since = list[Chunk](), 0, 0.0
    for chunk in chunks:
        if chunk is not None:
            since = since if waiting else time.monotonic()
            waiting.append(chunk)
            size += len(chunk.data)
        is_idle = chunk is None
        if is_idle or size >= CHUNK or time.monotonic() - since >= max_seconds:
            yield waiting, is_idle
            waiting, size = [], 0
        else:
            yield [], is_idle
    if waiting:
        yield waiting, True
