r"""Text of strangers on its way into the report: as HTML, or marked for the page's script.

The script puts text on the page as text alone. What it can't know is which characters are unsafe (`errors.is_unsafe`)
and where a quote stands, counted in characters; so both are marked here with control characters, which no text keeps:

| mark | what |
| --- | --- |
| ``\x02 HEX \x03`` | an unsafe character, by its number |
| ``\x04 … \x05`` | evidence |
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from rationanomaly.errors import is_unsafe
from rationanomaly.text.untrusted import for_html

_NAMED, _NAMED_END, _EVIDENCE, _EVIDENCE_END = "\x02", "\x03", "\x04", "\x05"
#: What could end the element that holds the data, or begin another.
_IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_CUT = " …"


def as_data(value: Any) -> Markup:
    """JSON that can stand in a ``script`` element: ASCII, without a bracket of HTML."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_IN_HTML))  # noqa: S704 - no bracket is left


def marked(text: str, evidence: Sequence[tuple[int, int]] = (), longest: int | None = None) -> str:
    """``text`` with its unsafe characters and its evidence marked for the script.

    Args:
        text: anything.
        evidence: (start, end) in characters; may overlap.
        longest: characters from which on it is cut.
    """
    pieces = []
    for piece, is_evidence in _pieces(_cut(text, longest), evidence):
        plain = piece.isascii() and piece.isprintable()
        inert = piece if plain else "".join(_named(one) if is_unsafe(one) else one for one in piece)
        pieces.append(f"{_EVIDENCE}{inert}{_EVIDENCE_END}" if is_evidence else inert)
    return "".join(pieces)


def highlighted(text: str, evidence: Sequence[tuple[int, int]] = ()) -> Markup:
    """``text`` as HTML, its evidence as ``mark``."""
    mark = Markup("<mark>{}</mark>")
    return Markup("").join(
        mark.format(for_html(piece)) if is_evidence else for_html(piece)
        for piece, is_evidence in _pieces(text, evidence)
    )


def evidence_of(row: Any) -> list[tuple[int, int]]:
    """Where in its template a prediction's quotes stand."""
    return [(int(span["start"]), int(span["end"])) for span in row.get("evidence") or ()]


def quotes_of(row: Any) -> list[tuple[int, int]]:
    """Where in its rationale the quotes stand that were found in the log."""
    found = {str(span["text"]) for span in row.get("evidence") or ()}
    return [place for place, quote in _quotes(str(row.get("rationale") or "")) if quote in found]


def quotes_in(rationale: str, log: str) -> list[tuple[int, int]]:
    """Where in a rationale the quotes stand that the log holds, letter by letter."""
    return [place for place, quote in _quotes(rationale) if quote and quote in log]


def _quotes(rationale: str) -> Iterator[tuple[tuple[int, int], str]]:
    """(start, end) of what stands between double quotes, and what that is."""
    at = 0
    for number, piece in enumerate(rationale.split('"')):
        if number % 2:
            yield (at, at + len(piece)), piece.strip()
        at += len(piece) + 1


def _pieces(text: str, evidence: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    at = 0
    for start, end in sorted(evidence):
        start, end = max(at, start), min(end, len(text))
        if start >= end:
            continue
        if start > at:
            yield text[at:start], False
        yield text[start:end], True
        at = end
    if at < len(text):
        yield text[at:], False


def _named(character: str) -> str:
    # A tab does no harm on a page, and logs are full of them.
    return character if character == "\t" else f"{_NAMED}{ord(character):04X}{_NAMED_END}"


def _cut(text: str, longest: int | None) -> str:
    return text if longest is None or len(text) <= longest else text[:longest] + _CUT
