"""The canonical form of a log: what it says, without the means by which a text is made to look like another one.

A model that reads a word in look-alike letters, or with letters of no width in it, has never seen that word; an
operator reads it all the same, and whoever writes into a log chooses. So before a prompt shows a log,

- letters of other widths and styles become plain ones, and letters that only look Latin become Latin in a word that
  a reader takes for a Latin one; what can't be seen is left out;
- words that are spelt out letter by letter are written together;
- marks of a chat (``<|im_end|>``, ``[INST]``, ``### Response:``) become a variable, as our own tags do in `prompt`;
- what is encoded (base64, hexadecimal, escapes) and decodes to words is named, not decoded; so are words of scripts
  that a small base can't read;
- blanks, signs and words that are repeated are folded: nothing is pushed out of sight by length.

Each character keeps the offset of what it stands for. A `Sign` says what was found, and where.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

#: Stands for a variable part of a template.
WILDCARD = "<*>"
#: Characters of a canonical form, at most.
LONGEST = 1 << 16
#: Characters of a log that are looked at at either end: all of a line as long as a source lets through by default.
_LOOKED_AT = 1 << 20
#: Stands for repeats that were left out.
FOLDED = "…"

#: What a text can be suspicious of.
Reason = Literal[
    "invisible characters",
    "look-alike letters",
    "spelt-out words",
    "chat marks",
    "encoded text",
    "foreign text",
    "padding",
    "verdict",
    "claims",
]


class Sign(NamedTuple):
    """What was found in a log.

    Attributes:
        reason: what it is.
        start, end: half-open span of the log, in characters.
    """

    reason: Reason
    start: int
    end: int


@dataclass(frozen=True)
class Canonical:
    """A log in its canonical form.

    Attributes:
        text: what it says.
        offsets: for each character of ``text`` the offset in the log of what it stands for, ascending.
        end: offset in the log behind the last character that ``text`` stands for.
        signs: what was left out, replaced or named.
    """

    text: str
    offsets: Sequence[int]
    end: int
    signs: tuple[Sign, ...] = ()

    def part(self, start: int, end: int) -> Canonical:
        """``text[start:end]`` alone."""
        behind = self.offsets[end] if end < len(self.offsets) else self.end
        return Canonical(self.text[start:end], self.offsets[start:end], behind)

    def without(self, start: int, end: int) -> Canonical:
        """The same log without ``text[start:end]``, in whose place a blank stands if it was not at an end."""
        before, behind = self.part(0, start), self.part(end, len(self.text))
        if not before.text.strip():
            return behind
        if not behind.text.strip():
            return before
        offsets = (*before.offsets, before.end, *behind.offsets)
        return Canonical(f"{before.text} {behind.text}", offsets, self.end)

    def moved(self, by: int) -> Canonical:
        """The same as part of a log in which this one begins behind so many characters."""
        signs = tuple(Sign(sign.reason, sign.start + by, sign.end + by) for sign in self.signs)
        return Canonical(self.text, [place + by for place in self.offsets], self.end + by, signs)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of the log that ``text[start:end]`` stands for."""
        return self.offsets[start], self.offsets[end] if end < len(self.offsets) else self.end


def canonical(log: str) -> Canonical:
    """The canonical form of a log, the first `LONGEST` characters of it; takes time linear in the log's length."""
    found = _form(log[:_LOOKED_AT])
    return found if len(found.text) <= LONGEST else replace(found.part(0, LONGEST), signs=found.signs)


def ends_of(log: str) -> tuple[Canonical, ...]:
    """The canonical form of a log; of an enormous one its beginning and its end, `LONGEST` characters together.

    The signs of each are those of all that was looked at.
    """
    found = _form(log[:_LOOKED_AT])
    start = max(len(log) - _LOOKED_AT, 0)
    if not start and len(found.text) <= LONGEST:
        return (found,)
    half = LONGEST // 2
    last = _form(log[start:]).moved(start) if start else found
    first_end = replace(found.part(0, half), signs=found.signs)
    return first_end, replace(last.part(max(len(last.text) - half, 0), len(last.text)), signs=last.signs)


def _form(log: str) -> Canonical:
    found = Canonical(log, range(len(log)), len(log))
    if "\x1b" in log:
        found = _with_names(found, _ESCAPED, "invisible characters", lambda _: "")
    if not log.isascii() or _CONTROL.search(found.text):
        found = _with_latin_letters(_with_plain_letters(found))
    found = _with_joined_words(found)
    for pattern, reason, name in _NAMED:
        found = _with_names(found, pattern, reason, name)
    return _without_repeats(found)


