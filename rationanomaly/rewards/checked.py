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
from itertools import pairwise

from rationanomaly.errors import is_unsafe
from rationanomaly.rewards.sample import Sample
from rationanomaly.rulebook.domains import DOMAINS
from rationanomaly.rulebook.signs import FAULTS, STOP_WORDS
from rationanomaly.rulebook.support import support as borne_out
from rationanomaly.rulebook.support import telling_words
from rationanomaly.text.checks import is_english, named_verdict, sentences
from rationanomaly.text.evidence import as_shown, required_of, words

#: What an analysis gets that argues for neither label: less than half, since it leaves the verdict without a reason.
_NO_ARGUMENT = 0.4
#: What English gets that isn't plain prose: markup, or quotes glued to words.
_NOT_PLAIN = 0.5
#: Of a log of so many words quotes have to choose; two short ones hold so many words, whatever its length.
_WEIGHED_FROM, _SHORT_QUOTES = 6, 5
#: What quotes count that hold nothing of what happened.
_BESIDE_THE_POINT = 0.6
#: So many pairs of words that can't follow each other make a text no English.
_SALAD = 2
_MARKUP = re.compile(r"[<>{}\[\]|\\`#~^$@&*]|//|(?<![A-Z])=")
#: A masked quote that touches what stands before it, or a word or quote behind it.
_GLUED = re.compile(r'[^\s(/–—-]"…|…"\w|""')
#: A sentence that starts with a small letter, or never ends; behind "e.g." or "etc." none starts.
_NO_SENTENCE = re.compile(r"^\s*[a-z]|(?<![.\s]\w)(?<!\betc)[.!?]\s+[a-z]|[^.!?\s]\s*$")
_IDENTIFIER = re.compile(r"\w*[\d_]\w*")
#: Misspellings of the verdicts, and words made of them.
_MISSPELT = re.compile(r"\b(?:[a-z]*normal[a-z]*|[a-z]*anom[aeiou]l[a-z]*)")
_LOOKALIKE = str.maketrans("01345@$", "oieasas")
#: What a log is called that is a fault or none.
_GOOD_OR_BAD = (
    r"(?:good|bad|fine|ok|okay|alright|right|wrong|healthy|unhealthy|faulty|sick|harmless|benign|innocent|guilty|clean|"
    r"suspicious|dangerous|alarming|safe|unsafe|critical|fault|faults|problem|problems|trouble|alarm|alarms|alert|"
    r"incident|outlier|positive|negative)"
)
_IS = r"(?:is|was|are|looks|seems|appears|sounds|counts|means|signals|shows)"
_JUDGED_LOG = re.compile(rf"\b(?:log|line|entry|message|record) (?:itself )?{_IS} (?:[a-z]+ ){{0,2}}?{_GOOD_OR_BAD}\b")
#: In a first sentence, "It is clearly a fault", "No alarm: …", "A faulty line …".
_JUDGED_FIRST = re.compile(
    rf"^(?:[a-z]+,? )?(?:this|it|that|here|all|everything|we|there) (?:{_IS}|have|has|see) (?:[a-z]+ ){{0,3}}?"
    rf"{_GOOD_OR_BAD}\b"
    rf"|^(?:(?:no|an?|clear|clearly|false|true) )*(?:{_GOOD_OR_BAD}|failure|error|routine|danger|defect)\s?[:!–—-]"
    rf"|\bverdict\b"
)
_DETERMINERS = frozenset(("a", "an", "the", "its", "their", "every"))
_LINKS = frozenset(("of", "to", "and", "or", "but", "from", "with", "into", "that", "which", "because", "if", "than"))
_AUXILIARY = frozenset(("can", "could", "may", "might", "must", "will", "would", "should"))
_FINITE = _AUXILIARY | frozenset(("is", "are", "was", "were", "has", "have", "had", "does", "did", "do"))
_PREPOSITIONS = frozenset(("of", "into", "from", "with"))
_NO_NOUNS = frozenset(("it", "not", "they", "we", "he", "she", "there", "then", "so", "as", "be", "been"))
_DOUBLED = frozenset(("to", "of", "and", "or", "is", "it", "not", "in"))
_LAST_OF_NONE = frozenset(("a", "an", "the", "and", "or", "but", "its", "their", "because", "if"))
#: Words with what is hyphenated to them, quotes, and what parts them.
_UNIT = re.compile(r"[^\W_]+(?:[-'’/][^\W_]+)*|[^\w\s]")
#: A sentence of nothing but quotes and marks.
_LISTED = re.compile(r'(?:"…"|and|or|with|plus|[^\w"])+')
_PLAIN_CHARACTERS = frozenset(string.printable)


