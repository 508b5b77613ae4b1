"""Types and numbers of parameters: what stands at the wildcards of templates, so that numeric ones can be watched.

A line keeps the words at its template's wildcards, the template keeps their types: of the values that masks took out
those of the masks. What a type's numbers are is worked out when they are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.parse.drain import WILDCARD
from rationanomaly.parse.masking import DAY, MASKS, MONTH, RARE, RELEASE

#: The type of what no mask matches, and of what has no type in common.
TEXT, MIXED = "text", "mixed"
#: The types of which `number_of` makes numbers.
NUMERIC = ("number", "duration", "size", "percent")

_PAIRS, _FOURS = "[0-9a-fA-F]{2}[:-]", r"[0-9a-fA-F]{4}\."
_DECIMAL = r"[0-9]+(?:\.[0-9]+)?"
_THOUSANDS = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"
#: Type → what a whole value of it matches. The first that matches tells: eight digits are a number before all.
TYPES: Mapping[str, str] = {
    "uuid": MASKS["uuid"],
    "url": RARE["url"].pattern,
    "email": RARE["email"].pattern,
    "mac": f"(?:{_PAIRS}){{5}}[0-9a-fA-F]{{2}}|(?:{_FOURS}){{2}}[0-9a-fA-F]{{4}}",
    "fingerprint": f"(?:{_PAIRS}){{6,}}[0-9a-fA-F]{{2}}",
    "ipv6": f"{MASKS['ipv6']}|{RARE['ipv6'].pattern}",
    "ip": MASKS["ip"],
    "date": f"{MASKS['date']}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{DAY}|{MONTH}",
    "time": r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?",
    "duration": f"[+-]?(?:{MASKS['duration']})",
    "size": f"[+-]?(?:{MASKS['size']})",
    "percent": f"[+-]?(?:{MASKS['percent']})",
    "number": rf"[+-]?(?:{_DECIMAL}(?:[eE][+-]?[0-9]{{1,3}})?|{_THOUSANDS})",
    "version": rf"{MASKS['version']}|[0-9]+(?:\.[0-9]+)+{RELEASE}|[0-9]+(?:\.[0-9]+){{2,}}",
    "hex": MASKS["hex"],
    "path": MASKS["path"],
    "windows_path": RARE["windows_path"].pattern,
    "base64": RARE["base64"].pattern,
    "hash": f"{RARE['hash'].pattern}|{MASKS['hash']}",
    # Numbers with other signs between them: of a task, a process, a range.
    "identifier": f"{MASKS['numbers']}|{MASKS['number']}",
}
_SECONDS = {
    "ns": 1e-9,
    "(?:us|µs|μs)": 1e-6,
    "(?:ms|msec)": 1e-3,
    "(?:s|secs?)": 1.0,
    "(?:m|mins?)": 60.0,
    "(?:h|hrs?)": 3600.0,
    "d": 86400.0,
}
_NONE: Mapping[str, str] = {}
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


def type_of(values: pl.Series, own: Mapping[str, str] = _NONE) -> pl.Series:
    """The type of each value: a name of ``own`` or of `TYPES`, else `TEXT`; null for null.

    Args:
        values: strings; see `values_in`.
        own: the user's masks, name → regular expression; they come before the built-in ones.
    """
    column = pl.col("value")
    types = pl.lit(TEXT)
    for name, pattern in reversed(_patterns(own).items()):
        types = pl.when(column.str.contains(pattern)).then(pl.lit(name)).otherwise(types)
    return values.to_frame("value").select(pl.when(column.is_not_null()).then(types)).to_series()


def number_of(values: pl.Series) -> pl.Series:
    """The numbers that values are, as Float64: durations in seconds, sizes in bytes, numbers and percentages as such.

    ``kB`` are 1000 bytes and ``KiB`` 1024, whatever the case of the letters. Null for values of other types.
    """
    column, kind = pl.col("value"), pl.col("type")
    sign = pl.when(column.str.starts_with("-")).then(-1.0).otherwise(1.0)
    plain = column.str.replace_all(",", "", literal=True).str.strip_chars_end("%").cast(pl.Float64, strict=False)
    seconds = pl.sum_horizontal(
        _leading(column, f"({_DECIMAL}){unit}(?:[0-9]|$)") * factor for unit, factor in _SECONDS.items()
    )
    prefix = column.str.extract(f"{_DECIMAL}([kKmMgGtT])").str.to_lowercase()
    power = prefix.replace_strict(_POWERS, default=0, return_dtype=pl.Float64)
    base = pl.when(column.str.contains("i", literal=True)).then(1024.0).otherwise(1000.0)
    numbers = (
        pl.when(kind.is_in(["number", "percent"]))
        .then(plain)
        .when(kind == "duration")
        .then(sign * seconds)
        .when(kind == "size")
        .then(sign * _leading(column, f"({_DECIMAL})") * base.pow(power))
    )
    return pl.DataFrame({"value": values, "type": type_of(values)}).select(numbers.alias(values.name)).to_series()


def values_in(word: str, words: pl.Series) -> pl.Series:
    """What stands at the wildcard of a template's word in the words that a line has there.

    Args:
        word: such as ``time=<*>,``; of several wildcards, the values are what stands from the first to the last.
        words: such as ``time=12ms,``, of one place of ``parameters``.
    """
    before, behind = _around(word)
    return words.str.strip_prefix(before).str.strip_suffix(behind)


def parameter_types(
    templates: Sequence[str], parameters: Sequence[Sequence[Sequence[str | None]]], own: Mapping[str, str] = _NONE
) -> list[list[str]]:
    """The type of each parameter of templates, from their examples.

    Args:
        templates: texts.
        parameters: of each example of each template, as in `records.TEMPLATES_SCHEMA`.
        own: see `type_of`.

    Returns:
        for each template one type for each of its words with a wildcard: the one that all examples have in common,
        else `MIXED`, or `TEXT` where none has any.
    """
    places = [[word for word in template.split(" ") if WILDCARD in word] for template in templates]
    types = [[TEXT] * len(words) for words in places]
    values = _distinct_values(places, parameters)
    patterns = _patterns(own)
    matches = values.with_columns(
        pl.col("value").str.contains(pattern).alias(f"={name}") for name, pattern in patterns.items()
    )
    of_all = matches.group_by("row", "place").agg(
        pl.col(f"={name}" for name in patterns).all(),
        pl.any_horizontal(f"={name}" for name in patterns).any().alias("any"),
    )
    kind = pl.when("any").then(pl.lit(MIXED)).otherwise(pl.lit(TEXT))
    for name in reversed(patterns):
        kind = pl.when(f"={name}").then(pl.lit(name)).otherwise(kind)
    for row, place, found in of_all.select("row", "place", kind).iter_rows():
        types[row][place] = found
    return types


def _distinct_values(
    places: Sequence[Sequence[str]], parameters: Sequence[Sequence[Sequence[str | None]]]
) -> pl.DataFrame:
    """``row`` of the template, ``place`` of the parameter and ``value``, each once."""
    rows = [
        (row, place, *_around(words[place]), value)
        for row, (words, examples) in enumerate(zip(places, parameters, strict=True))
        for example in examples
        for place, value in enumerate(example[: len(words)])
        if value is not None
    ]
    schema = {"row": pl.Int64, "place": pl.Int64, "before": pl.String, "behind": pl.String, "value": pl.String}
    value = pl.col("value").str.strip_prefix(pl.col("before")).str.strip_suffix(pl.col("behind"))
    return pl.DataFrame(rows, schema=schema, orient="row").select("row", "place", value).unique()


def _around(word: str) -> tuple[str, str]:
    """What stands before and behind the wildcards of a template's word."""
    return word[: word.index(WILDCARD)], word[word.rindex(WILDCARD) + len(WILDCARD) :]


def _leading(column: pl.Expr, pattern: str) -> pl.Expr:
    return column.str.extract(pattern).cast(pl.Float64, strict=False).fill_null(0.0)


def _patterns(own: Mapping[str, str]) -> dict[str, str]:
    """What whole values match, by type; the user's come first."""
    return {name: f"^(?:{pattern})$" for name, pattern in {**own, **TYPES, **own}.items()}
