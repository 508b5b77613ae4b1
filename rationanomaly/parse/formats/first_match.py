"""Several regular expressions in turn: each text is taken apart by the first that matches it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

#: From so many patterns on it pays to ask first whether any of them matches.
_MANY = 4


def first_match(texts: pl.Series, stages: Sequence[Sequence[str]], names: Sequence[str]) -> pl.DataFrame:
    """The named groups of the first pattern that matches each text.

    A pattern sees only the texts that none before it matches, so that a log of one layout costs one pattern; and what
    no pattern of a stage matches passes the stage at the cost of one.

    Args:
        texts: what is taken apart; null matches nothing.
        stages: patterns of linear time, those of the first stage first; the last group of each is in every match.
        names: the groups that are wanted; a pattern may lack some.

    Returns:
        One row per text: ``pattern``, the place of the pattern among all or null where none matches, and the groups.
    """
    left = pl.DataFrame({"row": pl.int_range(texts.len(), eager=True), "text": texts})
    missing = {name: pl.lit(None, pl.String).alias(name) for name in names}
    parts, place = [], 0
    for stage in stages:
        passed, left = _without_match(left, stage)
        for number, pattern in enumerate(stage, start=place):
            if not left.height:
                break
            found = left["text"].str.extract_groups(pattern).struct.unnest()
            hit = found[found.columns[-1]].is_not_null()
            if not hit.any():
                continue
            rows = left.select("row", pattern=pl.lit(number, pl.UInt8)).hstack(found)
            columns = [pl.col(name) if name in found.columns else missing[name] for name in names]
            parts.append(rows.filter(hit).select("row", "pattern", *columns))
            left = left.filter(~hit)
        left, place = pl.concat([passed, left]), place + len(stage)
    if left.height or not parts:
        parts.append(left.select("row", pl.lit(None, pl.UInt8).alias("pattern"), *missing.values()))
    whole = parts[0] if len(parts) == 1 else pl.concat(parts).sort("row")
    return whole.drop("row")


def _without_match(left: pl.DataFrame, stage: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The texts that no pattern of the stage matches, and the others."""
    if len(stage) < _MANY or not left.height:
        return left.clear(), left
    any_of_them = "|".join(f"(?:{_without_names(pattern)})" for pattern in stage)
    hit = left["text"].str.contains(any_of_them).fill_null(False)
    return left.filter(~hit), left.filter(hit)


def _without_names(pattern: str) -> str:
    """The pattern with groups that have no names, so that it can stand beside others."""
    first, *others = pattern.split("(?<")
    return "(?:".join([first, *(other.partition(">")[2] for other in others)])
