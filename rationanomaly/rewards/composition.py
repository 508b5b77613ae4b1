"""From completions to rewards: the format gates, the weighted terms add up.

Under preset `checked` the answer is the one that the verdict is read from: the conclusion's, which the tag repeats.

A completion whose form is wrong gets `wrong` and nothing else (METHOD: the other rewards are ignored). That value
lies below all that a right form can get, else breaking the form would be the way out of a hard question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from rationanomaly.errors import ParamsError
from rationanomaly.params import RewardParams
from rationanomaly.rewards import released, terms
from rationanomaly.rewards.coherence import PerplexityModel, coherence
from rationanomaly.rewards.overlap import Tokenised
from rationanomaly.rewards.sample import Sample, Source
from rationanomaly.rewards.terms import BATCH_TERMS, CHECKED, TERMS
from rationanomaly.text.prompt import UNKNOWN_ANSWER, Shown, parse_response

ANSWER, COHERENCE = "answer", "coherence"


@dataclass(frozen=True)
class RewardBreakdown:
    """The reward of one completion.

    Attributes:
        total: what is optimised.
        format: what the form alone earned.
        terms: each term's value before its weight; empty if the form is wrong.
        stated: the answer that was read: normal, abnormal or invalid.
    """

    total: float
    format: float
    terms: Mapping[str, float]
    stated: str


@dataclass(frozen=True)
class WeightedTerm:
    """A term in a composition: a pure function of a sample with its weight and range."""

    weight: float
    score: Callable[[Sample], float]
    low: float
    high: float


@dataclass(frozen=True)
class WeightedBatchTerm:
    """A term of a whole batch, with its weight: a function of the samples that are scored and of those beside them."""

    weight: float
    score: Callable[[Sequence[Sample], Sequence[Sample]], list[float]]
    low: float = 0.0


@dataclass(frozen=True)
class WeightedCoherence:
    """The one term that needs a model: weight, model, score of a perplexity, lowest score."""

    weight: float
    model: PerplexityModel
    score: Callable[[float], float]
    low: float


@dataclass(frozen=True)
class Composition:
    """A reward function.

    Attributes:
        right: what a right form earns, ``wrong``: the whole reward of a wrong one.
        terms: by name, in the order in which they are added.
        coherence: the term that needs a model; None if off.
        think_needs_right_answer: whether terms other than the answer count only beside a positive answer term.
        batch: terms that look at the whole batch, by name.
        concluded: whether the answer is that of the conclusion, which the tag has to repeat; else that of the tag.
    """

    right: float
    wrong: float
    terms: Mapping[str, WeightedTerm]
    coherence: WeightedCoherence | None = None
    think_needs_right_answer: bool = False
    batch: Mapping[str, WeightedBatchTerm] = field(default_factory=dict)
    concluded: bool = False

    @classmethod
    def from_params(cls, params: RewardParams, model: PerplexityModel | None = None) -> Composition:
        """The composition that a params section describes.

        Args:
            params: ``grpo.reward``.
            model: gives perplexities; needed if coherence has a weight, and used by `released` if given.

        Raises:
            ParamsError: coherence without a model, an invalid answer that pays more than a wrong one, or a wrong
                form that pays more than a right one can.
        """
        if params.preset == "released":
            return _released(model)
        checked = params.preset == "checked"
        weights = {
            name: 0.0 if name in CHECKED and not checked else w for name, w in params.weights.model_dump().items()
        }
        weighted = {
            name: WeightedTerm(weights[name], partial(_score, term, params), *term.bounds(params))
            for name, term in TERMS.items()
            if weights[name] > 0
        }
        frozen = None
        if weights[COHERENCE] > 0:
            if model is None:
                problem = "`grpo.reward.weights.coherence` is above 0, but there is no model to take perplexities from"
                raise ParamsError(problem, hint="Set it to 0, or pass a frozen model")
            frozen = WeightedCoherence(
                weights[COHERENCE], model, partial(coherence, scale=params.perplexity_scale), 0.0
            )
        batch = {
            name: WeightedBatchTerm(weights[name], score) for name, score in BATCH_TERMS.items() if weights[name] > 0
        }
        composition = cls(params.format.right, params.format.wrong, weighted, frozen, batch=batch, concluded=checked)
        _refuse_ways_out(params, composition)
        return composition

    @property
    def lowest_right(self) -> float:
        """The least that a completion of the right form can get."""
        return self._total(self._lowest())

    def compose(
        self,
        completions: Sequence[str],
        shown: Sequence[Shown],
        labels: Sequence[str],
        teacher_rationales: Sequence[str | None],
        target_words: int,
        beside: Sequence[tuple[str, Shown]] = (),
    ) -> list[RewardBreakdown]:
        """Score completions; the result for one depends on the others in the terms of ``batch`` alone.

        Args:
            completions: generated texts, any number.
            shown: for each, the log as its prompt showed it.
            labels: for each, the true label.
            teacher_rationales: for each, the teacher's rationale, or None.
            target_words: length of a good rationale in words (`records.Cost.target_words`).
            beside: completions of the same batch that aren't scored here, each with its log: those of other ranks.
        """
        sources: dict[tuple[str, str | None], Source] = {}
        samples = []
        for text, log, label, teacher_rationale in zip(completions, shown, labels, teacher_rationales, strict=True):
            key = (log.text, teacher_rationale)
            if key not in sources:
                sources[key] = Source(log, None if teacher_rationale is None else Tokenised.of(teacher_rationale))
            samples.append(Sample(text, parse_response(text), sources[key], label, target_words))
        found = self._of_batch(samples, beside)
        return [self._breakdown(sample, found[index]) for index, sample in enumerate(samples)]

    def _of_batch(self, samples: Sequence[Sample], beside: Sequence[tuple[str, Shown]]) -> list[dict[str, float]]:
        """For each sample the terms that are computed in one go, if it can be read."""
        found: list[dict[str, float]] = [{} for _ in samples]
        readable = [index for index, sample in enumerate(samples) if self._stated(sample) != "invalid"]
        texts = [samples[index] for index in readable]
        if self.coherence is not None:
            perplexities = self.coherence.model.perplexities([sample.rationale.text for sample in texts])
            for index, perplexity in zip(readable, perplexities, strict=True):
                found[index][COHERENCE] = self.coherence.score(perplexity)
        others = self._readable(beside) if self.batch else []
        for name, term in self.batch.items():
            for index, value in zip(readable, term.score(texts, others), strict=True):
                found[index][name] = value
        return found

    def _readable(self, texts: Sequence[tuple[str, Shown]]) -> list[Sample]:
        samples = [Sample(text, parse_response(text), Source(log, None), "", 1) for text, log in texts]
        return [sample for sample in samples if self._stated(sample) != "invalid"]

    def _stated(self, sample: Sample) -> str:
        """The answer of a completion: normal, abnormal or invalid."""
        return sample.evaluated if self.concluded else sample.response.stated

    def _breakdown(self, sample: Sample, of_batch: dict[str, float]) -> RewardBreakdown:
        problem, stated = sample.response.problem, self._stated(sample)
        if problem is not None and problem != UNKNOWN_ANSWER:
            return RewardBreakdown(self.wrong, self.wrong, {}, stated)
        if problem is not None:
            values = self._lowest()
            if ANSWER in self.terms:
                values[ANSWER] = self.terms[ANSWER].score(sample)
        elif stated == "invalid":
            # No conclusion, or one that contradicts the tag: there is no verdict to be paid for.
            values = self._lowest()
        else:
            values = {name: term.score(sample) for name, term in self.terms.items()} | of_batch
        return RewardBreakdown(self._total(values), self.right, values, stated)

    def parts(self, breakdown: RewardBreakdown) -> dict[str, float]:
        """What a completion's reward is the sum of, by name: the form, and each term times its weight."""
        weights = {name: term.weight for terms in (self.terms, self.batch) for name, term in terms.items()}
        if self.coherence is not None:
            weights[COHERENCE] = self.coherence.weight
        counted = breakdown.terms
        if self.think_needs_right_answer and counted.get(ANSWER, 0.0) < 0:
            counted = {ANSWER: counted[ANSWER]}
        return {"format": breakdown.format} | {name: weights[name] * value for name, value in counted.items()}

    def _lowest(self) -> dict[str, float]:
        """The lowest value of every term."""
        lowest = {name: term.low for terms in (self.terms, self.batch) for name, term in terms.items()}
        return lowest if self.coherence is None else {**lowest, COHERENCE: self.coherence.low}

    def _total(self, values: Mapping[str, float]) -> float:
        if self.think_needs_right_answer and values[ANSWER] < 0:
            return self.right + self.terms[ANSWER].weight * values[ANSWER]
        total = self.right + sum(term.weight * values[name] for name, term in self.terms.items())
        total += sum(term.weight * values[name] for name, term in self.batch.items())
        return total + (self.coherence.weight * values[COHERENCE] if self.coherence is not None else 0.0)


