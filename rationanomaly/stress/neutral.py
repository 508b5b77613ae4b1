"""Words that say nothing of a system: what controls are made of."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

NEUTRAL: tuple[str, ...] = (
    *("a", "at", "by", "of", "on", "to", "and", "for", "its", "own", "with", "from", "side", "item", "part", "page"),
    *("green", "table", "chair", "paper", "river", "north", "garden", "window", "yellow", "summer", "bridge", "letter"),
    *("kitchen", "village", "morning", "picture", "mountain", "calendar", "notebook", "umbrella", "furniture"),
    *("landscape", "newspaper", "countryside", "photography", "neighbourhood", "afternoons"),
    *("pencil", "carpet", "orange", "violin", "museum", "teacher", "library", "weather", "daylight", "sandwich"),
    *("watercolour", "handwriting", "grandmother", "conversation", "encyclopedia", "kindergarten", "architectural"),
)


def _by_length(words: Sequence[str]) -> dict[int, tuple[str, ...]]:
    found: dict[int, list[str]] = defaultdict(list)
    for word in words:
        found[len(word)].append(word)
    return {length: tuple(ones) for length, ones in found.items()}


_BY_LENGTH = _by_length(NEUTRAL)
_LONGEST = max(_BY_LENGTH)


def word_of(length: int, rng: random.Random) -> str:
    """Neutral letters, so many; more than the longest word has are several words written as one."""
    parts = []
    while length > 0:
        size = min(length, _LONGEST)
        while size not in _BY_LENGTH:
            size -= 1
        parts.append(rng.choice(_BY_LENGTH[size]))
        length -= size
    return "".join(parts)


def control_of(text: str, rng: random.Random) -> str:
    """A text of the same length as ``text``, of neutral words of the same lengths in another order.

    What stands between the words is one space each; where white space is all there is, or more than one stands in a
    row, words stand in its place.
    """
    lengths = [len(piece) for piece in text.split()]
    missing = len(text) - sum(lengths) - max(len(lengths) - 1, 0)
    if missing == 1 and lengths:
        lengths[-1] += 1
    elif missing:
        size = missing - 1 if lengths else missing
        while size > _LONGEST:
            part = rng.randint(3, 8)
            lengths.append(part)
            size -= part + 1
        lengths.append(size)
    rng.shuffle(lengths)
    return " ".join(word_of(length, rng) for length in lengths)
