"""The audit: whether anything of what is tested could have been learnt. It comes first, and a leak stops the step.

It trusts nothing that other steps say of their split but the sides themselves: similarity is measured anew, and order
is read off line numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rationanomaly.errors import GateError
from rationanomaly.text.similarity import SimilarityIndex, normalise

AUDIT = "audit.json"
_TEST = "test"
#: Characters of a template in an error.
_EXAMPLE = 80


@dataclass(frozen=True)
class Check:
    """One question of the audit.

    Attributes:
        name: a short name; ``audit/NAME`` counts what was found.
        question: in words.
        found: how many leaks; None: it makes no sense for this split.
        example: the first leak in words; empty without one.
    """

    name: str
    question: str
    found: int | None
    example: str = ""


def audit(
    labelled: pl.DataFrame,
    sessions: pl.DataFrame,
    sides: Sequence[str | None],
    near_duplicate: float,
    appears: Mapping[str, int] | None,
    tested_side: str = _TEST,
    *,
    lines_in_order: bool = True,
) -> list[Check]:
    """Ask all questions.

    Args:
        labelled: `records.LABELLED_SCHEMA`.
        sessions: `records.SESSIONS_SCHEMA`.
        sides: of each session (`session_sides`).
        near_duplicate: similarity from which on two templates count as one.
        appears: by template id, a number that orders first appearances, where templates were split by them; else None.
        tested_side: of the templates.
        lines_in_order: whether line numbers order sessions in time; those of given sessions order files.
    """
    tested = labelled.filter(pl.col("split") == tested_side)
    # What was left out of the training still has its label near: it counts as learnt.
    learnt = labelled.filter(pl.col("split") != tested_side)
    table = sessions.with_columns(side=pl.Series(list(sides), dtype=pl.String))
    return [
        _same_template(learnt, tested),
        _near_duplicates(learnt, tested, near_duplicate),
        _later_template(learnt, tested, appears),
        _later_session(table, lines_in_order),
        _same_session(table),
    ]


def require_clean(checks: Sequence[Check]) -> None:
    """Stop at the first leak.

    Raises:
        GateError: with the question, how often, and an example.
    """
    for check in checks:
        if check.found:
            hint = "Run `rationanomaly correct` again on this split; no figure of this one could be trusted"
            raise GateError(f"the test leaks ({check.name}, {check.found}): {check.example}", hint=hint)


def _same_template(learnt: pl.DataFrame, tested: pl.DataFrame) -> Check:
    both = tested.filter(pl.col("template_id").is_in(learnt["template_id"].implode()))
    example = "" if both.is_empty() else f"{both['template'][0][:_EXAMPLE]!r} is learnt and tested"
    return Check("same_template", "Is a tested template learnt from?", both.height, example)


def _near_duplicates(learnt: pl.DataFrame, tested: pl.DataFrame, threshold: float) -> Check:
    question = f"Is a near-duplicate of a tested template (similarity {threshold:g} or more) learnt from?"
    pairs = list(_near_pairs(learnt["template"].to_list(), tested["template"].to_list(), threshold))
    example = ""
    if pairs:
        one, other = pairs[0]
        example = f"{one[:_EXAMPLE]!r} is learnt, {other[:_EXAMPLE]!r} is tested"
    return Check("near_duplicate", question, len(pairs), example)


def _near_pairs(learnt: Sequence[str], tested: Sequence[str], threshold: float) -> Iterator[tuple[str, str]]:
    """(learnt, tested) texts that are alike."""
    if not learnt or not tested:
        return
    index = SimilarityIndex([*learnt, *tested])
    known, asked = {normalise(text) for text in learnt}, {normalise(text) for text in tested}
    yield from ((text, text) for text in sorted(known & asked))
    pairs = index.similar(threshold).tocoo()
    for one, other in zip(pairs.row.tolist(), pairs.col.tolist(), strict=True):
        left, right = index.texts[one], index.texts[other]
        if one != other and left in known and right in asked and not (left in asked or right in known):
            yield left, right


def _later_template(learnt: pl.DataFrame, tested: pl.DataFrame, appears: Mapping[str, int] | None) -> Check:
    """Each data set has an order of its own; a group of near-duplicates appears with its first member."""
    question = "Does a template that is learnt from first appear after one that is tested?"
    if appears is None:
        return Check("later_template", question, None)
    rows = pl.concat([learnt.with_columns(tested=False), tested.with_columns(tested=True)])
    order = pl.Series("appears", [appears[key] for key in rows["template_id"]], dtype=pl.Int64)
    groups = (
        rows.with_columns(order)
        .sort("appears")
        .group_by("group", maintain_order=True)
        .agg(pl.col("dataset", "appears", "template", "first_line").first(), pl.col("tested").any())
    )
    first = groups.filter("tested").group_by("dataset").agg(start=pl.col("appears").min())
    late = groups.filter(~pl.col("tested")).join(first, on="dataset", maintain_order="left")
    late = late.filter(pl.col("appears") > pl.col("start"))
    example = ""
    if late.height:
        example = (
            f"{late['template'][0][:_EXAMPLE]!r} first appears in line {late['first_line'][0]}, after a tested one"
        )
    return Check("later_template", question, late.height, example)


def _later_session(sessions: pl.DataFrame, lines_in_order: bool) -> Check:
    question = "Does a session that is learnt from end after one that is tested?"
    tested = sessions.filter(pl.col("side") == _TEST)
    if tested.is_empty() or not lines_in_order:
        return Check("later_session", question, None)
    end = tested["last_line"].min()
    late = sessions.filter(pl.col("side").is_in(["train", "validation"]) & (pl.col("last_line") > end))
    example = (
        "" if late.is_empty() else f"session {late['session'][0][:_EXAMPLE]!r} ends in line {late['last_line'][0]}"
    )
    return Check("later_session", question, late.height, example)


def _same_session(sessions: pl.DataFrame) -> Check:
    question = "Is a tested session learnt from?"
    names = sessions.filter(pl.col("side") == _TEST)["session"]
    both = sessions.filter(pl.col("side").is_in(["train", "validation"]) & pl.col("session").is_in(names.implode()))
    if names.is_empty():
        return Check("same_session", question, None)
    return Check("same_session", question, both.height, "" if both.is_empty() else f"session {both['session'][0]!r}")
