"""Choose what to quote from a log: what happened and what it happened to, as short spans of whole words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rationanomaly.rulebook.domains import Domain
from rationanomaly.rulebook.signs import ACTIVITIES, FAULTS, STOP_WORDS, Reading
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.evidence import required_quotes, words
from rationanomaly.text.prompt import Shown

_RUN = re.compile(r"[^\W_]+")
#: What makes ``can`` ``can't``; normalising puts a space behind the apostrophe.
_CONTRACTED = re.compile(r"['’] ?t(?![^\W_])", re.IGNORECASE)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
#: A wildcard, or a run that holds a digit; searched from the start of a run only, so in linear time.
_VALUE = re.compile(r"<\*>|(?<![^\W_])[^\W\d_]*\d")
#: Longest quote, in words: of what happened with what it happened to; of anything else.
_LONGEST_EVENT, _LONGEST = 6, 3
#: So many words with a meaning are quoted behind the sign: an object with its first attribute.
_OBJECT_WORDS = 2
_FAILURES = frozenset(word for sign in FAULTS for word in sign.words)
#: Words that tell that something happened rather than to what.
_REMARKS = _FAILURES.union(("warning", "warn", "info", "notice", "debug"), *(sign.words for sign in ACTIVITIES))
#: What ends a phrase.
_BREAK = re.compile(r"[,;:()\[\]=!?|]|\. ")
#: Words that say nothing without what comes behind them.
_LEADING = frozenset(
    (
        *("no", "not", "cannot", "to", "could", "unable", "bad", "illegal", "invalid", "unknown", "unexpected"),
        *("missing", "uncorrectable", "unrecoverable", "uncorrected", "spurious", "premature", "wrong", "undefined"),
        *("unsupported", "critical", "fatal", "longer"),
    )
)
#: What may stand between the words of a failure.
_WIDE_GAPS = (" ", f" {WILDCARD} ", "/", "/ ")
#: Words that ask for what could not be done.
_HEADS = frozenset(("cannot", "can", "could", "unable", "failed", "fails", "failure"))
_AUXILIARIES = frozenset(
    ("does", "do", "did", "is", "are", "was", "were", "has", "have", "had", "could", "would", "should", "must")
)
#: A quote of these would give the verdict away where it is to be reasoned out.
_VERDICT_WORDS = ("normal", "anomal")
_COPULAS = frozenset(("is", "are", "was", "were", "be", "been"))


@dataclass(frozen=True)
class Token:
    """A run of letters and digits in a shown log, ``[start, end)``; ``can't`` is one.

    Attributes:
        text: the run, up to an apostrophe.
        start: offset in the shown log.
        end: behind it, and behind the rest of a contraction.
        parts: its lower-case words, camelCase taken apart and a contraction written out: ``cannot``, ``did``, ``not``.
    """

    text: str
    start: int
    end: int
    parts: tuple[str, ...]

    @classmethod
    def of(cls, log: str, start: int, end: int) -> Token:
        """The token at ``[start, end)`` of a shown log, with the rest of a contraction behind it."""
        text = log[start:end]
        contracted = _CONTRACTED.match(log, end)
        written_out = _written_out(text.lower()) if contracted else None
        if contracted and written_out:
            return cls(text, start, contracted.end(), written_out)
        return cls(text, start, end, tuple(part.lower() for part in _PART.findall(text) if len(part) > 1))


def _written_out(stem: str) -> tuple[str, ...] | None:
    """The words of a contraction, from what stands before its apostrophe; None if it is none."""
    if stem in ("can", "won"):
        return ("cannot",) if stem == "can" else ("will", "not")
    return (stem[:-1], "not") if stem.endswith("n") and stem[:-1] in _AUXILIARIES else None


@dataclass(frozen=True)
class Text:
    """A shown log cut into tokens.

    Attributes:
        shown: the log.
        tokens: those that hold a word, in order; they can be quoted, for a quote must not cut through letters.
        words: their lower-case words, and an empty one where punctuation parts two of them.
        places: for each of the words the place of its token.
        values: number of its numbers and variable parts.
    """

    shown: Shown
    tokens: tuple[Token, ...]
    words: tuple[str, ...]
    places: tuple[int, ...]
    values: int

    @classmethod
    def of(cls, shown: Shown) -> Text:
        """Cut up a shown log."""
        runs = (match.span() for match in _RUN.finditer(shown.text) if words(match.group()))
        tokens = tuple(Token.of(shown.text, start, end) for start, end in runs)
        parts: list[tuple[str, int]] = []
        for place, token in enumerate(tokens):
            if place and _BREAK.search(shown.text, tokens[place - 1].end, token.start):
                parts.append(("", place))
            parts += [(part, place) for part in token.parts]
        values = len(_VALUE.findall(shown.text))
        return cls(shown, tokens, tuple(part for part, _ in parts), tuple(place for _, place in parts), values)

    def quote(self, span: range) -> str:
        """The log from the first to the last token of ``span``, as it stands there."""
        return self.shown.text[self.tokens[span.start].start : self.tokens[span.stop - 1].end]

    def gap(self, place: int) -> str:
        """What stands between the tokens at ``place`` and ``place + 1``."""
        return self.shown.text[self.tokens[place].end : self.tokens[place + 1].start]


def choose_quotes(text: Text, reading: Reading, domain: Domain) -> tuple[str, ...]:
    """One or two spans: none for a log without words, two wherever two are to be had.

    The first is what happened, where the words tell of something, and the second the part that is named beside it, or
    else how a failure was coped with. No two start with the same word unless the log has only one.
    """
    required = required_quotes(text.shown)
    if not required:
        return ()
    spans = [] if reading.span is None else [_event(text, reading, domain, required)]
    if any(_is_verdict(text.tokens[place]) for span in spans for place in span):
        spans = []
    eased = _eased(text, reading)
    if eased is not None and spans and not any(place in spans[0] for place in eased):
        return (text.quote(spans[0]), text.quote(eased))
    for place in _ranked(text, domain, spans, reading.tone != "plain"):
        if len(spans) == 2:
            break
        enough = len(spans) >= required and _weight(text.tokens[place], domain) < 2
        if enough or any(place in span for span in spans) or _starts_alike(text, place, spans):
            continue
        span = _object(text, place, domain, spans)
        spans.append(range(place, place + 1) if _starts_alike(text, span.start, spans) else span)
    quotes = [text.quote(span) for span in spans]
    return tuple(quotes) if len(quotes) >= required else (*quotes, _another(text, quotes))


def easing_quote(text: Text, reading: Reading) -> str | None:
    """The words that say how a failure was coped with; None where none do, or where they give a verdict away."""
    eased = _eased(text, reading)
    return None if eased is None else text.quote(eased)


def _eased(text: Text, reading: Reading) -> range | None:
    """The tokens of the easing."""
    if reading.easing_span is None:
        return None
    found = [text.places[place] for place in reading.easing_span]
    eased = range(found[0], found[-1] + 1)
    return None if any(_is_verdict(text.tokens[place]) for place in eased) else eased


def _another(text: Text, quotes: Sequence[str]) -> str:
    """A quote for a log with one word over and over: a longer span of it than the one that was taken."""
    taken = {quote.casefold() for quote in quotes}
    spans = (range(first, first + length) for length in (1, 2, 3) for first in range(len(text.tokens) - length + 1))
    return next(quote for quote in map(text.quote, spans) if quote.casefold() not in taken)


def _event(text: Text, reading: Reading, domain: Domain, required: int) -> range:
    """The tokens of a sign with what makes them clear: ``parity error``, ``failed to renew lease``, ``opened port``."""
    found = [text.places[place] for place in reading.span or ()]
    sign = range(found[0], found[-1] + 1)
    eased = _eased(text, reading) or range(0)
    words = text.tokens[sign.start].parts
    leads = (len(sign) > 1 and words and words[0] in _HEADS) or _last_word(text.tokens[sign.stop - 1]) in _LEADING
    if reading.tone == "plain" or leads:
        # What was done, or could not be, with what it was done to.
        wider = _widened(text, sign, 1, _OBJECT_WORDS, eased)
        wider = wider if wider != sign else _widened(text, sign, -1, 1, eased)
    elif len(sign) >= _LONGEST:
        wider = sign
    else:
        wider = _widened(text, sign, -1, 1, eased)
        wider = wider if wider != sign or eased else _widened(text, sign, 1, 1, eased)
    # A second quote should find a word with a meaning, too, and half of a log is no choice.
    while wider != sign and (len(wider) > _most(text) or not _leaves_enough(text, wider, domain, required)):
        wider = range(min(wider.start + (wider.start < sign.start), sign.start), wider.stop - (wider.stop > sign.stop))
    return _trimmed(text, wider, sign)


def _most(text: Text) -> int:
    """Of how many tokens the event's quote may be: half of them, and four of a few."""
    return min(_LONGEST_EVENT, max(_LONGEST + 1, len(text.tokens) // 2))


def _leaves_enough(text: Text, span: range, domain: Domain, required: int) -> bool:
    left = (token for place, token in enumerate(text.tokens) if place not in span)
    return required < 2 or any(_weight(token, domain) for token in left)


def _trimmed(text: Text, span: range, sign: range) -> range:
    """``span`` without words at its ends that have no meaning of their own, down to the sign."""
    start, stop = span.start, span.stop
    while stop > sign.stop and not _is_content(text.tokens[stop - 1]):
        stop -= 1
    while start < sign.start and not _is_content(text.tokens[start]):
        start += 1
    return range(start, stop)


def _widened(text: Text, span: range, step: int, count: int, kept_out: range) -> range:
    """``span`` grown to one side, by ``count`` words with a meaning of their own and what stands between.

    To the left it grows over ``is``, to the right over any words without a meaning of their own, up to one that has.
    """
    grown = wider = span
    gained = 0
    while gained < count and len(wider) < _LONGEST_EVENT:
        near = wider.stop if step == 1 else wider.start - 1
        if not 0 <= near < len(text.tokens) or near in kept_out:
            break
        if text.gap(min(near, near - step)) not in _WIDE_GAPS:
            break
        token = text.tokens[near]
        wider = range(min(near, wider.start), max(near + 1, wider.stop))
        if _is_content(token):
            grown = wider
            gained += 1
        elif step == -1 and (gained or _last_word(token) not in _COPULAS):
            break
    return grown


def _last_word(token: Token) -> str:
    return token.parts[-1] if token.parts else ""


def _object(text: Text, place: int, domain: Domain, taken: Sequence[range]) -> range:
    """The token at ``place`` with neighbours that belong to its name: ``service card``, ``node map file``."""
    first = last = place
    for step in (1, -1):
        while last - first + 1 < _LONGEST:
            near = (last if step == 1 else first) + step
            if not 0 <= near < len(text.tokens) or any(near in span for span in taken):
                break
            token = text.tokens[near]
            if text.gap(min(near, near - step)) != " " or _weight(token, domain) < 2 or _is_remark(token):
                break
            first, last = min(first, near), max(last, near)
    return range(first, last + 1)


def _ranked(text: Text, domain: Domain, taken: Sequence[range], failed: bool) -> Iterator[int]:
    """The places of all tokens, the most telling first; among equals those near to what ``failed``, else the first."""
    anchor = taken[0].start if taken and failed else 0
    yield from sorted(
        range(len(text.tokens)),
        key=lambda place: (
            not text.tokens[place].text.isalpha(),
            -_weight(text.tokens[place], domain),
            abs(place - anchor),
        ),
    )


def _weight(token: Token, domain: Domain) -> int:
    """How much a token tells about the part that a log is about: 0 for nothing to 3 for a word of its domain."""
    parts = [part for part in token.parts if part not in STOP_WORDS]
    if _is_verdict(token):
        return 0
    if not parts or any(part in _FAILURES for part in parts):
        return min(1, len(parts))
    if any(part in domain.words for part in parts):
        return 3
    return 2 if max(map(len, parts)) > 2 and not _is_remark(token) else 1


def _is_verdict(token: Token) -> bool:
    return any(word in part for part in token.parts for word in _VERDICT_WORDS)


def _is_content(token: Token) -> bool:
    return not _is_verdict(token) and token.text.isalpha() and any(part not in STOP_WORDS for part in token.parts)


def _is_remark(token: Token) -> bool:
    return any(part in _REMARKS for part in token.parts)


def _starts_alike(text: Text, place: int, spans: Sequence[range]) -> bool:
    return any(text.tokens[span.start].text.casefold() == text.tokens[place].text.casefold() for span in spans)
