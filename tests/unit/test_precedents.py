"""Precedents: what counts as one, for which templates it holds, and what a newer ledger changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rationanomaly.decisions.ledger import WITHDRAWN, Decision, read_ledger, write_decision
from rationanomaly.decisions.precedents import Citation, Precedents
from rationanomaly.records import Precedent, template_id
from rationanomaly.text.similarity import LONGEST, PairSimilarity, wording

LINK = "link <*> of node <*> went down after <*> retries"


def decided(template: str, label: str, by: str = "ada") -> Precedent:
    return Precedent(template_id(template), template, label, [by], "senior", None)  # type: ignore[arg-type]


def ledger_of(tmp_path: Path, *votes: tuple[str, ...], time: str | None = None) -> Precedents:
    """Precedents from lines of (template, reviewer, decision, round, …)."""
    return Precedents().under(read_ledger(write_ledger(tmp_path, *votes, time=time)))


def write_ledger(tmp_path: Path, *votes: tuple[str, ...], time: str | None = None) -> Path:
    lines = []
    for template, reviewer, decision, *others in votes:
        more = dict(zip(("round", "comment", "dataset"), others, strict=False))
        decided = {"reviewer": reviewer, "decision": decision, "category": None, "round": "independent", "comment": ""}
        fields: dict[str, Any] = {"template_id": template_id(template), "template": template, "time": time}
        fields["withdrawn"] = more.get("comment") == WITHDRAWN
        lines.append(write_decision(Decision(**fields | decided | more)) + "\n")
    path = tmp_path / "ledger.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def label_of(citation: Citation | None) -> str | None:
    return None if citation is None else citation.precedent.label


# ---------------------------------------------------------------- for which templates


@pytest.mark.parametrize(
    "template",
    [
        LINK,
        "link 7 of node 12 went down after 3 retries",
        "Link 0xff of Node <*> went down after <*> retries.",
        "link <*> of node <*> <*> went down after <*> retries",
    ],
)
def test_a_precedent_holds_for_the_same_words_with_other_values(template: str) -> None:
    found = Precedents([decided(LINK, "abnormal")]).find(template)
    assert label_of(found) == "abnormal"
    assert found is not None
    assert 0.8 <= found.similarity <= 1
    assert (found.similarity == 1) or template != LINK


@pytest.mark.parametrize(
    "template",
    [
        "link <*> of node <*> went up after <*> retries",
        "link <*> of node <*> went down",
        "node <*> of link <*> went down after <*> retries",
        "retries",
        "<*>",
        "",
    ],
)
def test_other_words_are_another_template(template: str) -> None:
    assert Precedents([decided(LINK, "abnormal")]).find(template) is None


def test_a_long_text_may_have_a_word_too_many_but_none_exchanged() -> None:
    words = [f"part{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(120)]
    precedents = Precedents([decided(f"{' '.join(words)} is ready", "normal")])
    assert label_of(precedents.find(f"{' '.join(words)} is now ready")) == "normal"
    assert label_of(precedents.find(f"{' '.join(words[1:])} is ready")) == "normal"
    for other in ("is lost", "ready is", "is ready but burns"):
        assert precedents.find(f"{' '.join(words)} {other}") is None


def test_what_lies_behind_a_limit_of_the_view_is_never_taken_for_equal() -> None:
    benign = "all is well " * (LONGEST // 12 + 1)
    assert Precedents([decided(benign, "normal")]).find(benign + "kernel panic") is None
    words = "all is well " * 200
    assert wording(words) != wording(words + "kernel panic")
    assert Precedents([decided(benign, "normal")]).find(benign) is not None


def test_templates_without_words_need_the_same_signs() -> None:
    precedents = Precedents([decided("<*>:<*> [<*>]", "normal")])
    assert label_of(precedents.find("12:30 [7]")) == "normal"
    assert precedents.find("*** ###") is None


def test_the_nearest_precedent_has_the_word_and_equally_near_ones_that_disagree_leave_it_to_the_model() -> None:
    near, far = decided("link <*> down: <*>", "abnormal"), decided("link <*> down, <*> - (<*>)", "normal")
    assert label_of(Precedents([far, near]).find("link 3 down: 4")) == "abnormal"
    torn = [decided("link 1 down: 2", "abnormal"), decided("link 2 down: 1", "normal")]
    assert Precedents(torn).find("link 3 down: 4") is None
    assert label_of(Precedents(torn).find("link 1 down: 2")) == "abnormal"


def test_one_more_precedent_changes_nothing_for_other_templates() -> None:
    one = PairSimilarity(["link down", "fan is slow"]).to("fan was slow")
    more = PairSimilarity(["link down", "fan is slow", "fan was stopped", "was"]).to("fan was slow")
    assert list(more[:2]) == list(one)


# ---------------------------------------------------------------- what counts as a decision


def test_a_settled_decision_counts_with_who_when_and_in_which_round(tmp_path: Path) -> None:
    time = "2026-03-01T10:00:00Z"
    found = ledger_of(tmp_path, (LINK, "ada", "normal"), (LINK, "bo", "abnormal", "senior"), time=time).find(LINK)
    assert found is not None
    assert found.precedent == Precedent(template_id(LINK), LINK, "abnormal", ["bo"], "senior", time)


@pytest.mark.parametrize(
    "votes",
    [
        [("ada", "unsure")],
        [("ada", "normal"), ("bo", "abnormal")],
        [("ada", "abnormal"), ("bo", "abnormal"), ("cy", "normal")],
        [("ada", "abnormal"), ("ada", "unsure", "independent", "withdrawn")],
        [("ada", "abnormal", "senior"), ("ada", "unsure", "panel")][1:],
    ],
)
def test_what_is_still_open_is_no_precedent(tmp_path: Path, votes: list[tuple[str, ...]]) -> None:
    assert ledger_of(tmp_path, *((LINK, *vote) for vote in votes)).find(LINK) is None


def test_decisions_that_differ_by_data_set_leave_it_to_the_model(tmp_path: Path) -> None:
    votes = [(LINK, "ada", "abnormal", "senior", "", "BGL"), (LINK, "ada", "normal", "senior", "", "Spirit")]
    assert label_of(ledger_of(tmp_path, votes[0]).find(LINK)) == "abnormal"
    assert ledger_of(tmp_path, *votes).find(LINK) is None


def test_a_newer_ledger_has_the_last_word_on_what_it_names(tmp_path: Path) -> None:
    carried = Precedents([decided(LINK, "abnormal"), decided("fan <*> is slow", "normal")])
    changed = carried.under(read_ledger(write_ledger(tmp_path, (LINK, "bo", "normal"))))
    assert label_of(changed.find(LINK)) == "normal"
    assert label_of(changed.find("fan 3 is slow")) == "normal"
    votes = [(LINK, "bo", "normal"), (LINK, "bo", "unsure", "independent", "withdrawn")]
    assert carried.under(read_ledger(write_ledger(tmp_path, *votes))).find(LINK) is None


def test_a_decision_that_names_only_an_id_holds_for_that_template(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    row = '{"template_id": "%s", "reviewer": "bo", "decision": "normal", "round": "senior"}\n'
    path.write_text(row % template_id(LINK))
    found = Precedents().under(read_ledger(path))
    assert label_of(found.find(LINK)) == "normal"
    assert found.find("link 7 of node 12 went down after 3 retries") is None
