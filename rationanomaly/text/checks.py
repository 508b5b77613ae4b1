"""Checks on the text of a rationale alone: length, leak, contradiction, repetition, language.

What a teacher's rationale is refused for (`distill.checks`) is what a policy's is paid less for (`rewards.checked`).
All of them take linear time on any text; quotes are checked in `evidence`.
"""

from __future__ import annotations

import re
from typing import Literal

_SENTENCE_MARK = re.compile(r"[.!?](?=\s|$)")
_SENTENCE_END = re.compile(_SENTENCE_MARK.pattern + r"|\n")
_QUOTED = re.compile(r'"[^"]*(?:"|$)')
_ANSWER_WORD = re.compile(r"\b(?:ab)?normal(?:ly|ity)?\b|\banomal(?:y|ies|ous|ously)\b", re.IGNORECASE)
_NEGATION = re.compile(r"\b(?:not|no|never|nor|neither|rather|without|lack\w*|cannot|\w+n['’]t)\b", re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_]+")
#: The small words without which nobody writes English.
_FUNCTION_WORDS = frozenset(
    (
        *("a", "about", "after", "an", "and", "are", "as", "at", "be", "but", "by", "can", "does", "for", "from"),
        *("has", "have", "in", "into", "is", "it", "its", "no", "nor", "not", "of", "on", "or", "so", "such", "than"),
        *("that", "the", "then", "there", "these", "they", "this", "to", "was", "we", "what", "when", "where"),
        *("which", "while", "will", "with", "without"),
    )
)
#: Least share of Latin letters, and of function words, in English prose.
_LATIN_SHARE, _FUNCTION_WORD_SHARE = 0.9, 0.15
#: Rationales whose word triples are this much alike (Jaccard) are the same text for most purposes.
ALIKE = 0.9
#: From this share of repeated word triples on a text goes round in circles.
MAX_REPEATED = 0.2


def sentences(rationale: str) -> list[str]:
    """The sentences of a rationale with every quote masked as ``"…"``; a full stop inside a quote ends nothing."""
    pieces = rationale.split('"')
    masked = "".join(piece if number % 2 == 0 else '"…"' for number, piece in enumerate(pieces))
    return [" ".join(sentence.split()) for sentence in _SENTENCE_END.split(masked) if sentence.strip()]


def sentence_ends(rationale: str) -> list[int]:
    """Offsets behind the marks that end a sentence; behind a quotation mark without its pair all is a quote."""
    masked = _QUOTED.sub(lambda quoted: "…" * len(quoted.group()), rationale)
    return [found.end() for found in _SENTENCE_MARK.finditer(masked)]


def word_count(rationale: str) -> int:
    """Length of a rationale in words: what stands between white space."""
    return len(rationale.split())


def leaked_verdict(rationale: str) -> str | None:
    """The word of the first sentence that gives the verdict away; in a quote it may stand, for the log wrote it."""
    return named_verdict((sentences(rationale) or [""])[0])


def named_verdict(text: str) -> str | None:
    """The first word outside quotes that names a verdict; what follows an unpaired quotation mark is no quote."""
    pieces = text.split('"')
    closed = len(pieces) % 2 == 1
    found = _ANSWER_WORD.search(" ".join(pieces[::2] if closed else [*pieces[:-1:2], pieces[-1]]))
    return found.group() if found else None


def contradicts(rationale: str, label: str) -> Literal["normal", "abnormal"] | None:
    """The label that the last sentence concludes, where it is the opposite of ``label``; None where it isn't.

    A sentence that names both labels, or denies, is given the benefit of the doubt.
    """
    last = (sentences(rationale) or [""])[-1]
    stated = {match.lower() for match in re.findall(r"\b(?:ab)?normal\b", last, re.IGNORECASE)}
    if not stated or label in stated or _NEGATION.search(last):
        return None
    return "abnormal" if "abnormal" in stated else "normal"


def triples(text: str) -> list[tuple[str, ...]]:
    """The word triples of a text, lower-case, in order."""
    found = _TOKEN.findall(text.lower())
    return list(zip(found, found[1:], found[2:], strict=False))


def repeated_share(rationale: str) -> float:
    """Share of the word triples that repeat an earlier one, in [0, 1)."""
    found = triples(rationale)
    return 1 - len(set(found)) / len(found) if found else 0.0


def is_english(rationale: str) -> bool:
    """English prose: Latin letters, and the small words that English can't do without. Quotes don't count."""
    prose = " ".join(sentences(rationale))
    letters = [character for character in prose if character.isalpha()]
    found = _TOKEN.findall(prose.lower())
    latin = sum(character.isascii() for character in letters) / max(1, len(letters))
    small = sum(word in _FUNCTION_WORDS for word in found) / max(1, len(found))
    return latin >= _LATIN_SHARE and small >= _FUNCTION_WORD_SHARE
