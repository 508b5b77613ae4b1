"""Log text on a page: escaped, with its variables marked and every invisible character made visible."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

from rationanomaly.text.prompt import WILDCARD

#: Control, format (RTL and LTR marks, zero-width), line and paragraph separators, surrogates, private, unassigned.
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")

_INVISIBLE_LETTER = Markup('<span class="invisible">U+{:04X}</span>')


def inert(text: str) -> Markup:
    """HTML that shows ``text`` and can do nothing: no markup of its own, no change of direction, no hidden letters."""
    pieces = []
    for number, part in enumerate(text.split(WILDCARD)):
        if number:
            pieces.append(Markup('<mark class="variable">&lt;*&gt;</mark>'))
        pieces.append(_visible(part))
    return Markup("").join(pieces)


def _visible(text: str) -> Markup:
    shown: list[Markup] = []
    plain: list[str] = []
    for letter in text:
        if letter != "\t" and unicodedata.category(letter) in _INVISIBLE:
            shown += [escape("".join(plain)), _INVISIBLE_LETTER.format(ord(letter))]
            plain.clear()
        else:
            plain.append(letter)
    return Markup("").join([*shown, escape("".join(plain))])
