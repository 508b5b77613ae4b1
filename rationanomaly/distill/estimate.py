"""What distillation would take, before the first call (`rationanomaly estimate`). Sends nothing and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.distill.budget import Budget, Tokens, likely_case, worst_case
from rationanomaly.distill.journal import JOURNAL, Journal
from rationanomaly.distill.requests import Request
from rationanomaly.distill.step import read_questions
from rationanomaly.distill.teacher_prompt import LONGEST_REFUSAL, load_teacher_prompt
from rationanomaly.distill.teachers import endpoint, local
from rationanomaly.params import Params
from rationanomaly.steps import Inputs
from rationanomaly.text.secrets import Secrets

_CAMPAIGNS = {"openai": endpoint.campaign_of, "local": local.campaign_of}


@dataclass(frozen=True)
class Estimate:
    """What a run would take on top of what is in the journal.

    Attributes:
        questions: rationales that are asked for.
        known: of these, first answers that the journal holds already.
        calls: first calls that are missing.
        likely: tokens of these calls: four bytes a token, answers half as long as is allowed.
        worst_calls: with all retries after refusals; sendings that fail without an answer come on top.
        worst: tokens of these at their worst case.
        likely_cost: price of ``likely``.
        worst_cost: price of ``worst``; the run stops before it spends more than ``left``.
        left: what is left of the budget.
        currency: of the three prices.
    """

    questions: int
    known: int
    calls: int
    likely: Tokens
    worst_calls: int
    worst: Tokens
    likely_cost: float
    worst_cost: float
    left: float
    currency: str

    def __str__(self) -> str:
        return (
            f"{self.questions} rationales, {self.known} of them in the journal. "
            f"Likely: {self.calls} calls, {self.likely.prompt} + {self.likely.completion} tokens, "
            f"{self.likely_cost:.2f} {self.currency}. "
            f"At worst, with every retry: {self.worst_calls} calls, "
            f"{self.worst.prompt} + {self.worst.completion} tokens, {self.worst_cost:.2f} {self.currency}. "
            f"The budget allows {self.left:.2f} {self.currency} more."
        )


def estimate(params: Params, inputs: Inputs, state: Path) -> Estimate:
    """Count what `step.run` with the same arguments would ask. The built-in teacher and an import ask nothing.

    Raises:
        ParamsError: there is no such prompt version.
        ArtifactError: the output of `correct` was edited.
        InfrastructureError: a run is under way and has the journal open.
    """
    if "correct" in inputs:
        artifacts.read(inputs["correct"], "correct")
    settings, questions = params.distill, read_questions(params, inputs)
    budget = Budget(settings.budget)
    missing: list[Request] = []
    spent = Tokens()
    if settings.teacher in _CAMPAIGNS:
        prompt = load_teacher_prompt(params)
        campaign = _CAMPAIGNS[settings.teacher](params, prompt)
        missing = [Request.of(question, prompt, campaign) for question in questions]
        if (state / JOURNAL).exists():
            with Journal(state, campaign, Secrets()) as journal:
                missing = [request for request in missing if journal.answer(request.key) is None]
                spent = journal.spent
    likely = _sum([likely_case(request.messages, settings.output_tokens) for request in missing])
    once = _sum([worst_case(request.messages, settings.output_tokens) for request in missing])
    tries = 1 + settings.retries
    worst = Tokens(once.prompt * tries + LONGEST_REFUSAL * settings.retries * len(missing), once.completion * tries)
    free = settings.teacher != "openai"
    return Estimate(
        questions=len(questions),
        known=len(questions) - len(missing) if settings.teacher in _CAMPAIGNS else 0,
        calls=len(missing),
        likely=likely,
        worst_calls=len(missing) * tries,
        worst=worst,
        likely_cost=0.0 if free else budget.price(likely),
        worst_cost=0.0 if free else budget.price(worst),
        left=max(0.0, settings.budget.max_cost - (0.0 if free else budget.price(spent))),
        currency=settings.budget.currency,
    )


def _sum(counts: list[Tokens]) -> Tokens:
    return reduce(add, counts, Tokens())
