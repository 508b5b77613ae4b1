"""The reward terms and their registry.

A term is a pure function of one `Sample` with a stated, bounded range; `composition` weights and adds them. To add
one: a function here or in a file of its own, an entry in `TERMS`, a weight in params, a test.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from rationanomaly.params import AnswerCells, GroundingWeights, RewardParams
from rationanomaly.rewards.overlap import MAX_CHARACTERS, Tokenised, bleu, rouge_l
from rationanomaly.text.evidence import Evidence, check_evidence
from rationanomaly.text.prompt import Response, Shown, every_wording

_WORD = re.compile(r"\w+")
#: A run of so many words that the prompt holds too is copied, not written.
_COPIED_RUN = 3
#: An analysis has at least this share of words of its own; below it, it fades into a copy.
_OWN_SHARE = 0.3
#: Share of repeated n-grams that ordinary prose about one log line has.
_USUAL_REPETITION = 0.2
#: From this multiple of the target length on, evidence is diluted.
_DILUTED_FROM = 2.0


@dataclass(frozen=True)
class Source:
    """What a rationale is compared with; the completions of one group share it.

    Attributes:
        shown: the log as the prompt shows it.
        teacher_rationale: the teacher's rationale; None where there is none.
    """

    shown: Shown
    teacher_rationale: Tokenised | None

    @cached_property
    def log(self) -> Tokenised:
        return Tokenised.of(self.shown.text)

    @cached_property
    def prompt_runs(self) -> frozenset[tuple[str, ...]]:
        """Every run of ``_COPIED_RUN`` words of the log and of the instructions around it."""
        return frozenset(run for prompt in every_wording(self.shown) for run in _runs(_words(prompt)))


@dataclass(frozen=True)
class Sample:
    """One completion and all that a term may look at.

    Attributes:
        completion: the text as it was generated.
        response: what was read from it.
        source: log and teacher rationale.
        label: the true label, ``normal`` or ``abnormal``.
        target_words: length of a good rationale, in words between white space.
    """

    completion: str
    response: Response
    source: Source
    label: str
    target_words: int

    @cached_property
    def rationale(self) -> Tokenised:
        return Tokenised.of(self.response.rationale)

    @cached_property
    def length(self) -> int:
        """Length of the rationale in words between white space."""
        return len(self.response.rationale.split())

    @cached_property
    def words(self) -> list[str]:
        return _words(self.rationale.text)

    @cached_property
    def evidence(self) -> Evidence:
        return check_evidence(self.rationale.text, self.source.shown)

    @cached_property
    def own_share(self) -> float:
        """Share of the words that are neither quoted nor copied from the prompt, in [0, 1]; 0 without words."""
        unquoted = _words(" ".join(self.rationale.text.split('"')[::2]))
        copied = [False] * len(unquoted)
        for start, run in enumerate(_runs(unquoted)):
            if run in self.source.prompt_runs:
                copied[start : start + _COPIED_RUN] = [True] * _COPIED_RUN
        return copied.count(False) / len(self.words) if self.words else 0.0

    @property
    def originality(self) -> float:
        """1 for an analysis in words of its own, falling to 0 for a mere copy of log or prompt."""
        return min(1.0, self.own_share / _OWN_SHARE)


def answer(sample: Sample, cells: AnswerCells) -> float:
    """The cell of (true label, stated answer); METHOD: TP > TN, FN < FP < 0, invalid no more than the worst.

    Range: the five cells.
    """
    match sample.label, sample.response.stated:
        case "abnormal", "abnormal":
            return cells.true_positive
        case "normal", "normal":
            return cells.true_negative
        case "normal", "abnormal":
            return cells.false_positive
        case "abnormal", "normal":
            return cells.false_negative
    return cells.invalid


def grounding(sample: Sample, weights: GroundingWeights) -> float:
    """How firmly the rationale stands on the log: evidence and overlap, for a text that is no copy and not diluted.

    The weighted mean of `evidence`, BLEU and ROUGE-L against the log and, where there is one, against the teacher's
    rationale; times the originality, since quoting the whole log is no analysis; times (d·target/length)² for a
    rationale longer than d = 2 times the target, since among enough words some will be right. Range: [0, 1].
    """
    parts = [(weights.evidence, evidence), (weights.log_bleu, log_bleu), (weights.log_rouge, log_rouge)]
    if sample.source.teacher_rationale is not None:
        parts += [(weights.teacher_bleu, teacher_bleu), (weights.teacher_rouge, teacher_rouge)]
    used = [(weight, part(sample)) for weight, part in parts if weight > 0]
    if not used:
        return 0.0
    mean = sum(weight * value for weight, value in used) / sum(weight for weight, _ in used)
    dilution = min(1.0, _DILUTED_FROM * sample.target_words / max(1, sample.length)) ** 2
    return mean * sample.originality * dilution


def evidence(sample: Sample) -> float:
    """Share of what is claimed to stand in the log that does stand there, times the share of the quotes asked for.

    Claims are the quotes, and the identifiers outside quotes that the log does not hold. `<*>`, or a word quoted
    twice, counts once at most (`evidence.check_evidence`). A log without words: 1 if the rationale says so, else 0.
    Range: [0, 1]; 1 means grounded and nothing invented.
    """
    found = sample.evidence
    if found.required == 0:
        return float(found.grounded and not _invented(sample))
    claims = len(found.quotes) + _invented(sample)
    return min(1.0, found.counted / found.required) * (found.counted / claims if claims else 0.0)


def log_bleu(sample: Sample) -> float:
    """Sentence BLEU of the rationale against the shown log. Range: [0, 1]."""
    return bleu(sample.rationale, sample.source.log)


def log_rouge(sample: Sample) -> float:
    """ROUGE-L F1 of the rationale against the shown log. Range: [0, 1]."""
    return rouge_l(sample.rationale, sample.source.log)


def teacher_bleu(sample: Sample) -> float:
    """Sentence BLEU of the rationale against the teacher's; 0 without one. Range: [0, 1]."""
    return bleu(sample.rationale, sample.source.teacher_rationale) if sample.source.teacher_rationale else 0.0


