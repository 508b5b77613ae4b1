"""Quoted spans: find them in a rationale and check them against the log.

One function decides for distill, rewards, evaluate and detect whether a rationale is grounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rationanomaly.text.prompt import Shown, is_harmless

#: What a rationale says of a log that has no words to quote.
NO_EVIDENCE = "The log holds no words, only values."

_WORD = re.compile(r"[A-Za-z]{2,}")
#: From this many words on, one quote is not enough.
_WORDS_FOR_TWO_QUOTES = 4
#: How much longer, in characters, a quote may become where it is given whole words.
_LONGEST_REST = 40


@dataclass(frozen=True)
class Span:
    """A quote that was found in the log.

    Attributes:
        text: the quote as the rationale has it.
        start: offset of its first character in the original log, in characters.
        end: offset behind its last character.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Evidence:
    """What became of a rationale's quotes.

    Attributes:
        quotes: every quote, in order.
        spans: those that stand in the log, as it was shown or as it was, with offsets into the original log.
        counted: number of distinct literal quotes that hold a word.
        required: number of such quotes that this log asks for: 0 for a log without words, else 1 or 2.
        grounded: all quotes are literal and enough of them count (a log without words: the rationale says so). Never
            of a log whose only words are of another script: no quote of them counts, and it is not without words.
    """

    quotes: tuple[str, ...]
    spans: tuple[Span, ...]
    counted: int
    required: int
    grounded: bool

    @property
    def literal_share(self) -> float:
        """Share of the quotes that are literal, in [0, 1]; 0 if nothing is quoted."""
        return len(self.spans) / len(self.quotes) if self.quotes else 0.0


def find_quotes(rationale: str) -> tuple[str, ...]:
    """The texts between pairs of straight double quotes, stripped; an unpaired last quote is left out."""
    pieces = rationale.split('"')
    closed = pieces[1 : len(pieces) - (len(pieces) % 2 == 0) : 2]
    return tuple(piece.strip() for piece in closed)


def words(text: str) -> list[str]:
    """The words of two letters or more, in order."""
    return _WORD.findall(text)


def has_other_letters(text: str) -> bool:
    """Whether a text holds letters that `words` does not know, such as those of another script."""
    return not text.isascii() and any(character.isalpha() and not character.isascii() for character in text)


def required_quotes(shown: Shown) -> int:
    """How many distinct quotes a rationale needs: 0 for a log without words, 2 from four words on, else 1."""
    return required_of(len(words(shown.text)))


def required_of(count: int) -> int:
    """How many distinct quotes a log of so many words asks for."""
    return 0 if count == 0 else 1 if count < _WORDS_FOR_TWO_QUOTES else 2


def check_evidence(rationale: str, shown: Shown) -> Evidence:
    """Check the quotes of ``rationale`` against the log as the prompt showed it, or as it was in its own case."""
    quotes = find_quotes(rationale)
    spans = []
    for quote in quotes:
        start = _find_whole(shown.text, quote)
        if start is not None:
            spans.append(Span(quote, *shown.original_span(start, start + len(quote))))
        elif (start := _find_whole(shown.original[: shown.end], quote)) is not None:
            spans.append(Span(quote, start, start + len(quote)))
    # `<*>` or one word twice must not count: a policy finds out at once that quoting pays.
    counted = len({as_shown(span, shown).casefold() for span in spans if words(span.text)})
    required = required_quotes(shown)
    enough = counted >= required if required else NO_EVIDENCE in rationale and not has_other_letters(shown.text)
    return Evidence(quotes, tuple(spans), counted, required, grounded=len(spans) == len(quotes) and enough)


def as_logged(rationale: str, shown: Shown) -> str:
    """A rationale whose quotes are spelt as the log itself spells them, where it was normalised to be shown.

    A quote that begins or ends inside a word of the log, as in ``readTimeout``, is quoted with the whole of it, as far
    as that was shown. One stays as it is where it doesn't stand in the shown log, where its word is too long to be
    given whole (`_LONGEST_REST`), or where the log has something there that `show` keeps from a prompt: a character
    that acts, a quotation mark, a verdict. So what is grounded stays grounded.
    """
    seen = shown.original[: shown.end]
    pieces = rationale.split('"')
    for place in range(1, len(pieces) - (len(pieces) % 2 == 0), 2):
        quote = pieces[place].strip()
        start = _find_whole(shown.text, quote)
        if start is not None and seen:
            span = _whole_words(seen, *shown.original_span(start, start + len(quote)))
            spelt = seen[slice(*span)].strip()
            pieces[place] = spelt if is_harmless(spelt) and _find_whole(seen, spelt) is not None else quote
    return '"'.join(pieces)


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """The span with the rest of the words that it cuts; one that would grow by more than `_LONGEST_REST` stays."""
    first, last = start, end
    while 0 < first < len(text) and _is_in_word(text[first - 1]) and _is_in_word(text[first]):
        first -= 1
    while 0 < last < len(text) and _is_in_word(text[last - 1]) and _is_in_word(text[last]):
        last += 1
    return (first, last) if end - start + _LONGEST_REST >= last - first else (start, end)


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def as_shown(span: Span, shown: Shown) -> str:
    """A quote as the prompt shows it: in another case than the log's own, maybe, and with values masked."""
    return span.text if span.text in shown.text else shown.part(span.start, span.end)


def _find_whole(text: str, quote: str) -> int | None:
    """Where ``quote`` stands in ``text`` without cutting a word in two; None if nowhere."""
    start = text.find(quote) if quote else -1
    while start >= 0:
        end = start + len(quote)
        cut_left = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
        cut_right = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
        if not (cut_left or cut_right):
            return start
        start = text.find(quote, start + 1)
    return None