#: What a terminal takes for an order, and control characters that are no blanks.
_ESCAPED = re.compile(r"\x1b(?:\[[0-9;:?<=>]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}\x07)?")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")


# Letters -----------------------------------------------------------------------------------------------------------

#: Letters of other scripts that are drawn as Latin ones are (Unicode Technical Standard 39). The first are drawn just
#: so: a word of them alone is taken for a Latin one.
_SAME = {
    "\u0430": "a", "\u0435": "e", "\u043e": "o", "\u0440": "p", "\u0441": "c", "\u0443": "y", "\u0445": "x",
    "\u0456": "i", "\u0458": "j", "\u0455": "s", "\u0501": "d", "\u04bb": "h", "\u051b": "q", "\u051d": "w",
    "\u04cf": "l", "\u0410": "A", "\u0412": "B", "\u0415": "E", "\u041a": "K", "\u041c": "M", "\u041d": "H",
    "\u041e": "O", "\u0420": "P", "\u0421": "C", "\u0422": "T", "\u0425": "X", "\u0423": "Y", "\u0406": "I",
    "\u0408": "J", "\u0405": "S", "\u03bf": "o", "\u0391": "A", "\u0392": "B", "\u0395": "E", "\u0396": "Z",
    "\u0397": "H", "\u0399": "I", "\u039a": "K", "\u039c": "M", "\u039d": "N", "\u039f": "O", "\u03a1": "P",
    "\u03a4": "T", "\u03a5": "Y", "\u03a7": "X",
}  # fmt: skip
_ALIKE = {
    "\u043a": "k", "\u043c": "m", "\u043d": "h", "\u0442": "t", "\u03b1": "a", "\u03b9": "i", "\u03ba": "k",
    "\u03bd": "v", "\u03c1": "p", "\u03c4": "t", "\u03c5": "u", "\u03c7": "x", "\u03f2": "c", "\u03f3": "j",
    "\u0251": "a", "\u0261": "g", "\u0131": "i", "\u0578": "n", "\u057d": "u", "\u0581": "g", "\u0570": "h",
    "\u0585": "o",
}  # fmt: skip
_TO_LATIN = str.maketrans(_SAME | _ALIKE)
#: Letters that are drawn as nothing, though Unicode doesn't call them format characters.
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_WORD = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=4096)
def _plain(character: str) -> str:
    """What a character is in plain text; empty for one that can't be seen."""
    category = unicodedata.category(character)
    hidden = category in ("Cf", "Me") or character in _BLANK_LETTERS or (category == "Cc" and not character.isspace())
    if hidden or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return ""
    same = unicodedata.normalize("NFKC", character)
    return same if same != character and same.isascii() and same.isprintable() else character


def _with_plain_letters(found: Canonical) -> Canonical:
    shown: list[str] = []
    offsets: list[int] = []
    signs: list[Sign] = []
    hidden: int | None = None  # Where characters that can't be seen begin.
    controls = False
    for place, character in zip(found.offsets, found.text, strict=True):
        plain = character if " " <= character <= "~" else _plain(character)
        struck_through = bool(shown) and shown[-1].isascii() and unicodedata.combining(character)
        if struck_through or not plain:
            # A byte order mark in front is the encoding's.
            signs += [Sign("invisible characters", place, place + 1)] if place else []
            if not struck_through:
                hidden = place if hidden is None else hidden
                controls |= unicodedata.category(character) == "Cc"
            continue
        if hidden is not None:
            # Within a word they are nothing, elsewhere as good as a blank; programs part fields by control characters.
            before = shown[-1] if shown else " "
            within = before.isalpha() and plain.isalpha() if controls else before.isalnum() and plain[0].isalnum()
            if not within:
                shown.append(" ")
                offsets.append(hidden)
            hidden, controls = None, False
        if plain != character and plain.isalpha():
            signs.append(Sign("look-alike letters", place, place + 1))
        shown += plain
        offsets += [place] * len(plain)
    if hidden is not None:
        shown.append(" ")
        offsets.append(hidden)
    return Canonical("".join(shown), offsets, found.end, _joined((*found.signs, *signs)))


def _with_latin_letters(found: Canonical) -> Canonical:
    shown = list(found.text)
    signs = list(found.signs)
    has_latin = any(character.isascii() and character.isalpha() for character in shown)
    for word in _WORD.finditer(found.text):
        letters = word[0]
        mixed = any(letter.isascii() for letter in letters)
        if letters.isascii() or not (mixed or (has_latin and all(letter in _SAME for letter in letters))):
            continue
        latin = letters.translate(_TO_LATIN)
        if latin != letters:
            shown[word.start() : word.end()] = latin
            signs.append(Sign("look-alike letters", *found.span(word.start(), word.end())))
    return Canonical("".join(shown), found.offsets, found.end, _joined(signs))


