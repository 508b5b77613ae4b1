"""The simulated reviewers: rounds, error rates, agreement, and the truth they are measured against."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from rationanomaly.correct.agreement import fleiss_kappa
from rationanomaly.decisions.ledger import CATEGORIES, VOTES
from rationanomaly.params import Params, SimulateParams
from rationanomaly.records import template_id
from rationanomaly.simulate.events import load_catalogue
from rationanomaly.simulate.faults import DOMAINS
from rationanomaly.simulate.mined import TruthByTemplate
from rationanomaly.simulate.reviewers import DecisionRow, LabelledTemplate, review

START = datetime(2031, 4, 2, tzinfo=UTC)
CASES = [
    LabelledTemplate(f"message of kind {i}", "abnormal" if i % 7 == 0 else "normal", "memory" if i % 7 == 0 else "")
    for i in range(700)
]


def decisions(settings: SimulateParams, cases: list[LabelledTemplate] = CASES, **changes: Any) -> list[DecisionRow]:
    return list(review(cases, settings.model_copy(update=changes), START))


def of_round(rows: list[DecisionRow], name: str) -> dict[str, list[str]]:
    votes: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.round == name:
            votes[row.template_id].append(row.decision)
    return votes


def test_everybody_judges_everything_alone_first(params: Params) -> None:
    rows = decisions(params.simulate)
    votes = of_round(rows, "independent")
    assert len(votes) == len(CASES)
    assert {len(found) for found in votes.values()} == {params.simulate.reviewers}
    assert all(row.template_id == template_id(row.template) for row in rows)


def test_rates_are_those_stated(params: Params) -> None:
    rows = decisions(params.simulate, reviewers=40, miss_rate=0.2, false_alarm_rate=0.1, unsure_rate=0.05)
    truth = {case.template: case.label for case in CASES}
    counts: dict[str, Counter[str]] = {"normal": Counter(), "abnormal": Counter()}
    for row in rows:
        if row.round == "independent":
            counts[truth[row.template]][row.decision] += 1
    assert counts["abnormal"]["normal"] / counts["abnormal"].total() == pytest.approx(0.2, abs=0.03)
    assert counts["normal"]["abnormal"] / counts["normal"].total() == pytest.approx(0.1, abs=0.02)
    assert (counts["normal"]["unsure"] + counts["abnormal"]["unsure"]) / (40 * 700) == pytest.approx(0.05, abs=0.01)


def test_agreement_of_the_default_is_that_of_experts(params: Params) -> None:
    votes = of_round(decisions(params.simulate), "independent").values()
    counts = np.array([[found.count(vote) for vote in VOTES] for found in votes])
    kappa = fleiss_kappa(counts)
    assert kappa is not None and 0.85 <= kappa <= 0.95


def test_a_panel_meets_on_disagreements_only_and_is_wrong_less_often(params: Params) -> None:
    rows = decisions(params.simulate, miss_rate=0.3)
    alone, panel = of_round(rows, "independent"), of_round(rows, "panel")
    disputed = {identity for identity, votes in alone.items() if len(set(votes) - {"unsure"}) > 1}
    assert disputed and set(panel) >= disputed
    assert all(set(alone[identity]) != {"normal"} and set(alone[identity]) != {"abnormal"} for identity in panel)
    faults = {template_id(case.template) for case in CASES if case.label == "abnormal"}

    def misses(votes: dict[str, list[str]]) -> float:
        return float(np.mean([vote == "normal" for identity in faults & set(panel) for vote in votes[identity]]))

    assert misses(panel) < misses(alone) / 2


def test_the_senior_ends_what_the_panel_left_open_and_is_right(params: Params) -> None:
    rows = decisions(params.simulate, miss_rate=0.5, unsure_rate=0.4)
    senior = [row for row in rows if row.round == "senior"]
    truth = {case.template: case.label for case in CASES}
    assert senior
    assert {row.template_id for row in senior} <= set(of_round(rows, "panel"))
    assert all(row.decision == truth[row.template] for row in senior)


def test_without_errors_there_is_one_round(params: Params) -> None:
    rows = decisions(params.simulate, miss_rate=0.0, false_alarm_rate=0.0, unsure_rate=0.0)
    assert {row.round for row in rows} == {"independent"}
    assert len(rows) == len(CASES) * params.simulate.reviewers


def test_categories_go_with_abnormal_only(params: Params) -> None:
    rows = decisions(params.simulate, false_alarm_rate=0.05)
    assert all((row.category is None) == (row.decision != "abnormal") for row in rows)
    assert {row.category for row in rows} == {None, "hardware failure", "other"}
    assert {domain.category for domain in DOMAINS.values()} == set(CATEGORIES)


def test_time_only_moves_forward(params: Params) -> None:
    times = [datetime.fromisoformat(row.time) for row in decisions(params.simulate)]
    assert times == sorted(times) and times[0] > START


def test_a_template_is_what_the_majority_of_its_lines_are(params: Params) -> None:
    events = load_catalogue()
    benign = next(i for i, event in enumerate(events) if not event.fault)
    fault = next(i for i, event in enumerate(events) if event.domain == "power" and event.fault)
    texts = ["feed open", "feed shut", "feed open", "relay worn", "relay worn"]
    truth = TruthByTemplate(events, params.parse)
    truth.add(pl.Series(texts), np.array([benign, benign, fault, fault, benign]))
    labelled = {case.template: case for case in truth.labelled()}
    assert labelled["relay worn"] == LabelledTemplate("relay worn", "abnormal", "power")
    assert {case.label for text, case in labelled.items() if text != "relay worn"} <= {"normal", "abnormal"}
    assert list(labelled)[-1] == "relay worn"
