"""BLEU and ROUGE of one text against another, on words.

Own computations, several times faster than the libraries and exactly equal to them (tests hold them against
sacrebleu 2.6 and rouge-score 0.1): a policy update scores hundreds of completions against the same few references,
so a reference is tokenised and counted once.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

#: A text counts up to here. LCS takes time in the product of both lengths, and no honest rationale is as long.
MAX_CHARACTERS = 32_768
_ORDERS = 4

_ALPHANUMERIC = re.compile(r"[a-z0-9]+")
# mteval-v13a, the language-dependent part. Each pattern looks at one or two characters: linear on any text.
_SYMBOL = re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])")
_POINT_NOT_AFTER_DIGIT = re.compile(r"([^0-9])([\.,])")
_POINT_NOT_BEFORE_DIGIT = re.compile(r"([\.,])([^0-9])")
_DASH_AFTER_DIGIT = re.compile(r"([0-9])(-)")


def rouge_tokens(text: str) -> list[str]:
    """Runs of ASCII letters and digits, lower-cased: the tokens of rouge-score without a stemmer."""
    return _ALPHANUMERIC.findall(text.lower())


def bleu_tokens(text: str) -> list[str]:
    """The tokens of mteval-v13a, lower-cased: sacrebleu's ``tokenize="13a", lowercase=True``."""
    text = text.lower().rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, character in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
            text = text.replace(entity, character)
    text = _SYMBOL.sub(r" \1 ", f" {text} ")
    text = _POINT_NOT_AFTER_DIGIT.sub(r"\1 \2 ", text)
    text = _POINT_NOT_BEFORE_DIGIT.sub(r" \1 \2", text)
    return _DASH_AFTER_DIGIT.sub(r"\1 \2 ", text).split()


@dataclass(frozen=True)
class Tokenised:
    """A text with what its overlaps need, each computed when first asked for. Holds ``MAX_CHARACTERS`` at most."""

    text: str

    @classmethod
    def of(cls, text: str) -> Tokenised:
        return cls(text[:MAX_CHARACTERS])

    @cached_property
    def rouge(self) -> list[str]:
        return rouge_tokens(self.text)

    @cached_property
    def bleu(self) -> list[str]:
        return bleu_tokens(self.text)

    @cached_property
    def bleu_ngrams(self) -> list[Counter[tuple[str, ...]]]:
        return ngrams(self.bleu)

    @cached_property
    def positions(self) -> dict[str, int]:
        """For each ROUGE token a bit mask of the places where it stands."""
        masks: dict[str, int] = {}
        for place, token in enumerate(self.rouge):
            masks[token] = masks.get(token, 0) | 1 << place
        return masks


def ngrams(tokens: Sequence[str], orders: int = _ORDERS) -> list[Counter[tuple[str, ...]]]:
    """Counts of the n-grams of orders 1 … ``orders``."""
    return [Counter(zip(*(tokens[k:] for k in range(order)), strict=False)) for order in range(1, orders + 1)]


def bleu(hypothesis: Tokenised, reference: Tokenised) -> float:
    """Sentence BLEU-4 in [0, 1] (Papineni et al., ACL 2002), effective order, NIST "exp" smoothing.

    Equal to ``sacrebleu.BLEU(lowercase=True, effective_order=True).sentence_score(h, [r]).score / 100``.
    """
    correct, total = _matches(hypothesis.bleu_ngrams, reference.bleu_ngrams)
    if not any(correct):
        return 0.0
    logarithms, smoothing = [], 1.0
    for right, all_ in zip(correct, total, strict=True):
        if all_ == 0:
            break
        if right == 0:
            smoothing *= 2
        logarithms.append(math.log(right / all_ if right else 1 / (smoothing * all_)))
    return _brevity_penalty(len(hypothesis.bleu), len(reference.bleu)) * math.exp(sum(logarithms) / len(logarithms))


def character_bleu(hypothesis: str, reference: str) -> float:
    """BLEU-4 in [0, 1] with characters as tokens and no smoothing: what the released code computes by mistake."""
    hypothesis, reference = hypothesis[:MAX_CHARACTERS], reference[:MAX_CHARACTERS]
    correct, total = _matches(ngrams(hypothesis), ngrams(reference))
    if not all(correct):
        return 0.0
    mean = sum(math.log(right / all_) for right, all_ in zip(correct, total, strict=True)) / _ORDERS
    return _brevity_penalty(len(hypothesis), len(reference)) * math.exp(mean)


def rouge_l(hypothesis: Tokenised, reference: Tokenised) -> float:
    """ROUGE-L F1 in [0, 1] (Lin, 2004), from the longest common subsequence of the tokens."""
    lengths = len(hypothesis.rouge), len(reference.rouge)
    return _f1(_common_subsequence(hypothesis.rouge, reference), *lengths)


def rouge_n(hypothesis: Tokenised, reference: Tokenised, order: int) -> float:
    """ROUGE-N F1 in [0, 1] (Lin, 2004)."""
    ours, theirs = (ngrams(side.rouge, order)[-1] for side in (hypothesis, reference))
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def _common_subsequence(tokens: Iterable[str], reference: Tokenised) -> int:
    """Length of the longest common subsequence, a bit per token of ``reference`` (Hyyrö, 2004)."""
    positions, length = reference.positions, len(reference.rouge)
    everywhere = (1 << length) - 1
    state = everywhere
    for token in tokens:
        mask = positions.get(token)
        if mask is not None:
            matched = state & mask
            state = (state + matched | state - matched) & everywhere
    return length - state.bit_count()


def _matches(
    ours: list[Counter[tuple[str, ...]]], theirs: list[Counter[tuple[str, ...]]]
) -> tuple[list[int], list[int]]:
    correct = [sum(min(a[gram], b[gram]) for gram in a.keys() & b.keys()) for a, b in zip(ours, theirs, strict=True)]
    return correct, [counts.total() for counts in ours]


def _brevity_penalty(ours: int, theirs: int) -> float:
    return 1.0 if ours >= theirs else math.exp(1 - theirs / ours)


def _f1(common: int, ours: int, theirs: int) -> float:
    return 2 * common / (ours + theirs) if common else 0.0