def _score(term: terms.Term, params: RewardParams, sample: Sample) -> float:
    return term.score(sample, params)


def _released(model: PerplexityModel | None) -> Composition:
    half = released.THINK_WEIGHT
    weighted = {
        ANSWER: WeightedTerm(1.0, partial(terms.answer, cells=released.CELLS), -1 / 0.15, 1.0),
        "semantic": WeightedTerm(half, released.semantic, -0.5, 0.0),
        "length": WeightedTerm(half, released.length, -2.0, 1.0),
    }
    frozen = None if model is None else WeightedCoherence(half, model, released.perplexity_score, -1.0)
    return Composition(released.FORMAT_RIGHT, released.FORMAT_WRONG, weighted, frozen, think_needs_right_answer=True)


def _refuse_ways_out(params: RewardParams, composition: Composition) -> None:
    cells = params.answer
    if cells.invalid > min(cells.false_negative, cells.false_positive, cells.true_negative, cells.true_positive):
        problem = "`grpo.reward.answer.invalid` pays more than a label, so no answer would be the best answer"
        raise ParamsError(problem, hint="Set it to the lowest of the cells, or below")
    if params.format.wrong > composition.lowest_right:
        problem = (
            f"`grpo.reward.format.wrong` is {params.format.wrong:g}, more than the worst total of a right form "
            f"({composition.lowest_right:g}), so breaking the form would pay"
        )
        raise ParamsError(problem, hint="Lower it")
