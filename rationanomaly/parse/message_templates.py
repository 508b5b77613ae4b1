"""Templates that a program names with its messages, such as OpenTelemetry's attribute ``log.record.template``.

Where a message is what its template says, that is its template, and nothing is mined: ``user {name} logged in`` becomes
``user <*> logged in``. A state among the values stands in the template, as it does in one that is mined, so that
``backup {result}`` never is one template of what succeeded and of what failed.
"""

from __future__ import annotations

from typing import cast

import polars as pl

from rationanomaly.parse.drain import WILDCARD
from rationanomaly.parse.masking import single_spaced
from rationanomaly.rulebook.states import state_in

#: Stands before the text of such a template in the place of a message's mask; no line holds a NUL.
_MARK = "\0="
#: Characters of a template; a longer one is none.
_LONGEST = 1000
#: ``{name}``, ``{0:x}``, ``{@object}``, ``${name}``, and those of printf.
_PLACEHOLDER = r"\$?\{[^{}]*\}|%(?:\([^()]*\))?[-+#0]*[0-9]*(?:\.[0-9]+)?[a-zA-Z]"
#: A sign that is written twice stands for itself. No line holds a NUL: with one it is put aside meanwhile.
_ESCAPED = {"{{": "\0(", "%%": "\0%"}
#: Without a word of its own a template says nothing.
_SAYS_SOMETHING = r"(?:^| )[^ <]*[A-Za-z]{2}[^ <]*(?: |$)"

_VALUES = pl.concat_list(pl.all())


def mark(records: pl.DataFrame, masks: pl.Series) -> pl.Series:
    """The masks of records; a mark takes the place of those whose messages their own template fits.

    Args:
        records: ``message``, with single spaces, and perhaps ``message_template``.
        masks: of the messages; one that begins with a NUL is a mark already, and stays.
    """
    if "message_template" not in records.columns or records["message_template"].null_count() == records.height:
        return masks
    rows = records.select("message", written="message_template").with_row_index("row")
    rows = rows.filter(pl.col("written").is_not_null() & ~masks.str.starts_with("\0"))
    texts = rows.select(pl.col("written").unique())
    texts = texts.with_columns(text=_with_wildcards(texts["written"]))
    rows = rows.join(texts.filter(_is_template(pl.col("text"))), on="written")
    marked = [
        part.select("row", mark=_MARK + _filled(part["message"], text))
        for (text,), part in rows.partition_by("text", as_dict=True).items()
    ]
    if not marked:
        return masks
    found = pl.concat(marked).drop_nulls()
    return masks.clone().scatter(found["row"], found["mark"])


def text_of(mask: str) -> str | None:
    """The text of the template that a mark stands for; None for a mask."""
    return mask.removeprefix(_MARK) if mask.startswith(_MARK) else None


def parameters(records: pl.DataFrame) -> pl.Series:
    """``parameters`` of records (``message``, ``mask``, ``parameters``), where a value may be of several words."""
    masks = records["mask"]
    if not any(mask.startswith(_MARK) for mask in cast(pl.Enum, masks.dtype).categories):
        return records["parameters"]
    # Where there are as many words, word k of the message is word k of the template.
    words = pl.col("message").str.count_matches(" ") != pl.col("text").str.count_matches(" ")
    rows = records.select("message", text=masks.cast(pl.String)).with_row_index("row")
    rows = rows.filter(pl.col("text").str.starts_with(_MARK) & words)
    found = [
        part.select("row").with_columns(
            found=_groups(part["message"], mask.removeprefix(_MARK)).select(_VALUES).to_series()
        )
        for (mask,), part in rows.partition_by("text", as_dict=True).items()
    ]
    if not found:
        return records["parameters"]
    numbered = records.select("parameters").with_row_index("row")
    together = numbered.join(pl.concat(found), on="row", how="left", maintain_order="left")
    return together.select(parameters=pl.coalesce("found", "parameters")).to_series()


def _with_wildcards(written: pl.Series) -> pl.Series:
    """Templates as they are written, with wildcards for their placeholders."""
    for escaped, aside in _ESCAPED.items():
        written = written.str.replace_all(escaped, aside, literal=True)
    # In `{{{name}}}` it is the first brace that closes the placeholder.
    written = written.str.replace_all(_PLACEHOLDER, WILDCARD).str.replace_all("}}", "}", literal=True)
    for escaped, aside in _ESCAPED.items():
        written = written.str.replace_all(aside, escaped[:1], literal=True)
    return single_spaced(written)


def _is_template(text: pl.Expr) -> pl.Expr:
    """Whether it leaves values open, and says something: one without values is found as well by mining."""
    is_short = text.str.len_bytes() <= _LONGEST
    return is_short & text.str.contains(WILDCARD, literal=True) & text.str.contains(_SAYS_SOMETHING)


def _filled(messages: pl.Series, text: str) -> pl.Series:
    """The template of each message, with the states of its values; null where it does not fit.

    Nor does it where a state stands in a value of several words, which may be any text.
    """
    values = _groups(messages, text)
    stated = _stated(values)
    words: list[pl.Expr] = []
    for place, word in enumerate(text.split(" ")):
        if WILDCARD not in word:
            words.append(pl.lit(word))
            continue
        value = pl.col(str(place))
        is_state, is_word = value.is_in(stated.implode()), ~value.str.contains(" ", literal=True)
        fits = value.is_not_null() & (is_word | ~is_state)
        words.append(pl.when(fits & is_state).then(value).when(fits).then(pl.lit(word)))
    return values.select(pl.concat_str(words, separator=" ")).to_series()


def _stated(values: pl.DataFrame) -> pl.Series:
    """Those of some values that name a state in one of their words."""
    distinct = pl.concat([values[name].rename("value") for name in values.columns]).unique().drop_nulls()
    return distinct.filter(pl.Series([any(map(state_in, value.split(" "))) for value in distinct], dtype=pl.Boolean))


def _groups(messages: pl.Series, text: str) -> pl.DataFrame:
    """What stands at the words of a template that hold a wildcard: a column for each, named by its place; null where
    the template does not fit.
    """
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if WILDCARD in word]
    parts = [_word_regex(word) for word in words]
    groups = messages.str.extract_groups(f"^(?s:{' '.join(parts)})$").struct.unnest()
    groups.columns = [str(place) for place in places]
    return groups


def _word_regex(word: str) -> str:
    parts = [pl.escape_regex(part) for part in word.split(WILDCARD)]
    return parts[0] if len(parts) == 1 else f"({'.*?'.join(parts)})"