def _joined(signs: Sequence[Sign]) -> tuple[Sign, ...]:
    """Signs of one kind within a few characters of each other as one."""
    joined: list[Sign] = []
    for sign in sorted(signs):
        if joined and joined[-1].reason == sign.reason and sign.start <= joined[-1].end + 8:
            joined[-1] = joined[-1]._replace(end=max(sign.end, joined[-1].end))
        else:
            joined.append(sign)
    return tuple(joined)


#: Letters each by itself, as far as they go: a search for where they end well would begin anew at each of them.
_LETTERS_APART = re.compile(r"(?<!\S)(?:[A-Za-z][ ._*-]{1,3}){4,}[A-Za-z]?")
_FEWEST_LETTERS = 5


def _with_joined_words(found: Canonical) -> Canonical:
    shown: list[str] = []
    offsets: list[int] = []
    signs: list[Sign] = []
    behind = 0
    for start, end in _spelt_out(found.text):
        kept = [place for place in range(start, end) if found.text[place].isalpha() or _parts_words(found.text, place)]
        shown += [*found.text[behind:start], *(found.text[place] for place in kept)]
        offsets += [*found.offsets[behind:start], *(found.offsets[place] for place in kept)]
        signs.append(Sign("spelt-out words", *found.span(start, end)))
        behind = end
    if not signs:
        return found
    shown += found.text[behind:]
    offsets += found.offsets[behind:]
    return Canonical("".join(shown), offsets, found.end, (*found.signs, *signs))


def _spelt_out(text: str) -> Iterator[tuple[int, int]]:
    """Spans of five letters or more, each by itself, behind which a word ends; two separators part words."""
    for run in _LETTERS_APART.finditer(text):
        start, end = run.span()
        while end > start and not (text[end - 1].isalpha() and _ends_word(text[end : end + 1])):
            end -= 1
        if sum(map(str.isalpha, text[start:end])) >= _FEWEST_LETTERS:
            yield start, end


def _ends_word(following: str) -> bool:
    return not following or following.isspace() or following in ".,;:!?"


def _parts_words(text: str, place: int) -> bool:
    """Whether the blank there stands between words, rather than between two letters of one."""
    return text[place] == " " and not text[place - 1].isalpha()


# Marks, encodings, other scripts -----------------------------------------------------------------------------------

_ROLE = r"(?:system|user|assistant|human|model|developer|tool|function|bot|ai)"
#: Marks of chat templates, and of prompts as people write them.
_CHAT = re.compile(
    r"<[|｜][^<>\n]{1,40}[|｜]>|</?(?:s|bos|eos|unk|pad|im_start|im_end|eot_id)>"
    r"|\[/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|<{1,2}/?SYS>{1,2}"
    rf"|</?(?:start|end)_of_(?:turn|text|message)>(?:\s?{_ROLE}\b)?"
    rf"|</?{_ROLE}(?:_?(?:prompt|message|turn|instructions?))?>"
    rf"|\#{{2,6}} ?(?:{_ROLE}|instructions?|response|input|output|answer|question|task|context)\b ?:?",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}={0,2}(?![A-Za-z0-9+/=_-])")
_HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])(?:0[xX])?(?:[0-9a-fA-F]{2}[ :]?){7,}[0-9a-fA-F]{2}(?![0-9A-Za-z])")
_ESCAPES = re.compile(r"(?:(?:\\[ux]|%|&\#x?)[0-9A-Fa-f]{2,6};?){6,}")
#: Letters beyond Latin and Greek, and what stands between words of them.
_OTHER_LETTER = r"[^\W\d_\u0000-\u03ff\u1e00-\u1fff\u2100-\u214f]"
_OTHER_SCRIPT = re.compile(rf"{_OTHER_LETTER}(?:[^A-Za-z<>]*{_OTHER_LETTER})*")
_READABLE = re.compile(rb"[\x20-\x7e\t\r\n]+")
_LETTERS = re.compile(rb"[A-Za-z]{3,}")


def _is_written(decoded: bytes) -> bool:
    """Whether bytes are what somebody wrote: all of them can be read, and most are letters of words."""
    letters = sum(len(word) for word in _LETTERS.findall(decoded))
    return len(decoded) >= 8 and bool(_READABLE.fullmatch(decoded)) and letters * 10 >= len(decoded) * 6


