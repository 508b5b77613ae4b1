"""From decisions to labels: rounds, last words, superseded templates, agreement, explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.correct.reviewers import measure_agreement
from rationanomaly.decisions.labels import Resolution, assign, resolve
from rationanomaly.decisions.ledger import ROUNDS, VOTES, Decision, Entry, Ledger
from rationanomaly.records import template_id

TEXT = "the mill stopped"


def said(decision: str, reviewer: str = "ada", round_: str = "independent", category: str | None = None) -> Decision:
    return Decision(template_id(TEXT), TEXT, reviewer, decision, category, "", None, round_)  # type: ignore[arg-type]


def outcome(resolution: Resolution) -> tuple[str | None, str | None, str | None]:
    return resolution.label, resolution.decided_in, resolution.needs


def votes(*decisions: str, round_: str = "independent") -> list[Decision]:
    return [said(decision, f"reviewer-{number}", round_) for number, decision in enumerate(decisions)]


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], ("normal", None, None)),
        (votes("abnormal", "abnormal"), ("abnormal", "independent", None)),
        (votes("abnormal", "unsure"), ("abnormal", "independent", None)),
        (votes("abnormal", "abnormal", "normal"), ("abnormal", "independent", "panel")),
        (votes("abnormal", "normal"), ("normal", None, "panel")),
        (votes("unsure"), ("normal", None, "panel")),
        (votes("abnormal", "normal") + votes("abnormal", "abnormal", round_="panel"), ("abnormal", "panel", None)),
        (votes("abnormal") + votes("abnormal", "normal", round_="panel"), ("abnormal", "independent", "senior")),
        (votes("abnormal", "normal") + votes("normal", "abnormal", round_="panel"), ("normal", None, "senior")),
        ([*votes("abnormal"), said("normal", "boss", "senior")], ("normal", "senior", None)),
        ([*votes("abnormal"), said("unsure", "boss", "senior")], ("abnormal", "independent", "senior")),
    ],
)
def test_rounds(decisions: Sequence[Decision], expected: tuple[str, str, str]) -> None:
    assert outcome(resolve("normal", decisions)) == expected


def test_an_unlabelled_template_needs_a_decision() -> None:
    assert outcome(resolve(None, [])) == (None, None, "independent")
    assert outcome(resolve(None, votes("abnormal"))) == ("abnormal", "independent", None)
    assert not resolve(None, votes("abnormal")).corrected


@given(st.lists(st.builds(said, st.sampled_from(VOTES), st.sampled_from("abc"), st.sampled_from(ROUNDS)), max_size=8))
def test_a_senior_has_the_last_word_and_the_original_label_never_gets_lost(decisions: list[Decision]) -> None:
    resolution = resolve("normal", decisions)
    assert resolution.original == "normal"
    assert resolution.corrected == (resolution.label == "abnormal")
    stated = [
        decision.decision for decision in decisions if decision.round == "senior" and decision.decision != "unsure"
    ]
    if stated:
        assert resolution.label == stated[-1]


def test_the_category_is_that_of_those_who_carried_the_decision() -> None:
    decisions = [
        said("abnormal", "ada", category="network issue"),
        said("abnormal", "bob", category="hardware failure"),
        said("abnormal", "cleo", category="hardware failure"),
        said("normal", "dan"),
    ]
    assert resolve("normal", decisions).category == "hardware failure"


def table(rows: list[tuple[str, str, list[str]]]) -> pl.DataFrame:
    """(data set, template, texts that it supersedes)"""
    return pl.DataFrame(
        {
            "template_id": [template_id(text) for _, text, _ in rows],
            "dataset": [dataset for dataset, _, _ in rows],
            "supersedes": [[template_id(old) for old in olds] for _, _, olds in rows],
        },
        schema_overrides={"supersedes": pl.List(pl.String)},
    )


def ledger(*decisions: Decision) -> Ledger:
    return Ledger(tuple(Entry("ledger", line, one) for line, one in enumerate(decisions, start=1)), ())


def test_a_decision_follows_its_template_when_mining_generalised_it() -> None:
    assigned, problems = assign(ledger(said("abnormal")), table([("site", "the <*> stopped", [TEXT])]))
    assert [one.decision for one in assigned[0]] == ["abnormal"]
    assert not problems


def test_a_patch_entry_decides_on_its_data_set_only() -> None:
    decision = replace(said("abnormal", "patch", "senior"), dataset="north")
    assigned, _ = assign(ledger(decision), table([("south", TEXT, []), ("north", TEXT, [])]))
    assert [len(mine) for mine in assigned] == [0, 1]


def test_the_same_reviewer_twice_is_reported_and_the_later_line_counts() -> None:
    assigned, problems = assign(ledger(said("abnormal"), said("normal")), table([("site", TEXT, [])]))
    assert [one.decision for one in assigned[0]] == ["normal"]
    assert [(problem.code, problem.line, problem.counts) for problem in problems] == [("twice", 2, True)]


def test_agreement_counts_the_independent_round_and_passes_abstentions_over() -> None:
    templates = [
        votes("abnormal", "abnormal"),
        votes("normal", "normal"),
        votes("abnormal", "normal") + votes("normal", "normal", round_="panel"),
        votes("unsure", "abnormal"),
        [],
    ]
    agreement = measure_agreement(templates, seed=0)
    assert (agreement["templates"], agreement["unanimous"]) == (3, 2)
    assert agreement["reviewers"]["reviewer-0"] == {"normal": 1, "abnormal": 2, "unsure": 1}
    # Two reviewers, three templates: observed 2/3; shares 1/2 and 1/2, chance 1/2; κ = (2/3 - 1/2) / (1/2) = 1/3.
    assert agreement["fleiss_kappa"] == pytest.approx(1 / 3)
    # 1 - (2/6 unlike) / (2 × 3 × 3 / 30) = 1 - (1/3) / (3/5) = 4/9.
    assert agreement["krippendorff_alpha"] == pytest.approx(4 / 9)
    # p_o = 2/3, p_e = 2/3 × 1/3 + 1/3 × 2/3 = 4/9; κ = (2/9) / (5/9).
    (pair,) = agreement["pairs"]
    assert pair["cohen_kappa"] == pytest.approx(0.4)
    assert pair["table"] == {"normal": {"normal": 1, "abnormal": 0}, "abnormal": {"normal": 1, "abnormal": 1}}


def test_a_single_reviewer_has_no_agreement() -> None:
    agreement = measure_agreement([votes("abnormal"), votes("normal")], seed=0)
    assert agreement["fleiss_kappa"] is None
    assert agreement["krippendorff_alpha"] is None
    assert agreement["pairs"] == []
