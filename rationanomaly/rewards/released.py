"""The reward terms of the authors' released code, traps included, for comparison (`preset: released`).

What it does, after the code published with arXiv 2509.14693: false negatives and false positives cost the same
(−1/0.15), an answer that is neither label only −1; the rationale is compared with the teacher's, not with the log,
by BLEU on characters; up to three times the teacher's length, a longer rationale earns more; the think terms count
half, and not at all for a wrong answer.

Different here: every term is bounded and total (theirs raises on an empty think, and its perplexity score falls
without limit), ROUGE is rouge-score's on words, and the answer and the sections are parsed strictly.
"""

from __future__ import annotations

from rationanomaly.params import AnswerCells
from rationanomaly.rewards.overlap import character_bleu, rouge_l, rouge_n
from rationanomaly.rewards.sample import Sample

CELLS = AnswerCells(
    true_positive=1.0, true_negative=1.0, false_positive=-1 / 0.15, false_negative=-1 / 0.15, invalid=-1.0
)
FORMAT_RIGHT = 0.1
#: −1 for the form and the worst answer cell.
FORMAT_WRONG = -1.0 - 1 / 0.15
THINK_WEIGHT = 0.5


def semantic(sample: Sample) -> float:
    """(character BLEU + ROUGE-1 + ROUGE-2 + ROUGE-L against the teacher) / 8 − 1/2. Range: [−0.5, 0]."""
    teacher_rationale = sample.source.teacher_rationale
    if teacher_rationale is None:
        return -0.5
    rouge = rouge_n(sample.rationale, teacher_rationale, 1) + rouge_n(sample.rationale, teacher_rationale, 2)
    rouge += rouge_l(sample.rationale, teacher_rationale)
    return (character_bleu(sample.rationale.text, teacher_rationale.text) + rouge) / 8 - 0.5


def length(sample: Sample) -> float:
    """v = 2·|ours − theirs| / (ours + theirs) in characters: +v if ours is longer and v < 1, else −v.

    Range: [−2, 1).
    """
    ours = len(sample.rationale.text)
    theirs = len(sample.source.teacher_rationale.text) if sample.source.teacher_rationale else 0
    variation = 2 * abs(ours - theirs) / (ours + theirs) if ours + theirs else 0.0
    return variation if ours > theirs and variation < 1 else -variation


def perplexity_score(perplexity: float) -> float:
    """(100 − perplexity) / 100, cut off at −1 where theirs has no bound. Range: [−1, 0.99]."""
    return max(-1.0, (100 - perplexity) / 100)
