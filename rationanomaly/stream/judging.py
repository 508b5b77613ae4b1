"""From records to lines with what is said of them; what is said of a text is worked out once for all its lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import polars as pl

from rationanomaly.signals.judged_lines import JUDGED_LINES

#: What the lines of one text have in common.
_OF_TEXT = ("message", "template", "template_id", "parameters", "answer", "score")
_PENDING = "pending"


class Said(NamedTuple):
    """What is said of a template: one of `judged_lines.LINE_ANSWERS`, and the score; None while it is pending."""

    answer: str
    score: float | None


class Texts(NamedTuple):
    """What lines have in common that have the same text.

    Attributes:
        rows: ``message``, ``template``, ``template_id``, ``parameters``, ``answer``, ``score`` of each text.
        places: for each line the row of its text.
    """

    rows: pl.DataFrame
    places: pl.Series


#: Gives ``template``, ``template_id``, ``parameters`` and ``message`` for rows of ``message``, ``message_template``.
Namer = Callable[[pl.DataFrame], pl.DataFrame]
#: Gives what is said of templates, id → text; one that is left out is pending.
Sayer = Callable[[Mapping[str, str]], Mapping[str, Said]]


def judged_lines(records: pl.DataFrame, name: Namer, say: Sayer) -> tuple[pl.DataFrame, Texts]:
    """The lines of records with their templates and what is said of them, `JUDGED_LINES`, and their texts.

    Args:
        records: columns of `reader.RECORDS`, in order.
        name: finds the templates of distinct texts, in the order in which they first appear.
        say: knows the verdicts.
    """
    if not records.height:
        nothing = JUDGED_LINES.to_frame()
        return nothing, Texts(nothing.select(_OF_TEXT), pl.Series(dtype=pl.UInt32))
    distinct, places = _distinct(records)
    named = name(distinct)
    templates = named.select("template_id", "template").unique("template_id", maintain_order=True)
    ids: list[str] = templates["template_id"].to_list()
    said = say(dict(zip(ids, templates["template"], strict=True)))
    found = [said.get(identity, _UNKNOWN) for identity in ids]
    verdicts = pl.DataFrame(
        {"template_id": ids, "answer": [one.answer for one in found], "score": [one.score for one in found]},
        schema={name: JUDGED_LINES[name] for name in ("template_id", "answer", "score")},
    )
    texts = named.join(verdicts, on="template_id", how="left", maintain_order="left").select(_OF_TEXT)
    of_lines = texts if texts.height == records.height else texts[places]
    of_records = records.select("source", "line", "time", "node", "level", "sessions")
    return of_records.hstack(of_lines).select(JUDGED_LINES.names()), Texts(texts, places)


_UNKNOWN = Said(_PENDING, None)


def _distinct(records: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The distinct texts of records, by first appearance, and for each record the place of its own."""
    messages, own = records["message"], records["message_template"]
    if own.null_count() < records.height:
        # Programs that name their templates are few, and their lines are not worth the search.
        return records.select("message", "message_template"), pl.int_range(records.height, eager=True)
    values = messages.unique(maintain_order=True)
    places = messages.cast(pl.Enum(values)).to_physical()
    return values.to_frame("message").with_columns(message_template=pl.lit(None, pl.String)), places
