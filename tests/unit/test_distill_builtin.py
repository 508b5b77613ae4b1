"""The built-in teacher: honest, varied, always with evidence."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly import prompt
from rationanomaly.distill.checks import Checker, sentences
from rationanomaly.distill.domains import DOMAINS, GENERAL, domain_of, tone_of
from rationanomaly.distill.rounds import teach
from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.evidence import NO_EVIDENCE, check_evidence, find_quotes, required_quotes
from rationanomaly.params import Params, load_params
from rationanomaly.prompt import parse_response
from rationanomaly.records import LABELS, Label, Rejected, Triplet, template_id
from tests.conftest import ROOT

PARAMS = load_params(ROOT / "params.yaml")


def ask(log: str, label: Label, normalise: bool = True, sample: int = 0) -> Question:
    shown = prompt.show(log, PARAMS.prompt.model_copy(update={"normalise": normalise}))
    return Question(template_id(log), log, shown, label, sample)


def write(question: Question, seed: int = 0) -> str:
    (answer,) = BuiltinTeacher(seed).answers([question])
    return parse_response(answer.text).rationale


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<*>",
                "0x1f",
                "fpr5=3ff00000",
                "error",
                "Error",
                "cache",
                "(kernel)",
                "ciodStream::read()",
                "a",
                "no",
                ']"[',
            ]
        )
        | st.text(alphabet='abcXYZ019_-.:"<>|é', min_size=1, max_size=8),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["normal", "abnormal"]),
    st.booleans(),
)
def test_any_log_gets_grounded_evidence(parts: list[str], label: Label, normalise: bool) -> None:
    question = ask(" ".join(parts), label, normalise)
    rationale = write(question)
    assert check_evidence(rationale, question.shown).grounded
    assert Checker(PARAMS.distill).judge(question, f"<think>{rationale}</think><answer>{label}</answer>").reason is None


def test_the_first_sentence_does_not_depend_on_the_label() -> None:
    for log in ("fatal disk error on node seven", "job 17 started", "0x1f 0x2f"):
        for seed in range(30):
            assert len({sentences(write(ask(log, label), seed))[0] for label in LABELS}) == 1


def test_quotes_are_short_and_the_telling_words_come_first() -> None:
    quotes = find_quotes(write(ask("ciod: error reading message prefix on socket to 172.16.96.116", "abnormal")))
    assert any("error" in quote for quote in quotes)
    assert all(1 <= len(quote.split()) <= 3 for quote in quotes)


def test_a_log_without_words_is_said_to_have_none() -> None:
    question = ask("0x1f <*> 17", "normal")
    assert required_quotes(question.shown) == 0
    assert NO_EVIDENCE in write(question)


def test_a_verdict_that_the_words_do_not_explain_is_not_explained_away() -> None:
    told = " ".join(write(ask("node card status is as it was", "abnormal"), seed) for seed in range(20))
    assert "expert" in told or "reviewers" in told
    assert "With a failure stated outright" not in told


def test_the_same_question_gets_the_same_answer_and_another_seed_another() -> None:
    question = ask("fatal disk error on node seven", "abnormal")
    assert write(question) == write(question)
    assert len({write(question, seed) for seed in range(20)}) > 10


def test_samples_of_one_template_differ() -> None:
    questions = [ask("fatal disk error on node seven", "abnormal", sample=sample) for sample in range(5)]
    ended = teach(BuiltinTeacher(0), questions, Checker(PARAMS.distill), 3)
    assert all(end.accepted for end in ended)


@pytest.mark.parametrize(
    ("log", "domain"),
    [
        ("uncorrectable ecc error in dimm 3", "memory"),
        ("torus link down on port 4", "network"),
        ("lustre ost unavailable, write to inode failed", "storage"),
        ("pbs_mom: job 17 could not be dispatched", "scheduler"),
        ("voltage of power supply out of range", "power"),
        ("fan speed below limit, temperature 81 degrees", "cooling"),
        ("authentication failure for user root", "security"),
        ("kernel panic: oops in interrupt", "kernel"),
        ("segmentation fault, core dumped by process", "software"),
        ("invalid option in config file: unknown parameter", "configuration"),
        ("quite so", "general"),
    ],
)
def test_fault_domains(log: str, domain: str) -> None:
    assert domain_of(log.replace(",", "").replace(":", "").split()).name == domain


def test_tones() -> None:
    assert tone_of(["job", "started"]) == "plain"
    assert tone_of(["disk", "error"]) == "fault"
    assert tone_of(["corrected", "error"]) == "eased"


def test_every_domain_can_finish_every_sentence() -> None:
    for domain in (*DOMAINS, GENERAL):
        assert len(domain.roles) >= 3 and len(domain.harms) >= 3, domain.name
        assert all(role == role.strip(" .") and role[0].islower() for role in (*domain.roles, *domain.harms))


@pytest.mark.parametrize("normalise", [True, False])
def test_published_templates_all_pass_with_varied_sentences(normalise: bool, shared_data: Path, params: Params) -> None:
    rows = list(csv.DictReader((shared_data / "templates/templates.csv").open(encoding="utf-8")))
    patch = json.loads((shared_data / "templates/corrections.json").read_text(encoding="utf-8"))
    corrected = {(row["dataset"], row["template"]): row["corrected"] for row in patch}
    questions = [
        ask(row["template"], corrected.get((row["dataset"], row["template"]), row["label"]), normalise) for row in rows
    ]
    ended = teach(BuiltinTeacher(0), questions, Checker(params.distill), 2)
    assert [end.record for end in ended if isinstance(end.record, Rejected)] == []
    for end in ended:
        without = required_quotes(end.question.shown) == 0
        assert (NO_EVIDENCE in end.record.rationale) == without
    found = [s for end in ended if isinstance(end.record, Triplet) for s in sentences(end.record.rationale)]
    assert max(Counter(found).values()) <= 0.05 * len(found)
