"""What preset `checked` adds to the paper's reward: terms that a text can't please without saying something sound.

Each is 1 for a sound text and 0 for the worst, so that they raise what honesty is paid and leave the worst reward as it
is. What the log's words say is the rulebook's reading (`rulebook.argument`); the checks on text alone are those that a
teacher has to pass (`text.checks`).
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from functools import cache

from rationanomaly.errors import is_unsafe
from rationanomaly.rewards.sample import Sample
from rationanomaly.rulebook.argument import supported
from rationanomaly.rulebook.domains import DOMAINS, GENERAL
from rationanomaly.rulebook.signs import STOP_WORDS
from rationanomaly.text.checks import is_english, named_verdict
from rationanomaly.text.evidence import required_of, words

#: What an analysis gets that argues for neither label: less than half, since it leaves the verdict without a reason.
_NO_ARGUMENT = 0.4
#: What English gets that isn't plain prose: markup, or quotes glued to words.
_NOT_PLAIN = 0.5
#: Of a log of so many words quotes have to choose; two short ones hold so many words, whatever its length.
_WEIGHED_FROM, _SHORT_QUOTES = 6, 5
_MARKUP = re.compile(r"[<>{}\[\]|\\`#=~^$@&*]|//")
#: A masked quote that touches what stands before it, or a word or quote behind it.
_GLUED = re.compile(r'[^\s(/–—-]"…|…"\w|""')
#: A sentence that starts with a small letter, or never ends; behind "e.g." or "etc." none starts.
_NO_SENTENCE = re.compile(r"^\s*[a-z]|(?<![.\s]\w)(?<!\betc)[.!?]\s+[a-z]|[^.!?\s]\s*$")
_IDENTIFIER = re.compile(r"\w*[\d_]\w*")
_PLAIN_CHARACTERS = frozenset(string.printable)


def support(sample: Sample) -> float:
    """Whether the log's words support the signs and domains that the analysis claims (`argument.supported`).

    1: they do; ½: nothing that the rulebook knows is claimed; 0: a claim that they don't support. Range: [0, 1].
    """
    found = supported(sample.argument, sample.source.shown)
    return 0.5 if found is None else float(found)


def argument(sample: Sample) -> float:
    """1 where the analysis argues for the answer, `_NO_ARGUMENT` for neither label, 0 against it. Range: [0, 1]."""
    side = sample.argument.side
    return _NO_ARGUMENT if side is None else float(side == sample.evaluated)


def verdict_last(sample: Sample) -> float:
    """1 where nothing but the conclusion names a verdict, else 0; quotes may hold such words. Range: [0, 1]."""
    return float(named_verdict(sample.analysis) is None)


def language(sample: Sample) -> float:
    """1 for plain English prose, `_NOT_PLAIN` for English with markup or glued quotes, else 0. Range: [0, 1]."""
    if not is_english(sample.analysis):
        return 0.0
    return 1.0 if _is_plain(sample.analysis) else _NOT_PLAIN


def visible(sample: Sample) -> float:
    """1 where a reader sees every character for what it is, else 0. Range: [0, 1].

    Not so: characters of no width, marks of direction, controls (`errors.is_unsafe`), and letters that are no Latin
    ones, accents aside, but may look like them. What the log holds itself may be shown.
    """
    strange = set(sample.rationale.text).difference(sample.source.shown.text, _PLAIN_CHARACTERS)
    return float(not any(_disguises(character) for character in strange))


def weighed_evidence(sample: Sample) -> float:
    """`terms.evidence` of the quotes that carry weight.

    A quote counts that adds a word with a meaning of its own (no stop word) to those before it; as many are asked for
    as of a log of only such words. Quotes that hold more than half of a log count less, down to nothing for all of it:
    who quotes everything has found nothing. An identifier that the rulebook speaks of, a tool or a format, is not
    invented. Range: [0, 1].
    """
    found = sample.evidence
    invented = len(sample.invented - _known_identifiers()) if sample.invented else 0
    if found.required == 0:
        return float(found.grounded and not found.quotes and not invented)
    shown = sample.source.shown.text.casefold()
    log = Counter(words(shown))
    telling = set(log) - STOP_WORDS or set(log)
    taken: set[str] = set()
    quoted: Counter[str] = Counter()
    counted = weightless = 0
    quotes = dict.fromkeys(span.text.casefold() for span in found.spans)
    if shown.strip() in quotes and len(shown.split()) >= _SHORT_QUOTES:
        return 0.0
    for quote in quotes:
        held = words(quote)
        quoted += Counter(held)
        counted += bool(telling.intersection(held) - taken)
        weightless += bool(held) and telling.isdisjoint(held)
        taken.update(held)
    asked = min(found.required, required_of(len(telling)))
    claims = len(found.quotes) - weightless + invented
    return min(1.0, counted / asked) * (counted / claims if claims else 0.0) * _chosen(log, quoted)


def _chosen(log: Counter[str], quoted: Counter[str]) -> float:
    """How much was chosen: 1 up to half of the log's words (or `_SHORT_QUOTES`), falling to 0 where all are quoted."""
    total, held = log.total(), (log & quoted).total()
    if total < _WEIGHED_FROM:
        return 1.0
    free = max(total / 2, min(_SHORT_QUOTES, total - 1))
    return min(1.0, (total - held) / (total - free))


@cache
def _known_identifiers() -> frozenset[str]:
    """Words of the rulebook with a digit or an underscore."""
    texts = [text for domain in (*DOMAINS, GENERAL) for group in domain.checks.values() for text in group]
    found = {word for text in texts for word in _IDENTIFIER.findall(text.casefold())}
    return frozenset(found.union(*(domain.words for domain in DOMAINS)))


def _is_plain(analysis: str) -> bool:
    """Whether there is no markup and no shouting, sentences are sentences, and every quote stands apart from words."""
    pieces = analysis.split('"')
    prose = '"…"'.join(pieces[::2])
    if len(pieces) % 2 == 0 or _MARKUP.search(prose) or _GLUED.search(prose) or _NO_SENTENCE.search(prose):
        return False
    capitals = sum(character.isupper() for character in prose)
    return 2 * capitals <= sum(character.isalpha() for character in prose)


def _disguises(character: str) -> bool:
    """Whether a character may not be seen, or not for what it is."""
    if is_unsafe(character):
        return not character.isspace()
    return character.isalpha() and not unicodedata.normalize("NFD", character)[0].isascii()
