"""Tested templates on which the final model answers otherwise than the champion, and why, as far as can be checked.

A flip is put down to the score or to the threshold by asking what the answer would be if one alone had changed. What
the texts say is held against the log: quotes that stand in it, and signs of the rulebook that it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from rationanomaly.artifacts import write_json
from rationanomaly.evaluate.champion import Champion, origin_document
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.report_files import CHAMPION, CHAMPION_ORIGIN
from rationanomaly.model.card import Card
from rationanomaly.params import PromptParams
from rationanomaly.records import write_rows
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.signs import named_activities, named_easings, named_faults
from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.steps import Metrics
from rationanomaly.text.prompt import show

#: What alone would have flipped the answer: the new score, the new threshold, either, or only both together; or that
#: there is nothing to compare: one verdict is direct and the other reasoned, or an analysis came to no end.
Cause = Literal["score", "threshold", "either", "both", "kind", "form"]
_CAUSES: Mapping[tuple[bool, bool], Cause] = {
    (True, False): "score",
    (False, True): "threshold",
    (True, True): "either",
    (False, False): "both",
}
_BY_CAUSE: Mapping[Cause, str] = {
    "score": "The score flips the answer; the threshold alone would not.",
    "threshold": "The threshold alone flips the answer: with either one, both scores give the same answer.",
    "either": "The new score and the new threshold each flip the answer alone.",
    "both": "Only the new score and the new threshold together flip the answer.",
    "kind": "One verdict is reasoned and the other direct, so their scores can't be compared.",
}
Right = Literal["ours", "champion", "neither"]


@dataclass(frozen=True)
class Flip:
    """A template whose answer has changed; a line of champion.jsonl.

    Attributes:
        before, after: the champion's answer, and the final model's; scores, thresholds, rationales and evidence alike.
        right: who is right.
        cause: see `Cause`.
        gained_quotes, lost_quotes: of the log, quoted by the final model alone, and by the champion alone.
        gained_signs, lost_signs: that the log names and one analysis alone speaks of.
        nearest: the most similar template that could be learnt from: ``template``, ``label``, ``similarity``.
        why: all of it in sentences.
    """

    template_id: str
    template: str
    dataset: str
    truth: str
    before: str
    after: str
    before_score: float
    after_score: float
    before_threshold: float
    after_threshold: float
    before_rationale: str | None
    after_rationale: str | None
    before_evidence: list[dict[str, Any]]
    after_evidence: list[dict[str, Any]]
    right: Right
    cause: Cause
    gained_quotes: list[str]
    lost_quotes: list[str]
    gained_signs: list[str]
    lost_signs: list[str]
    nearest: dict[str, Any] | None
    why: list[str]


@dataclass(frozen=True)
class Side:
    """One model on one template: what it said, and by which card."""

    said: Prediction
    card: Card

    @property
    def is_reasoned(self) -> bool:
        """Whether the answer came out of an analysis."""
        return self.said.stated is not None

    @property
    def threshold(self) -> float:
        """Of its kind of verdict."""
        return (self.card.threshold if self.is_reasoned else self.card.direct_threshold).value

    def answer_at(self, threshold: float) -> str:
        """What its score would say with another threshold; its own answer with its own, rounded scores or not."""
        if threshold == self.threshold:
            return self.said.answer
        return "abnormal" if self.said.score >= threshold else "normal"

    @cached_property
    def text(self) -> WrittenText:
        """Its analysis, to be read."""
        return WrittenText(show(self.said.template, self.card.prompt), self.said.rationale or "", self.said.stated)

    @property
    def quotes(self) -> list[str]:
        """What it quotes of the log."""
        return list(dict.fromkeys(str(span["text"]) for span in self.said.evidence))

    @property
    def signs(self) -> frozenset[str]:
        """Names of what its analysis says that happened."""
        return self.text.argument.signs | self.text.argument.named


def find_flips(champion: SystemAnswers, before: Card, final: SystemAnswers, after: Card) -> list[Flip]:
    """Every template whose answer differs: what is now wrong first, then what is now right, by how far scores moved.

    Args:
        champion, final: on the same templates in the same order.
        before, after: cards of the champion and of the final model.
    """
    pairs = zip(champion.predictions, final.predictions, strict=True)
    flips = [_flip(Side(one, before), Side(other, after)) for one, other in pairs if one.answer != other.answer]
    order = ("champion", "ours", "neither")
    return sorted(
        flips,
        key=lambda flip: (order.index(flip.right), -abs(flip.after_score - flip.before_score), flip.template_id),
    )


def write_flips(folder: Path, champion: Champion, final: SystemAnswers, after: Card) -> Metrics:
    """Write champion.json and champion.jsonl into the folder of the step; what they count, as metrics.

    Returns:
        those of `count_flips`, and ``champion/known_templates``: tested ones that the champion names as learnt.
    """
    flips = find_flips(champion.system, champion.card, final, after)
    write_json(folder / CHAMPION_ORIGIN, origin_document(champion.origin))
    write_rows(folder / CHAMPION, flips)
    return count_flips(flips) | {"champion/known_templates": float(champion.origin.known)}


def count_flips(flips: Sequence[Flip]) -> Metrics:
    """``champion/flips``; ``now_right``, ``now_wrong`` and ``by_threshold``: those by the threshold alone."""
    right = Counter(flip.right for flip in flips)
    return {
        "champion/flips": float(len(flips)),
        "champion/flips/now_right": float(right["ours"]),
        "champion/flips/now_wrong": float(right["champion"]),
        "champion/flips/by_threshold": float(sum(flip.cause == "threshold" for flip in flips)),
    }


def cause_of(before: Side, after: Side) -> Cause:
    """What flipped the answer, by changing the score alone and the threshold alone."""
    if "invalid" in (before.said.answer, after.said.answer):
        return "form"
    if before.is_reasoned != after.is_reasoned:
        return "kind"
    by_score = after.answer_at(before.threshold) != before.said.answer
    by_threshold = before.answer_at(after.threshold) != before.said.answer
    return _CAUSES[by_score, by_threshold]


def _flip(before: Side, after: Side) -> Flip:
    old, new = before.said, after.said
    named = _named_in(new.template, after.card.prompt)
    gained, lost = after.signs - before.signs, before.signs - after.signs
    cause = cause_of(before, after)
    flip = Flip(
        template_id=new.template_id,
        template=new.template,
        dataset=new.dataset,
        truth=new.truth,
        before=old.answer,
        after=new.answer,
        before_score=old.score,
        after_score=new.score,
        before_threshold=before.threshold,
        after_threshold=after.threshold,
        before_rationale=old.rationale,
        after_rationale=new.rationale,
        before_evidence=old.evidence,
        after_evidence=new.evidence,
        right="ours" if new.answer == new.truth else "champion" if old.answer == new.truth else "neither",
        cause=cause,
        gained_quotes=_only(after.quotes, before.quotes),
        lost_quotes=_only(before.quotes, after.quotes),
        gained_signs=[name for name in named if name in gained],
        lost_signs=[name for name in named if name in lost],
        nearest=new.similar[0] if new.similar else None,
        why=[],
    )
    return replace(flip, why=list(_reasons(flip, before, after)))


def _reasons(flip: Flip, before: Side, after: Side) -> Iterator[str]:
    if flip.cause == "form":
        whose = "the champion's" if flip.before == "invalid" else "the new model's"
        yield f"An analysis of {whose} came to no end or has not the form that was asked for, so its answer is invalid."
    else:
        yield f"Champion: {_margin(before)}. Now: {_margin(after)}."
        yield _BY_CAUSE[flip.cause]
    if before.said.rationale and after.said.rationale:
        yield from _of_texts(flip, before, after)
    if flip.nearest is not None:
        label = flip.nearest["label"]
        like = "the new answer" if label == flip.after else "the champion's" if label == flip.before else "neither"
        yield f"The nearest known template (similarity {flip.nearest['similarity']:.3f}) is {label}, as is {like}."


def _of_texts(flip: Flip, before: Side, after: Side) -> Iterator[str]:
    """What the two analyses differ in."""
    changed = list[str]()
    for words, quotes in (("It now quotes", flip.gained_quotes), ("It no longer quotes", flip.lost_quotes)):
        if quotes:
            changed.append(f"{words} {_listed(quotes)}.")
    for whose, signs in (("the new analysis", flip.gained_signs), ("the champion's", flip.lost_signs)):
        if signs:
            changed.append(f"Of what the log names, only {whose} speaks of {_listed(signs)}.")
    yield from changed or ["Both analyses quote the same words and speak of the same signs."]
    for whose, side in (("The champion's analysis", before), ("The new analysis", after)):
        argued = side.text.argument.side
        if argued is not None and argued != side.said.answer:
            yield f"{whose} argues for {argued}, not for its answer."


def _margin(side: Side) -> str:
    kind = "reasoned" if side.is_reasoned else "direct"
    distance = side.said.score - side.threshold
    return f"{kind} score {side.said.score:.3f}, {distance:+.3f} from its threshold {side.threshold:.3f}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _only(mine: Sequence[str], others: Sequence[str]) -> list[str]:
    known = {quote.casefold() for quote in others}
    return [quote for quote in mine if quote.casefold() not in known]


def _named_in(template: str, prompt: PromptParams) -> list[str]:
    """Names of the signs that the words of a log name, failures first."""
    words = Text.of(show(template, prompt)).words
    signs = (*named_faults(words), *named_easings(words), *named_activities(words))
    return list(dict.fromkeys(sign.name for sign in signs))
