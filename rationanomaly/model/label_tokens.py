"""Where two tokenised texts part: with one label and with the other, that is the token which tells the label."""

from __future__ import annotations

from collections.abc import Sequence


def first_difference(one: Sequence[int], other: Sequence[int]) -> int | None:
    """The first place at which the tokens differ; None where one text is the beginning of the other."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), None)
