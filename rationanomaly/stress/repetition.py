"""Rationales that say nothing: repeated reasoning, none at all, or far too much of it."""

from __future__ import annotations

from rationanomaly.text.checks import MAX_REPEATED, repeated_share, sentences, word_count
from rationanomaly.text.prompt import split_conclusion

#: From so many words on a rationale is too long to be read beside an alarm.
OVER_LONG = 120


def repetition_flags(rationale: str | None) -> dict[str, bool]:
    """What is wrong with a rationale, by rate; None is taken for an empty one.

    Returns:
        ``repetition/words``: a share of its word triples above `checks.MAX_REPEATED` repeats earlier ones;
        ``repetition/sentences``: it holds a sentence twice; ``empty_think``: it has no analysis before its conclusion;
        ``over_long``: it has `OVER_LONG` words or more. The first two only of rationales that have an analysis.
    """
    analysis, _ = split_conclusion(rationale or "")
    empty = not any(character.isalnum() for character in analysis)
    found = {"empty_think": empty, "over_long": word_count(rationale or "") >= OVER_LONG}
    if not empty:
        written = [sentence.lower() for sentence in sentences(analysis)]
        found["repetition/words"] = repeated_share(analysis) > MAX_REPEATED
        found["repetition/sentences"] = len(set(written)) < len(written)
    return found