def support(sample: Sample) -> float:
    """Whether the log's words support the signs and domains that the analysis claims (`support.support`).

    1: they do; ½: nothing is claimed that the rulebook knows and that tells this log from others; 0: a claim that they
    don't support. Range: [0, 1].
    """
    return borne_out(sample.argument, sample.source.shown)


def argument(sample: Sample) -> float:
    """1 where the analysis argues for the answer, `_NO_ARGUMENT` for neither label, 0 against it. Range: [0, 1]."""
    side = sample.argument.side
    return _NO_ARGUMENT if side is None else float(side == sample.evaluated)


def verdict_last(sample: Sample) -> float:
    """1 where nothing but the conclusion names a verdict, else 0; quotes may hold such words. Range: [0, 1].

    A verdict is named by its own words, however they are spelt, by calling the log as a whole good or bad, and in the
    first sentence by saying that it is a fault or none.
    """
    if named_verdict(sample.analysis) is not None:
        return 0.0
    found = [_folded(sentence) for sentence in sentences(sample.analysis)]
    judged = any(_MISSPELT.search(sentence) or _JUDGED_LOG.search(sentence) for sentence in found)
    return float(not judged and not any(_JUDGED_FIRST.search(sentence) for sentence in found[:1]))


def language(sample: Sample) -> float:
    """1 for plain English prose, `_NOT_PLAIN` for English with markup or glued quotes, else 0. Range: [0, 1].

    Words in no order are no English: small words that can't follow each other. Nor is a list of quotes plain prose.
    """
    slips = _slips(sample.analysis) if is_english(sample.analysis) else _SALAD
    if slips >= _SALAD:
        return 0.0
    return 1.0 if not slips and _is_plain(sample.analysis) else _NOT_PLAIN


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
    invented. Where words of the log say what happened, as the rulebook knows, and none of them is quoted, the quotes
    count `_BESIDE_THE_POINT`. Range: [0, 1].
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
    quotes = dict.fromkeys(as_shown(span, sample.source.shown).casefold() for span in found.spans)
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
    events = telling_words(sample.source.shown)
    pointed = 1.0 if events.isdisjoint(telling) or events & taken else _BESIDE_THE_POINT
    return min(1.0, counted / asked) * (counted / claims if claims else 0.0) * _chosen(log, quoted) * pointed


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
    texts = [text for domain in DOMAINS for group in domain.checks.values() for text in group]
    texts += (text for sign in FAULTS for text in sign.checks)
    found = {word for text in texts for word in _IDENTIFIER.findall(text.casefold())}
    return frozenset(found.union(*(domain.words for domain in DOMAINS)))


def _folded(text: str) -> str:
    """Lower-case letters without accents and hyphens, look-alike digits among letters as letters."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(one))
    bare = re.sub(r"(?<=[a-z])[-\u00ad\u2010\u2011](?=[a-z])", "", bare)
    return re.sub(r"(?<=[a-z])[01345@$](?=[a-z])", lambda found: found.group().translate(_LOOKALIKE), bare)


def _slips(analysis: str) -> int:
    """How many pairs of neighbouring words can't follow each other in English, whatever is said."""
    found = 0
    for sentence in sentences(analysis):
        units = _UNIT.findall(sentence.lower())
        found += sum(_is_slip(one, other) for one, other in pairwise(units))
        found += bool(units) and units[-1] in _LAST_OF_NONE
    return found


def _is_slip(one: str, other: str) -> bool:
    if one in _DETERMINERS:
        return other in _FINITE or other in _LINKS or other in _DETERMINERS or other in _NO_NOUNS
    if one in _PREPOSITIONS:
        return other in _FINITE
    if one in _AUXILIARY:
        return other in _FINITE - {"do", "have"} or other in _DETERMINERS or other in _PREPOSITIONS
    return one == other and one in _DOUBLED


def _is_plain(analysis: str) -> bool:
    """Whether there is no markup and no shouting, sentences are sentences, and every quote stands apart from words."""
    if any(_LISTED.fullmatch(sentence) for sentence in sentences(analysis)):
        return False
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
