"""Simulated reviewers fill the decisions ledger, with stated error rates.

As in the paper (§3.1): every reviewer decides on every template alone; where they differ, the same reviewers decide
again as a panel, which is wrong less often; what the panel does not settle goes to a senior, who never is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from rationanomaly.params import SimulateParams
from rationanomaly.records import Label, template_id
from rationanomaly.simulate.faults import DOMAINS

Decision = Literal["normal", "abnormal", "unsure"]
Round = Literal["independent", "panel", "senior"]

#: A panel's error rates relative to those of a reviewer who decides alone.
PANEL_ERRORS = 0.3
#: A panel has settled a template if at most one of it disagrees.
_DISSENT = 1
_REVIEWS = 5
_TIME_PER_DECISION = timedelta(seconds=20)


@dataclass(frozen=True)
class LabelledTemplate:
    """What is true of a mined template.

    Attributes:
        template: its text.
        label: abnormal if enough of its lines are.
        domain: the kind of fault behind most of its abnormal lines; empty if it has none.
    """

    template: str
    label: Label
    domain: str


@dataclass(frozen=True)
class DecisionRow:
    """One line of the ledger."""

    template_id: str
    template: str
    reviewer: str
    decision: Decision
    category: str | None
    comment: str
    time: str
    round: Round


def review(templates: Sequence[LabelledTemplate], settings: SimulateParams, start: datetime) -> Iterator[DecisionRow]:
    """All decisions, round by round.

    Args:
        templates: what is decided on.
        settings: number of reviewers, their error rates and the seed.
        start: time of the first decision.
    """
    random = np.random.default_rng([settings.seed, _REVIEWS])
    reviewers = [f"reviewer-{number}" for number in range(1, settings.reviewers + 1)]
    clock = _Clock(start.astimezone(UTC))
    open_cases = []
    for case in templates:
        votes = [_vote(case.label, settings, 1.0, random) for _ in reviewers]
        yield from _rows(case, zip(reviewers, votes, strict=True), "independent", clock)
        if _open(votes):
            open_cases.append(case)
    disputes = []
    for case in open_cases:
        votes = [_vote(case.label, settings, PANEL_ERRORS, random) for _ in reviewers]
        yield from _rows(case, zip(reviewers, votes, strict=True), "panel", clock)
        (winner, count), *_ = Counter(votes).most_common()
        if winner == "unsure" or count < len(votes) - _DISSENT:
            disputes.append(case)
    for case in disputes:
        yield from _rows(case, [("senior", case.label)], "senior", clock)


def _open(votes: Sequence[Decision]) -> bool:
    """Whether reviewers contradict each other, or most of them can't say."""
    stated = [vote for vote in votes if vote != "unsure"]
    return len(set(stated)) != 1 or 2 * len(stated) <= len(votes)


class _Clock:
    """Decisions are made one after the other."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def tick(self) -> str:
        self._now += _TIME_PER_DECISION
        return self._now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _vote(truth: Label, settings: SimulateParams, errors: float, random: np.random.Generator) -> Decision:
    unsure = settings.unsure_rate * errors
    wrong = errors * (settings.miss_rate if truth == "abnormal" else settings.false_alarm_rate)
    drawn = random.random()
    if drawn < unsure:
        return "unsure"
    if drawn < unsure + wrong:
        return "normal" if truth == "abnormal" else "abnormal"
    return truth


def _rows(
    case: LabelledTemplate, votes: Iterable[tuple[str, Decision]], of_round: Round, clock: _Clock
) -> Iterator[DecisionRow]:
    identity, domain = template_id(case.template), DOMAINS.get(case.domain)
    for reviewer, decision in votes:
        category, comment = None, "can't tell from the text" if decision == "unsure" else ""
        if decision == "abnormal":
            category = domain.category if domain else "other"
            comment = domain.remark if domain else "sounds alarming"
        yield DecisionRow(identity, case.template, reviewer, decision, category, comment, clock.tick(), of_round)
