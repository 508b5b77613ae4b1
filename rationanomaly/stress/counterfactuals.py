"""Counterfactuals: whether a verdict hangs on what its rationale quotes.

Of an alarm three texts are made: without the words that the rationale quotes, without as many of the words that it
does not quote, drawn at random, and with the quotes alone. An alarm hangs on its evidence if the first lowers the
log-odds of abnormal by `cases.LEAST_FALL`; if the second does as much, any words would have done.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rationanomaly.stress.cases import Case, fell, flipped, is_abnormal
from rationanomaly.stress.judging import Tested

_WORD = re.compile(r"[^\W_]{2,}")

QUOTES_MATTER = "counterfactual/quotes_matter"
RANDOM_WORDS_MATTER = "counterfactual/random_words_matter"
QUOTES_SUFFICE = "counterfactual/quotes_suffice"


@dataclass(frozen=True)
class Texts:
    """What is made of a template.

    Attributes:
        without_quotes: the rest of it.
        without_random_words: without as many words that are not quoted; None where fewer than that are not.
        quotes: these alone, in order.
    """

    without_quotes: str
    without_random_words: str | None
    quotes: str


def counterfactual_cases(alarms: Sequence[Tested], rows: int, seed: int) -> Iterator[Case]:
    """The three texts of each alarm with quotes, of so many.

    Rates: ``counterfactual/quotes_matter``, ``…/random_words_matter`` and ``…/quotes_suffice``; and of the first two,
    whether the answer itself changes: ``…/quotes_flip``, ``…/random_words_flip``.
    """
    quoting = [alarm for alarm in alarms if alarm.quotes]
    for alarm in quoting[:rows]:
        texts = make_texts(alarm.template, alarm.quotes, seed)
        without, others = texts.without_quotes, texts.without_random_words
        name = "counterfactual/without quotes"
        yield Case((QUOTES_MATTER,), name, without, fell, "a lower score", alarm, fails_if=False)
        yield Case(("counterfactual/quotes_flip",), name, without, flipped, "normal", alarm, fails_if=False)
        if others is not None:
            name = "counterfactual/without other words"
            yield Case((RANDOM_WORDS_MATTER,), name, others, fell, "as before", alarm)
            yield Case(("counterfactual/random_words_flip",), name, others, flipped, "as before", alarm)
        name = "counterfactual/quotes alone"
        yield Case((QUOTES_SUFFICE,), name, texts.quotes, is_abnormal, "abnormal", alarm, fails_if=False)


def make_texts(template: str, quotes: Sequence[tuple[int, int]], seed: int = 0) -> Texts:
    """What is judged of a template whose rationale quotes these spans, half-open and in characters."""
    quoted = [any(start <= place < end for start, end in quotes) for place in range(len(template))]
    words = [word.span() for word in _WORD.finditer(template)]
    others = [(start, end) for start, end in words if not any(quoted[start:end])]
    wanted = len(words) - len(others)
    rng = random.Random(f"{seed}/{template!a}")  # noqa: S311 - draws no secret
    drawn = rng.sample(others, wanted) if wanted <= len(others) else None
    return Texts(
        _squeezed("".join(character for character, inside in zip(template, quoted, strict=True) if not inside)),
        None if drawn is None else _without(template, drawn),
        " ".join(template[start:end] for start, end in sorted(quotes)),
    )


def _without(template: str, spans: Sequence[tuple[int, int]]) -> str:
    kept = list(template)
    for start, end in spans:
        kept[start:end] = [""] * (end - start)
    return _squeezed("".join(kept))


def _squeezed(text: str) -> str:
    return " ".join(text.split())
