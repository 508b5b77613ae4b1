"""Text that means harm, for every place where people are shown text of strangers."""

from __future__ import annotations

from rationanomaly.errors import is_unsafe

#: One of each kind: escape sequences of 7 and 8 bits, DEL, BEL; direction; no width; separators; a lone surrogate,
#: a tag letter, private, unassigned; a variation selector and a letter that is blank.
KINDS = (
    "\x1b[2J \x9b31m \x7f \x07 \u200e \u200f \u061c \u202e \u2066 \u2069 \u200b \u200d \u2060 \ufeff \xad"
    " \u2028 \u2029 \x85 \ud800 \U000e0041 \ue000 \u0378 \ufe0f \U000e0100 \u3164"
)
#: As a log or a file of UTF-8 can hold it.
HOSTILE = f'=cmd <script>alert("1")</script> [red]{KINDS.replace(chr(0xD800), "")} end'


def unsafe_in(text: str) -> set[str]:
    """The unsafe characters of a page or a screen but for its own line breaks."""
    return {character for character in text.replace("\n", "") if is_unsafe(character)}
