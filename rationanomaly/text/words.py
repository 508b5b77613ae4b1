"""The words of an escaped log, as a small model reads them: lower-case, no camelCase, numbers as one wildcard."""

from __future__ import annotations

from rationanomaly.text.canonical import WILDCARD


def normalise(
    characters: list[str], offsets: list[int], behind: int, max_words: int
) -> tuple[list[str], list[int], int]:
    """Lower-case, split into words and write numbers as `WILDCARD`; takes time linear in the characters.

    Args:
        characters: of an escaped log, each of them one character.
        offsets: of each character, ascending.
        behind: the offset behind the last one.
        max_words: words that are kept.

    Returns:
        The characters of the words, one blank between two of them; the offset of each; the offset behind the last.
    """
    shown: list[str] = []
    sources: list[int] = []

    def put(text: str, source: int) -> None:
        shown.extend(text)
        sources.extend([source] * len(text))

    words = 0
    for start, end, glued in _runs(characters):
        run = "".join(characters[start:end])
        if words == max_words:
            behind = offsets[start]
            break
        if shown and shown[-1] != " " and (not glued or run.isspace()):
            put(" ", offsets[start])
        if run.isspace():
            continue
        words += 1
        if run == WILDCARD or _is_number(run):
            put(WILDCARD, offsets[start])
            continue
        for position in range(start, end):
            # Lower-casing can lengthen a character (İ); only the first one keeps spans simple.
            put(characters[position].lower()[:1], offsets[position])
    while shown and shown[-1] == " ":
        shown.pop()
        behind = sources.pop()
    return shown, sources, behind


def word_places(text: str) -> list[tuple[int, int]]:
    """Where the words of a shown text stand, as ``PromptParams.max_words`` counts them: marks are words, too."""
    return [(start, end) for start, end, _ in _runs(list(text)) if not text[start].isspace()]


def _runs(characters: list[str]) -> list[tuple[int, int, bool]]:
    """Cut into runs ``(start, end, glued)``: wildcards, hexadecimal and decimal numbers, camelCase parts, spaces and
    single other characters. ``glued`` runs stand without a space before them."""
    runs: list[tuple[int, int, bool]] = []
    position, length = 0, len(characters)
    while position < length:
        start, character = position, characters[position]
        position += 1
        if character == "<":  # Only a wildcard can hold one: `_escape` replaced all others.
            position += 2
        elif character.isspace():
            while position < length and characters[position].isspace():
                position += 1
        elif character.isascii() and character.isalnum():
            while position < length and characters[position].isascii() and characters[position].isalnum():
                position += 1
            runs += _word_parts(characters, start, position)
            continue
        elif character.isalnum():
            while position < length and not characters[position].isascii() and characters[position].isalnum():
                position += 1
        runs.append((start, position, not (character.isalnum() or character == "<")))
    return runs


def _word_parts(characters: list[str], start: int, end: int) -> list[tuple[int, int, bool]]:
    """Split one run of letters and digits, unless all of it is a hexadecimal number."""
    if _is_number("".join(characters[start:end])):
        return [(start, end, False)]
    cuts = [start]
    for position in range(start + 1, end):
        left, here = characters[position - 1], characters[position]
        next_lower = position + 1 < end and characters[position + 1].islower()
        if (
            left.isdigit() != here.isdigit()
            or (left.islower() and here.isupper())
            or (left.isupper() and here.isupper() and next_lower)
        ):
            cuts.append(position)
    return [(a, b, False) for a, b in zip(cuts, [*cuts[1:], end], strict=True)]


def _is_number(run: str) -> bool:
    if run.isdigit():
        return True
    body = run[2:] if run[:2] in ("0x", "0X") else run
    hexadecimal = bool(body) and all(c in "0123456789abcdefABCDEF" for c in body)
    return hexadecimal and ((body is not run and len(run) > 2) or (len(run) >= 4 and any(c.isdigit() for c in run)))
