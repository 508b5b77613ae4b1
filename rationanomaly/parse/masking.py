"""Masks: values in a message become ``<*>`` before it is mined.

Every mask is a regular expression for polars' Rust engine, which has no backtracking: the time is linear in the
text whatever it holds. The built-in masks are one alternation, applied in one pass; the user's own come before.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from rationanomaly.errors import ParamsError
from rationanomaly.parse.drain import WILDCARD

#: An edge of an ASCII word; the Unicode one is many times slower.
_EDGE = r"(?-u:\b)"

_BLANKS = r" *[\t\v\f][ \t\v\f]*|  +"

_DAY, _MONTH = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

#: Names in written dates, with what takes their place; `number` masks the rest of the date.
DATES: Mapping[str, str] = {
    rf"{_EDGE}{_DAY} {_MONTH} ([0-9])": f"{WILDCARD} {WILDCARD} $1",
    rf"{_EDGE}{_MONTH} ([0-9])": f"{WILDCARD} $1",
}

#: Name → regular expression, the more particular first: at one place the first that matches wins.
MASKS: Mapping[str, str] = {
    "uuid": rf"{_EDGE}[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}{_EDGE}",
    "ip": rf"{_EDGE}[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?::[0-9]+)?{_EDGE}",
    "hex": rf"{_EDGE}(?:0[xX][0-9a-fA-F]+|[0-9a-fA-F]{{8,}}){_EDGE}",
    "path": r"(?:/[A-Za-z0-9_.+-]+){2,}/?",
    # Digits inside a word stay if they are few: ext3, ipv6 and L2 are names.
    "number": rf"{_EDGE}[0-9]+(?:[.:,_-][0-9]+)*|[0-9]{{3,}}",
}


class Masker:
    """Applies the user's masks, then the built-in ones.

    Raises:
        ParamsError: a mask of the user's is no regular expression of the linear-time kind.
    """

    def __init__(self, own: Mapping[str, str], max_words: int) -> None:
        self.own, self.max_words = dict(own), max_words
        self._builtin = "|".join(MASKS.values())
        for name, pattern in self.own.items():
            _check(name, pattern)

    def mask(self, messages: pl.Expr) -> pl.Expr:
        """Messages with single spaces and values masked; applying it twice changes nothing more."""
        messages = single_spaced(messages).map_batches(self._first_words, return_dtype=pl.String)
        for pattern in self.own.values():
            messages = messages.str.replace_all(pattern, WILDCARD)
        for pattern, replacement in DATES.items():
            messages = messages.str.replace_all(pattern, replacement)
        return messages.str.replace_all(self._builtin, WILDCARD)

    def _first_words(self, messages: pl.Series) -> pl.Series:
        # Only a message of so many bytes can have more words; hardly any has.
        long = (messages.str.len_bytes() >= 2 * self.max_words).arg_true()
        if not long.len():
            return messages
        return messages.scatter(long, messages.gather(long).str.split(" ").list.head(self.max_words).list.join(" "))


def single_spaced(messages: pl.Expr) -> pl.Expr:
    """Messages whose words are parted by exactly one space, so that word k of a message is word k of its mask."""
    return messages.str.replace_all(_BLANKS, " ").str.strip_chars(" ")


def _check(name: str, pattern: str) -> None:
    probe = pl.Series(["", WILDCARD])
    try:
        masked = probe.str.replace_all(pattern, WILDCARD)
    except pl.exceptions.PolarsError as error:
        problem = f"mask `{name}` is no regular expression without look-around and backreferences"
        raise ParamsError(problem, mend="Correct parse.masks") from error
    if masked.to_list() != probe.to_list():
        problem = f"mask `{name}` matches nothing at all, or the wildcard {WILDCARD} itself"
        raise ParamsError(problem, mend="Make it match the values only")