def _base64_text(token: str) -> str | None:
    body = token.rstrip("=").replace("-", "+").replace("_", "/")
    # A name of letters can always be decoded, to anything.
    try:
        decoded = base64.b64decode(body[: len(body) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return None
    return "(base64 text)" if _is_written(decoded) else None


def _hexadecimal_text(token: str) -> str | None:
    digits = re.sub(r"[ :]|^0[xX]", "", token)
    return "(hexadecimal text)" if len(digits) % 2 == 0 and _is_written(bytes.fromhex(digits)) else None


def _other_script(words: str) -> str | None:
    """The name of the script that most letters are of; None of fewer than three letters, such as a unit's."""
    letters = [letter for letter in words[:200] if letter.isalpha() and not letter.isascii()]
    names = [unicodedata.name(letter, "UNKNOWN").split(" ")[0].split("-")[0].lower() for letter in letters]
    # A word of Chinese has one character or two.
    if len(letters) < 3 and not set(names) & {"cjk", "hangul", "hiragana", "katakana"}:
        return None
    return f"({max(sorted(set(names)), key=names.count)} text)"


_Namer = Callable[[str], str | None]
_NAMED: tuple[tuple[re.Pattern[str], Reason, _Namer], ...] = (
    (_CHAT, "chat marks", lambda _: WILDCARD),
    (_BASE64, "encoded text", _base64_text),
    (_HEXADECIMAL, "encoded text", _hexadecimal_text),
    (_ESCAPES, "encoded text", lambda _: "(escaped text)"),
    (_OTHER_SCRIPT, "foreign text", _other_script),
)


def _with_names(found: Canonical, pattern: re.Pattern[str], reason: Reason, name: _Namer) -> Canonical:
    """What the pattern finds, written as its name; what has none stays."""
    replaced = ((match.start(), match.end(), name(match[0])) for match in pattern.finditer(found.text))
    return _replaced(found, reason, ((start, end, text) for start, end, text in replaced if text is not None))


def _replaced(found: Canonical, reason: Reason, places: Iterator[tuple[int, int, str]]) -> Canonical:
    """Other texts at places of this one, each of which has the offset of what it stands for."""
    shown: list[str] = []
    offsets: list[int] = []
    signs: list[Sign] = []
    behind = 0
    for start, end, text in places:
        shown += [found.text[behind:start], text]
        offsets += [*found.offsets[behind:start], *[found.offsets[start]] * len(text)]
        signs.append(Sign(reason, *found.span(start, end)))
        behind = end
    if not signs:
        return found
    return Canonical(
        "".join((*shown, found.text[behind:])),
        [*offsets, *found.offsets[behind:]],
        found.end,
        (*found.signs, *signs),
    )


# Repeats -----------------------------------------------------------------------------------------------------------

_BLANKS = re.compile(r"\s{9,}")
_SIGNS = re.compile(r"([^\w\s<>*])\1{15,}|([^\W\d_])\2{31,}")
_TOKEN = re.compile(r"\S+")
#: Words of a phrase that is repeated, at most; and how many of them have to be repeats.
_LONGEST_PHRASE, _LEAST = 64, 8


def _without_repeats(found: Canonical) -> Canonical:
    found = _with_names(found, _BLANKS, "padding", lambda _: " ")
    found = _with_names(found, _SIGNS, "padding", lambda run: run[:3])
    tokens = list(_TOKEN.finditer(found.text))
    if len(tokens) <= _LEAST:
        return found
    runs = _repeats([token[0] for token in tokens])
    places = ((tokens[first].start(), tokens[last].end(), FOLDED) for first, last in runs)
    return _replaced(found, "padding", places)


def _repeats(words: Sequence[str]) -> list[tuple[int, int]]:
    """First and last place of each run of words that only say again what stood before them, in order.

    Values are left alone: a dump of zeros is no padding.
    """
    number_of: dict[str, int] = {}
    numbers = np.array([number_of.setdefault(word, len(number_of)) for word in words])
    if len(number_of) == len(words):
        return []
    says = np.array([word != WILDCARD and not any(map(str.isdigit, word)) for word in words])
    taken = np.zeros(len(words), dtype=bool)
    found: list[tuple[int, int]] = []
    for length in range(1, min(_LONGEST_PHRASE, len(words) - _LEAST) + 1):
        same = np.concatenate([np.zeros(length, dtype=bool), numbers[length:] == numbers[:-length]]) & says & ~taken
        edges = np.flatnonzero(np.diff(same, prepend=False, append=False))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if end - start >= max(_LEAST, length):
                taken[start:end] = True
                found.append((start, end - 1))
    return sorted(found)
