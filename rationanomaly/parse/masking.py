"""Masks: values in a message become ``<*>`` before it is mined.

Every mask is a regular expression for polars' Rust engine, which has no backtracking: the time is linear in the
text whatever it holds. The built-in masks are one alternation, applied in one pass; what is rare, or might look far
ahead, has a pass of its own over the few messages that hold a sign of it. The user's masks come before all.

No mask holds a blank, so word k of a message is word k of its mask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from rationanomaly.errors import ParamsError
from rationanomaly.parse.drain import WILDCARD

#: Of the built-in masks. A miner keeps that by which it has learnt, so that its templates and their ids stay.
VERSION = 2

#: An edge of an ASCII word, and a place that is none; the Unicode ones are many times slower.
EDGE, NO_EDGE = r"(?-u:\b)", r"(?-u:\B)"
_HEX, _WORD = "[0-9a-fA-F]", "[A-Za-z0-9_]"
DAY, MONTH = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

_UUID = rf"{EDGE}{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}{EDGE}"
_IP = rf"{EDGE}[0-9]{{1,3}}(?:\.[0-9]{{1,3}}){{3}}(?::[0-9]+)?{EDGE}"

#: Version 1, as it was; do not change.
MASKS_1: Mapping[str, str] = {
    "uuid": _UUID,
    "ip": _IP,
    "hex": rf"{EDGE}(?:0[xX]{_HEX}+|{_HEX}{{8,}}){EDGE}",
    "path": r"(?:/[A-Za-z0-9_.+-]+){2,}/?",
    "number": rf"{EDGE}[0-9]+(?:[.:,_-][0-9]+)*|[0-9]{{3,}}",
}


_DECIMAL = r"[0-9]+(?:\.[0-9]+)?"
_CLOCK = r"[0-9]{2}:?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?"
_ZONE = "(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
RELEASE = r"[.+~-]?(?:rc|alpha|beta|dev|SNAPSHOT|RELEASE)[.-]?[0-9]*"
_GROUP = f"{_HEX}{{1,4}}"
_IPV4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_EIGHT_GROUPS = rf"(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}:){{6}}{_IPV4}"
_SCOPE = "(?:%[A-Za-z0-9_.-]+)?"
# As long as hash codes of objects and short commit ids; without a digit it would be a word.
_SHORT_HEX = "|".join(f"[a-fA-F]{{{k}}}[0-9]{_HEX}{{{5 - k},{6 - k}}}" for k in range(6))
_LETTER, _ALNUM = "[A-Za-z]", "[A-Za-z0-9]"
_QUERY = "[A-Za-z0-9_.~%&=+,:/@-]*[A-Za-z0-9_~%&=+/-]"

#: Name → regular expression, the more particular first: at one place the first that matches wins. All are searched for
#: at once, so none may look far beyond what another one matches before it, or the time would be quadratic; and none
#: may end at an edge that a wildcard behind it makes.
MASKS: Mapping[str, str] = {
    "uuid": _UUID,
    # More than six pairs are the fingerprint of a key.
    "mac": rf"{EDGE}(?:(?:{_HEX}{{2}}[:-]){{5,}}{_HEX}{{2}}|{_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}){_WORD}*",
    "ipv6": rf"\[(?:{_EIGHT_GROUPS}){_SCOPE}\]:[0-9]+|{EDGE}(?:{_EIGHT_GROUPS})(?::[0-9]+)?{_WORD}*{_SCOPE}",
    "ip": _IP,
    "date": rf"{EDGE}(?:[0-9]{{4}}-?[0-9]{{2}}-?[0-9]{{2}}[Tt]{_CLOCK}{_ZONE}?"
    r"|(?:[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}|[0-9]{1,2}/(?:[0-9]{1,2}|[A-Z][a-z]{2})/[0-9]{4})(?:[:T_-][0-9:.,]+)?)"
    rf"{EDGE}",
    "duration": rf"{EDGE}(?:[0-9]+[dhm]){{0,3}}{_DECIMAL}(?:ns|us|µs|μs|ms|msec|s|secs?|m|mins?|h|hrs?|d){EDGE}",
    "size": rf"{EDGE}{_DECIMAL}(?:[kKmMgGtT]i?[bB]|[kKMGT]i?|[bB]|bytes){EDGE}",
    "percent": rf"{EDGE}{_DECIMAL}%{NO_EDGE}",
    "version": rf"{EDGE}[vV][0-9]+\.[0-9]+(?:[.:,_-][0-9]+)*(?:{RELEASE})?{EDGE}",
    # A name has its digits in one place, seldom in two.
    "hash": rf"{EDGE}(?:{_LETTER}*[0-9]+{_LETTER}+[0-9](?:[0-9]*{_LETTER}+[0-9]{_ALNUM}*|{_ALNUM}{{10,}})"
    rf"|{_LETTER}{{8,}}[0-9]+{_LETTER}+[0-9]+{_LETTER}{_ALNUM}*){EDGE}",
    # Before `hex`, which takes eight digits for its own whatever follows.
    "numbers": rf"{EDGE}[0-9]+(?:[.:,_-][0-9]+|_[a-z]_[0-9]+)+(?:(?:[eE][+-]?[0-9]+|{RELEASE}){EDGE})?",
    "hex": rf"{EDGE}(?:0[xX]{_HEX}+|{_HEX}{{8,}}|{_SHORT_HEX}){EDGE}",
    "path": rf"(?:/[A-Za-z0-9_.+-]+){{2,}}/?(?:\?{_QUERY})?|/[A-Za-z0-9_.+-]*\?[A-Za-z0-9_.%-]+=(?:{_QUERY})?",
    # Digits inside a word stay if they are few: ext3, ipv6 and L2 are names.
    "number": rf"{EDGE}[0-9]+(?:[eE][+-]?[0-9]+{EDGE})?|[0-9]{{3,}}(?:_(?:[a-z]_)?[0-9]+)*",
}


@dataclass(frozen=True)
class Rare:
    """A mask with a pass of its own, over the few messages that hold a sign of it.

    Attributes:
        sign: regular expression of what every match holds.
        pattern: regular expression of the value.
        behind: what has to follow it; empty: anything.
    """

    sign: str
    pattern: str
    behind: str = ""

    def mask(self, messages: pl.Series) -> pl.Series:
        """Mask the values in messages."""
        behind = f"({self.behind}|$)" if self.behind else "()"
        pattern = f"{_REST_OF_WORD}|(?:{self.pattern}){behind}"
        return _where(
            messages,
            messages.str.contains(self.sign),
            lambda some: some.str.replace_all(pattern, f"$1{WILDCARD}$2$3"),
        )


# A number masked inside a word makes edges in it, but what is left of the word is no value of its own.
_REST_OF_WORD = rf"((?:{EDGE}[A-Za-z_]{_WORD}*)?)<\*>((?:[A-Za-z_]{_WORD}*)?)"

# A group that is no word of a programming language: a::b and dead::beef are names there.
_CLEAR_GROUP = rf"(?:[0-9]{_HEX}{{0,3}}|{_HEX}[0-9]{_HEX}{{1,2}}|{_HEX}{{2}}[0-9]{_HEX}?|{_HEX}{{3}}[0-9])"
_REST = rf"(?:{_GROUP}:){{0,6}}(?:{_IPV4}|{_GROUP})"
_SHORTENED = (
    rf"{EDGE}(?:{_GROUP}:){{0,6}}{_CLEAR_GROUP}(?::{_GROUP}){{0,6}}::(?:{_REST})?"
    rf"|{EDGE}(?:{_GROUP}:){{1,6}}:(?:{_GROUP}:){{0,6}}(?:{_IPV4}|{_CLEAR_GROUP})(?::{_GROUP}){{0,6}}"
    rf"|{EDGE}(?:{_GROUP}:){{3,6}}:(?:{_REST})?"
    rf"|{NO_EDGE}::(?:[fF]{{4}}:(?:0:)?)?(?:{_IPV4}|[0-9]{_HEX}{{0,3}}(?::{_GROUP}){{0,6}})"
)
# Of base64 sixteen characters or more, in fours. Padded by one sign it holds a digit, or it would be a name and "=".
_SIX_BITS = "[A-Za-z0-9+/]"
_FOUR, _THREE = (
    "|".join(f"{_SIX_BITS}{{{k}}}[0-9]{_SIX_BITS}{{{length - 1 - k}}}" for k in range(length)) for length in (4, 3)
)
_BASE64 = "|".join(
    (
        f"(?:{_SIX_BITS}{{4}}){{3,}}(?:{_SIX_BITS}{{2}}==|(?:{_THREE})=)",
        *(
            f"(?:{_SIX_BITS}{{4}}){{{k},}}(?:{_FOUR})(?:{_SIX_BITS}{{4}}){{{2 - k},}}{_SIX_BITS}{{3}}="
            for k in range(3)
        ),
    )
)
_IN_URL, _IN_FILE = r"""[^\s"'`<>()\[\]{},;|\\^]""", r"""[^\s\\/:"<>|,;'()\[\]{}=]"""
_FILES = rf"(?:\\+{_IN_FILE}*[^\s\\/:\"<>|,;'()\[\]{{}}=.])+\\*"
#: The same for masks that would look too far ahead, need to see what follows, or are seldom met.
RARE: Mapping[str, Rare] = {
    "url": Rare("://", rf"[A-Za-z][A-Za-z0-9+]*://(?:\[[0-9A-Fa-f:.%]+\])?{_IN_URL}*{_IN_URL[:-1]}.:!?]"),
    "email": Rare(
        "@",
        r"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9-]+\.)+(?:[A-Za-z]{2,4}|local|localdomain|example)",
        "[^A-Za-z0-9_<]",
    ),
    "windows_path": Rare(
        r"\\",
        rf"(?:\\\\\?\\)?{EDGE}[A-Za-z]:{_FILES}|{EDGE}[A-Za-z]:\\+"
        rf"|{EDGE}HK(?:LM|CU|CR|U|CC|EY_[A-Z_]+){_FILES}|\\\\[A-Za-z0-9_.$-]+{_FILES}",
    ),
    "ipv6": Rare("::", rf"\[(?:{_SHORTENED}){_SCOPE}\]:[0-9]+|(?:{_SHORTENED}){_SCOPE}", "[^A-Za-z0-9_:<]"),
    "hash": Rare(":[0-9A-Za-z+/]{16}", "(?:[Ss][Hh][Aa]-?[0-9]{1,3}|[Mm][Dd]5|[Bb]lake2[bs]):[A-Za-z0-9+/]{16,}={0,2}"),
    "base64": Rare(f"{_SIX_BITS}{{14}}=", f"{EDGE}(?:{_BASE64})", r"""[\s"',;:)\]}]"""),
}
#: A message without any of these needs no pass but that of `MASKS`.
_SIGNS = r"""[@\\<]|:(?::|//|[0-9A-Za-z+/]{16})|=(?:[\s"',;:)\]}]|$)"""

#: Names in written dates, with what takes their place; `number` masks the rest of the date.
DATES: Mapping[str, str] = {
    rf"{EDGE}{DAY} {MONTH} ([0-9])": f"{WILDCARD} {WILDCARD} $1",
    rf"{EDGE}{MONTH} ([0-9])": f"{WILDCARD} $1",
}
_ANY_DATE = rf"{EDGE}{MONTH} [0-9]"
#: Characters of a word; a message is cut to ``max_words`` words and so many times as many characters.
_LONG_WORD = 32
_BUILTIN_1, _BUILTIN = "|".join(MASKS_1.values()), "|".join(MASKS.values())
_BLANKS = r"[ \t\v\f]*[\t\v\f][ \t\v\f]*|  +"


class Masker:
    """Applies the user's masks, then the built-in ones.

    Args:
        own: name → regular expression.
        max_words: of a message; of a longer one the middle is left out.
        version: of the built-in masks.

    Raises:
        ParamsError: a mask of the user's is no regular expression of the linear-time kind.
        ValueError: no such version.
    """

    def __init__(self, own: Mapping[str, str], max_words: int, version: int = VERSION) -> None:
        if version not in (1, VERSION):
            raise ValueError(f"no masks of version {version}")
        self.own, self.max_words, self.version = dict(own), max_words, version
        for name, pattern in self.own.items():
            _check(name, pattern)

    def mask(self, messages: pl.Series) -> pl.Series:
        """Messages with single spaces and their values masked; applying it twice changes nothing more."""
        return self.mask_spaced(single_spaced(messages))

    def mask_spaced(self, messages: pl.Series) -> pl.Series:
        """The same for messages that `single_spaced` has seen."""
        messages = self.cut(messages)
        special = messages.str.contains(_SIGNS).arg_true()
        masked_before = special.filter(messages.gather(special).str.contains(WILDCARD, literal=True))
        for pattern in self.own.values():
            messages = messages.str.replace_all(pattern, WILDCARD)
        messages = _where(messages, messages.str.contains(_ANY_DATE), _mask_dates)
        if self.version == 1:
            return messages.str.replace_all(_BUILTIN_1, WILDCARD)
        messages = _at(messages, special, _mask_rare)
        masked = messages.str.replace_all(_BUILTIN, WILDCARD)
        return _at(masked, masked_before, lambda _: _mask_again(messages.gather(masked_before)))

    def cut(self, messages: pl.Series) -> pl.Series:
        """Messages of which words behind the first ``max_words`` would be left out, with a wildcard for their middle.

        Both ends stay: whoever writes the beginning of a message must not push its end out of sight.
        """
        return _at(messages, self._long(messages), self._both_ends)

    def left_out(self, messages: pl.Series) -> pl.Series:
        """How many characters of each message `cut` leaves out, blanks aside."""
        long = self._long(messages)
        some = messages.gather(long)
        words, ends = (text.str.replace_all(r"\s", "").str.len_chars() for text in (some, self._both_ends(some)))
        return pl.zeros(messages.len(), pl.UInt32, eager=True).scatter(long, words - (ends - len(WILDCARD)))

    def _long(self, messages: pl.Series) -> pl.Series:
        """The places of messages that are cut."""
        # Only a message of so many bytes can have more words. A single word may be as long as a line.
        possible = (messages.str.len_bytes() >= 2 * self.max_words).arg_true()
        if not possible.len():
            return possible
        text = messages.gather(possible).str
        limit = self.max_words * _LONG_WORD
        long = (text.len_chars() > limit) | (text.count_matches(" ", literal=True) > self.max_words)
        return possible.filter(long)

    def _both_ends(self, messages: pl.Series) -> pl.Series:
        last = self.max_words // 2
        first = self.max_words - last
        room = (self.max_words * _LONG_WORD - len(f" {WILDCARD} ")) // 2
        begin = messages.str.slice(0, room).str.split(" ").list.head(first).list.join(" ")
        end = messages.str.tail(room).str.split(" ").list.tail(last).list.join(" ")
        return begin + f" {WILDCARD} " + end


def single_spaced(messages: pl.Series) -> pl.Series:
    """Messages whose words are parted by exactly one space, so that word k of a message is word k of its mask."""
    text = messages.str
    odd = text.contains("  ", literal=True) | text.contains(r"[\t\v\f]") | text.starts_with(" ") | text.ends_with(" ")
    return _where(messages, odd, lambda some: some.str.replace_all(_BLANKS, " ").str.strip_chars(" "))


def _mask_dates(messages: pl.Series) -> pl.Series:
    for pattern, replacement in DATES.items():
        messages = messages.str.replace_all(pattern, replacement)
    return messages


def _mask_rare(messages: pl.Series) -> pl.Series:
    for rare in RARE.values():
        messages = rare.mask(messages)
    return messages


def _mask_again(messages: pl.Series) -> pl.Series:
    """Mask messages that held the wildcard before; slower, as the rest of a word has to be kept."""
    return messages.str.replace_all(f"{_REST_OF_WORD}|(?:{_BUILTIN})", f"$1{WILDCARD}$2")


def _where(messages: pl.Series, mask: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Change the few messages that need it; to look is several times faster than to rewrite them all."""
    return _at(messages, mask.arg_true(), change)


def _at(messages: pl.Series, places: pl.Series, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
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
