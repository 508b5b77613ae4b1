"""Masks: values in a message become ``<*>`` before it is mined.

Every mask is a regular expression for polars' Rust engine, which has no backtracking: the time is linear in the
text whatever it holds. The built-in masks are one alternation, applied in one pass; the user's own come before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from rationanomaly.errors import ParamsError
from rationanomaly.parse.drain import WILDCARD

#: An edge of an ASCII word; the Unicode one is many times slower.
EDGE = r"(?-u:\b)"

#: Name → regular expression, the more particular first: at one place the first that matches wins.
MASKS: Mapping[str, str] = {
    "uuid": rf"{EDGE}[0-9a-fA-F]{{8}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{4}}-[0-9a-fA-F]{{12}}{EDGE}",
    "ip": rf"{EDGE}[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?::[0-9]+)?{EDGE}",
    "hex": rf"{EDGE}(?:0[xX][0-9a-fA-F]+|[0-9a-fA-F]{{8,}}){EDGE}",
    "path": r"(?:/[A-Za-z0-9_.+-]+){2,}/?",
    # Digits inside a word stay if they are few: ext3, ipv6 and L2 are names.
    "number": rf"{EDGE}[0-9]+(?:[.:,_-][0-9]+)*|[0-9]{{3,}}",
}
_DAY, _MONTH = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
#: Names in written dates, with what takes their place; `number` masks the rest of the date.
DATES: Mapping[str, str] = {
    rf"{EDGE}{_DAY} {_MONTH} ([0-9])": f"{WILDCARD} {WILDCARD} $1",
    rf"{EDGE}{_MONTH} ([0-9])": f"{WILDCARD} $1",
}
_ANY_DATE = rf"{EDGE}{_MONTH} [0-9]"
#: Characters of a word; a message of ``max_words`` words is cut at so many times as many.
_LONG_WORD = 32
_BUILTIN = "|".join(MASKS.values())
_BLANKS = r"[ \t\v\f]*[\t\v\f][ \t\v\f]*|  +"


class Masker:
    """Applies the user's masks, then the built-in ones.

    Args:
        own: name → regular expression.
        max_words: of a message; what lies behind is left out.

    Raises:
        ParamsError: a mask of the user's is no regular expression of the linear-time kind.
    """

    def __init__(self, own: Mapping[str, str], max_words: int) -> None:
        self.own, self.max_words = dict(own), max_words
        for name, pattern in self.own.items():
            _check(name, pattern)

    def mask(self, messages: pl.Series) -> pl.Series:
        """Messages with single spaces and their values masked; applying it twice changes nothing more."""
        return self.mask_spaced(single_spaced(messages))

    def mask_spaced(self, messages: pl.Series) -> pl.Series:
        """The same for messages that `single_spaced` has seen."""
        messages = self._first_words(messages)
        for pattern in self.own.values():
            messages = messages.str.replace_all(pattern, WILDCARD)
        messages = _where(messages, messages.str.contains(_ANY_DATE), _mask_dates)
        return messages.str.replace_all(_BUILTIN, WILDCARD)

    def _first_words(self, messages: pl.Series) -> pl.Series:
        # Only a message of so many bytes can have more words. A single word may be as long as a line.
        limit = self.max_words * _LONG_WORD
        long = messages.str.len_bytes() >= 2 * self.max_words
        return _where(
            messages,
            long,
            lambda some: some.str.slice(0, limit).str.split(" ").list.head(self.max_words).list.join(" "),
        )


def single_spaced(messages: pl.Series) -> pl.Series:
    """Messages whose words are parted by exactly one space, so that word k of a message is word k of its mask."""
    text = messages.str
    odd = text.contains("  ", literal=True) | text.contains(r"[\t\v\f]") | text.starts_with(" ") | text.ends_with(" ")
    return _where(messages, odd, lambda some: some.str.replace_all(_BLANKS, " ").str.strip_chars(" "))


def _mask_dates(messages: pl.Series) -> pl.Series:
    for pattern, replacement in DATES.items():
        messages = messages.str.replace_all(pattern, replacement)
    return messages


def _where(messages: pl.Series, mask: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Change the few messages that need it; to look is several times faster than to rewrite them all."""
    places = mask.arg_true()
    # `scatter` works in place.
    return messages.clone().scatter(places, change(messages.gather(places))) if places.len() else messages


def _check(name: str, pattern: str) -> None:
    probe = pl.Series(["", WILDCARD])
    try:
        masked = probe.str.replace_all(pattern, WILDCARD)
    except pl.exceptions.PolarsError as error:
        problem = f"mask `{name}` is no regular expression without look-around and backreferences"
        raise ParamsError(problem, hint="Correct parse.masks") from error
    if masked.to_list() != probe.to_list():
        problem = f"mask `{name}` matches nothing at all, or the wildcard {WILDCARD} itself"
        raise ParamsError(problem, hint="Make it match the values only")