def teacher_rouge(sample: Sample) -> float:
    """ROUGE-L F1 of the rationale against the teacher's; 0 without one. Range: [0, 1]."""
    return rouge_l(sample.rationale, sample.source.teacher_rationale) if sample.source.teacher_rationale else 0.0


def brevity(sample: Sample, width: float) -> float:
    """exp(−((length − target) / (width · target))² / 2): 1 at the target length, the same on both sides of it.

    The paper's "closeness to the target length"; the bell shape is ours. Range: (0, 1], 0 where it underflows.
    """
    distance = (sample.length - sample.target_words) / (width * sample.target_words)
    return math.exp(-min(distance * distance, 1_000.0) / 2)


def repetition(sample: Sample) -> float:
    """Penalty for saying nothing new: repeating itself, or the prompt.

    The larger of two shares, negated: repeated trigrams beyond what ordinary prose repeats (shorter n-grams for
    fewer than six words), and 1 − originality. Range: [−1, 0].
    """
    order = min(3, max(1, len(sample.words) // 2))
    runs = _runs(sample.words, order)
    repeated = 1 - len(set(runs)) / len(runs) if runs else 0.0
    looping = max(0.0, (repeated - _USUAL_REPETITION) / (1 - _USUAL_REPETITION))
    return 0.0 - max(looping, 1 - sample.originality)


@dataclass(frozen=True)
class Term:
    """A registered term: its function and its range for the given params."""

    score: Callable[[Sample, RewardParams], float]
    bounds: Callable[[RewardParams], tuple[float, float]] = lambda _: (0.0, 1.0)


#: Every term that needs no model, by the name that its weight has in params. `coherence` is scored in batches.
TERMS: Mapping[str, Term] = {
    "answer": Term(lambda sample, params: answer(sample, params.answer), lambda params: _cell_bounds(params.answer)),
    "grounding": Term(lambda sample, params: grounding(sample, params.grounding)),
    "brevity": Term(lambda sample, params: brevity(sample, params.brevity_width)),
    "repetition": Term(lambda sample, _: repetition(sample), lambda _: (-1.0, 0.0)),
}


def _cell_bounds(cells: AnswerCells) -> tuple[float, float]:
    values = cells.model_dump().values()
    return min(values), max(values)


def _words(text: str) -> list[str]:
    return _WORD.findall(text[:MAX_CHARACTERS].casefold())


def _runs(words: list[str], length: int = _COPIED_RUN) -> list[tuple[str, ...]]:
    return list(zip(*(words[k:] for k in range(length)), strict=False))


def _invented(sample: Sample) -> int:
    """Number of distinct identifiers outside quotes that the log does not hold.

    An identifier is a word with a digit or an underscore in it, as node names, error codes and numbers have; of
    ordinary words nobody can say whether they are invented.
    """
    unquoted = " ".join(sample.rationale.text.split('"')[::2])
    # Most words are letters only, which `isalpha` sees at once.
    marked = {word for word in _words(unquoted) if not word.isalpha()}
    identifiers = {word for word in marked if "_" in word or any(c.isdigit() for c in word)}
    return len(identifiers.difference(_words(sample.source.shown.text))) if identifiers else 0
