"""Literal quotes by construction: inside quotation marks a model can only write what stands in the log.

A small model has learnt that it must quote before it has learnt to copy. Generation is therefore constrained, as one
constrains it to a grammar: after an opening quotation mark only tokens remain that continue a span of the log that
starts with a word, and the mark can only be closed behind a whole word. No quote starts with a word that an earlier one
started with, so two quotes are never the same. Behind a quote after which no word is left to quote the sentence ends: a
model that expects a second one would promise it. Elsewhere outside quotation marks the model is free.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rationanomaly.text.evidence import words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

#: A quote may not hold more words than this.
MAX_WORDS = 6
#: Our own tokenizer's mark behind an opening quotation mark (`base.tokenizer`).
_OPENED = "\ue000"
#: What decoding gives for a character of which a token holds only some bytes.
_CUT = "\ufffd"
_START = re.compile(r"(?<![^\W_])[A-Za-z]{2,}")
#: Marks that would quote past the rule.
_OTHER_MARKS = frozenset("“”„‟«»")


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer's tokens as the texts that they add.

    Attributes:
        texts: token → text.
        by_text: text → tokens, of those without a quotation mark.
        opening: tokens that end with their only quotation mark.
        closing: tokens that start with their only quotation mark.
        mixed: other tokens with a quotation mark, typographic ones among them; they are never generated.
        stops: tokens that are a full stop.
        last_closing: of ``closing`` those behind which a full stop can follow, or which hold it.
    """

    texts: Sequence[str]
    by_text: dict[str, list[int]]
    opening: tuple[int, ...]
    closing: tuple[int, ...]
    mixed: tuple[int, ...]
    stops: tuple[int, ...]
    last_closing: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Vocabulary:
        """Read the vocabulary of a tokenizer whose tokens add the same text wherever they stand."""
        anchor = tokenizer("x", add_special_tokens=False)["input_ids"]
        start = len(tokenizer.decode(anchor))
        texts = [tokenizer.decode([*anchor, token])[start:] for token in range(len(tokenizer))]
        by_text: dict[str, list[int]] = {}
        opening, closing, mixed = [], [], []
        for token, text in enumerate(texts):
            if not _OTHER_MARKS.isdisjoint(text):
                mixed.append(token)
                # A log may hold it, and then a quote may.
                by_text.setdefault(text, []).append(token)
            elif '"' not in text:
                by_text.setdefault(text, []).append(token)
                continue
            opens, closes = text.removesuffix(_OPENED).endswith('"'), text.startswith('"')
            if text.count('"') > 1 or _CUT in text or not (opens or closes):
                mixed.append(token)
            else:
                opening += [token] if opens else []
                closing += [token] if closes and _OPENED not in text else []
        stops = tuple(token for text in (".", ". ") for token in by_text.get(text, ()))
        last_closing = tuple(token for token in closing if texts[token] in ('"', '".', '". '))
        return cls(texts, by_text, tuple(opening), tuple(closing), tuple(mixed), stops, last_closing)


class Quoting:
    """Where one completion stands: outside quotation marks, or inside, behind some text.

    Args:
        log: as the prompt shows it.
        vocabulary: of the tokenizer.
        literal: hold quotes to the log; else only follow where they begin and end.
    """

    def __init__(self, log: str, vocabulary: Vocabulary, literal: bool = True) -> None:
        self._log, self._vocabulary, self._literal = log, vocabulary, literal
        self._starts = {match.start(): match.group().casefold() for match in _START.finditer(log)}
        self._used: set[str] = set()
        self._inside: str | None = None
        self._ends_sentence = False

    @property
    def inside(self) -> bool:
        """Whether a quote is open."""
        return self._inside is not None

    def add(self, token: int) -> None:
        """Take notice of the token that was chosen."""
        text = self._vocabulary.texts[token] if token < len(self._vocabulary.texts) else ""
        before, mark, behind = text.partition('"')
        if self._inside is None:
            self._inside = behind if mark else None
        elif mark:
            found = words(self._inside + before)
            self._used |= {found[0].casefold()} if found else set()
            self._inside = None
            self._ends_sentence = not behind and not self.may_open()
            return
        else:
            self._inside += text
        self._ends_sentence = False

    @property
    def has_words(self) -> bool:
        """Whether the log holds a word that a quote could start with."""
        return bool(self._starts)

    def may_open(self) -> bool:
        """Whether there is a word left to start a quote with."""
        return not self._literal or any(word not in self._used for word in self._starts.values())

    def allowed(self) -> list[int] | None:
        """The tokens that may come next; None where any may."""
        if self._inside is None or not self._literal:
            return list(self._vocabulary.stops) or None if self._ends_sentence else None
        # Behind our own mark the first word comes with its space, as in the log.
        lead = " " if self._inside.startswith(_OPENED) else ""
        written = self._inside.removeprefix(_OPENED).removeprefix(lead)
        fresh = not self._inside.removeprefix(_OPENED)
        places = [
            at for at, word in self._starts.items() if word not in self._used and self._log.startswith(written, at)
        ]
        allowed: set[int] = set()
        full = len(written.split()) >= MAX_WORDS
        for at in places:
            behind = at + len(written)
            if not full or not self._boundary(behind):
                allowed.update(self._continuations((lead if fresh else "") + self._log[behind : behind + 40]))
            if written and self._boundary(behind):
                allowed.update(self._closing(self._starts[at]))
        # Nothing continues only if the tokenizer can't spell the log; then closing is the way out.
        return sorted(allowed) or list(self._vocabulary.closing) or None

    def _closing(self, word: str) -> Sequence[int]:
        """The tokens that may close a quote that starts with a word."""
        left = self._used | {word} < set(self._starts.values())
        return self._vocabulary.closing if left else self._vocabulary.last_closing or self._vocabulary.closing

    def _continuations(self, remaining: str) -> list[int]:
        by_text = self._vocabulary.by_text
        return [token for end in range(1, len(remaining) + 1) for token in by_text.get(remaining[:end], ())]

    def _boundary(self, at: int) -> bool:
        log = self._log
        return not (0 < at < len(log) and log[at - 1].isalnum() and log[at].isalnum()) and log[at - 1] != " "
