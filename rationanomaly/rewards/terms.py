"""The reward terms and their registry: those of the paper here, those that preset `checked` adds in `checked`.

A term is a pure function of one `Sample` with a stated, bounded range; `composition` weights and adds them. To add
one: a function here or in a file of its own, an entry in `TERMS`, a weight in params, a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rationanomaly.params import AnswerCells, GroundingWeights, RewardParams
from rationanomaly.rewards import checked
from rationanomaly.rewards.overlap import bleu, rouge_l
from rationanomaly.rewards.sample import Sample, runs
from rationanomaly.rewards.variety import variety

#: Share of repeated n-grams that ordinary prose about one log line has.
_USUAL_REPETITION = 0.2
#: From this multiple of the target length on, evidence is diluted.
_DILUTED_FROM = 2.0


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


def grounding(sample: Sample, weights: GroundingWeights, weigh_quotes: bool = False) -> float:
    """How firmly the rationale stands on the log: evidence and overlap, for a text that is no copy and not diluted.

    The weighted mean of `evidence`, BLEU and ROUGE-L against the log and, where there is one, against the teacher's
    rationale; times the originality, since quoting the whole log is no analysis; times (d·target/length)² for a
    rationale longer than d = 2 times the target, since among enough words some will be right. With ``weigh_quotes``
    the evidence is `checked.weighed_evidence`. Range: [0, 1].
    """
    evidence_part = checked.weighed_evidence if weigh_quotes else evidence
    parts = [(weights.evidence, evidence_part), (weights.log_bleu, log_bleu), (weights.log_rouge, log_rouge)]
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
        return float(found.grounded and not sample.invented)
    claims = len(found.quotes) + len(sample.invented)
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


def brevity(sample: Sample, width: float, max_sentences: int | None = None) -> float:
    """exp(−((length − target) / (width · target))² / 2): 1 at the target length, the same on both sides of it.

    The paper's "closeness to the target length"; the bell shape is ours. Times (max_sentences / n)² for an analysis of
    n > ``max_sentences``, so that a short one gains nothing by a sentence that says nothing. Range: (0, 1], 0 where it
    underflows.
    """
    distance = (sample.length - sample.target_words) / (width * sample.target_words)
    bell = math.exp(-min(distance * distance, 1_000.0) / 2)
    return bell if max_sentences is None else bell * min(1.0, max_sentences / max(1, sample.sentences)) ** 2


def repetition(sample: Sample) -> float:
    """Penalty for saying nothing new: repeating itself, or the prompt.

    The larger of two shares, negated: repeated trigrams beyond what ordinary prose repeats (shorter n-grams for
    fewer than six words), and 1 − originality. Range: [−1, 0].
    """
    order = min(3, max(1, len(sample.words) // 2))
    found = runs(sample.words, order)
    repeated = 1 - len(set(found)) / len(found) if found else 0.0
    looping = max(0.0, (repeated - _USUAL_REPETITION) / (1 - _USUAL_REPETITION))
    return 0.0 - max(looping, 1 - sample.originality)


@dataclass(frozen=True)
class Term:
    """A registered term: its function and its range for the given params."""

    score: Callable[[Sample, RewardParams], float]
    bounds: Callable[[RewardParams], tuple[float, float]] = lambda _: (0.0, 1.0)


#: An analysis names the parameters, says what they imply, and what to do: a conclusion follows.
MAX_SENTENCES = 3
#: Every term that needs neither a model nor other completions, by the name that its weight has in params.
TERMS: Mapping[str, Term] = {
    "answer": Term(lambda sample, params: answer(sample, params.answer), lambda params: _cell_bounds(params.answer)),
    "grounding": Term(
        lambda sample, params: grounding(sample, params.grounding, params.preset == "checked" and params.weigh_quotes)
    ),
    "brevity": Term(
        lambda sample, params: brevity(
            sample, params.brevity_width, MAX_SENTENCES if params.preset == "checked" else None
        )
    ),
    "repetition": Term(lambda sample, _: repetition(sample), lambda _: (-1.0, 0.0)),
    "support": Term(lambda sample, _: checked.support(sample)),
    "argument": Term(lambda sample, _: checked.argument(sample)),
    "verdict_last": Term(lambda sample, _: checked.verdict_last(sample)),
    "language": Term(lambda sample, _: checked.language(sample)),
    "visible": Term(lambda sample, _: checked.visible(sample)),
}
#: Those that look at a whole batch: what one completion gets depends on the others.
BATCH_TERMS: Mapping[str, Callable[[Sequence[Sample], Sequence[Sample]], list[float]]] = {"variety": variety}
#: Those that only preset `checked` uses.
CHECKED = frozenset({"support", "argument", "verdict_last", "language", "visible", "variety"})


def _cell_bounds(cells: AnswerCells) -> tuple[float, float]:
    values = cells.model_dump().values()
    return min(values), max(values)
