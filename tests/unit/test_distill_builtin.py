"""The built-in teacher: honest, varied, always with evidence."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from rationanomaly.distill.checks import Checker
from rationanomaly.distill.rounds import teach
from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.records import LABELS, Label, Rejected, Triplet
from rationanomaly.rulebook import phrases
from rationanomaly.rulebook.domains import DOMAINS, domain_of
from rationanomaly.rulebook.signs import VALUES, read
from rationanomaly.text.checks import sentences
from rationanomaly.text.evidence import (
    NO_EVIDENCE,
    check_evidence,
    find_quotes,
    has_other_letters,
    required_quotes,
    words,
)
from rationanomaly.text.prompt import parse_response, split_conclusion
from tests.distilling import ask, settings

PARAMS = settings()


def write(question: Question, seed: int = 0) -> str:
    (answer,) = BuiltinTeacher(seed).answers([question])
    return parse_response(answer.text).rationale


@tried(max_examples=80, deadline=None)
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
    question = ask(settings(f"prompt.normalise={normalise}"), " ".join(parts), label)
    rationale = write(question)
    # Of a log whose only letters are of another script the rulebook knows nothing, and what it says is refused.
    grounded = bool(words(question.shown.text)) or not has_other_letters(question.shown.text)
    assert check_evidence(rationale, question.shown).grounded == grounded
    checked = Checker(PARAMS.distill).check(question, f"<think>{rationale}</think><answer>{label}</answer>")
    assert (checked.reason is None) == grounded


def test_the_first_sentence_does_not_depend_on_the_label() -> None:
    for log in ("fatal disk error on node seven", "job 17 started", "0x1f 0x2f"):
        for seed in range(30):
            assert len({sentences(write(ask(PARAMS, log, label), seed))[0] for label in LABELS}) == 1


@pytest.mark.parametrize(
    ("log", "label", "quotes"),
    [
        (
            "ciod: error reading message prefix on socket to 172.16.96.116",
            "abnormal",
            ("error reading message", "ciod"),
        ),
        ("machine check: L2 dcache unit data parity error", "abnormal", ("data parity error", "dcache unit")),
        ("node card <*> VPD is corrupt", "abnormal", ("vpd is corrupt", "node card")),
        ("clock of node <*> could not be steered", "abnormal", ("could not be steered", "clock")),
        ("lun <*> not responding for <*> s", "abnormal", ("not responding", "lun")),
        ("no power module found on link card", "abnormal", ("no power module found", "link card")),
        ("eviction policy set to lazy", "normal", ("set to lazy", "eviction policy")),
        ("starting scheduler daemon version <*>", "normal", ("starting scheduler daemon", "version")),
    ],
)
def test_quotes_name_what_happened_and_to_what(log: str, label: Label, quotes: tuple[str, ...]) -> None:
    assert find_quotes(write(ask(PARAMS, log, label))) == quotes


def test_a_log_without_words_is_said_to_have_none() -> None:
    question = ask(PARAMS, "0x1f <*> 17", "normal")
    assert required_quotes(question.shown) == 0
    assert NO_EVIDENCE in write(question)


@pytest.mark.parametrize(
    ("log", "label", "admission"),
    [
        ("node card status is as it was", "abnormal", (*phrases.SUSPICION_FORMS, *phrases.SUSPICION_HARM_FORMS)),
        ("fatal disk error on node seven", "normal", phrases.EXCUSE_FORMS),
        ("corrected error on item seven", "abnormal", phrases.UNEASED_FORMS),
    ],
)
def test_a_label_that_the_words_do_not_explain_is_not_explained_away(
    log: str, label: Label, admission: tuple[str, ...]
) -> None:
    stems = tuple(" ".join(form.split("{")[0].split()[:3]) for form in admission)
    for seed in range(20):
        assert sentences(write(ask(PARAMS, log, label), seed))[1].startswith(stems)


@pytest.mark.parametrize("label", LABELS)
def test_only_the_conclusion_gives_the_label(label: Label) -> None:
    for log in ("fatal disk error on node seven", "corrected disk error", "job 17 started", "0x1f 0x2f"):
        for seed in range(20):
            analysis, stated = split_conclusion(write(ask(PARAMS, log, label), seed))
            assert stated == label
            assert "normal" not in analysis.lower() and "anomal" not in analysis.lower()


def test_the_same_question_gets_the_same_answer_and_another_seed_another() -> None:
    question = ask(PARAMS, "fatal disk error on node seven", "abnormal")
    assert write(question) == write(question)
    assert len({write(question, seed) for seed in range(20)}) > 6


def test_samples_of_one_template_differ() -> None:
    questions = [ask(PARAMS, "fatal disk error on node seven", "abnormal", sample=sample) for sample in range(5)]
    outcomes = teach(BuiltinTeacher(0), questions, Checker(PARAMS.distill), 3)
    assert all(end.accepted for end in outcomes)


@pytest.mark.parametrize(
    ("log", "domain"),
    [
        ("uncorrectable ecc error in dimm 3", "memory"),
        ("kernel: out of memory, killed process 17", "virtual memory"),
        ("torus link down on port 4", "interconnect"),
        ("lustre ost unavailable, write to inode failed", "parallel filesystem"),
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


@pytest.mark.parametrize(
    ("log", "tone", "event"),
    [
        ("job started", "plain", "start"),
        ("disk error", "fault", "failed"),
        ("connection timed out", "fault", "silent"),
        ("out of memory killed process", "fault", "killed"),
        ("no such file or directory", "fault", "absent"),
        ("corrected ecc error", "eased", "corrupt"),
        ("uncorrected ecc error", "fault", "uncorrected"),
        ("no leak detected by sensors", "plain", "ruled out"),
        ("no supported devices found", "fault", "absent"),
        ("quite so", "plain", "mention"),
    ],
)
def test_what_the_words_say(log: str, tone: str, event: str | None) -> None:
    reading = read(log.split())
    assert (reading.tone, reading.event.name) == (tone, event)


def test_punctuation_parts_a_phrase() -> None:
    assert read(["timed", "", "out"]).tone == "plain"


def test_a_line_of_values_is_read_as_one() -> None:
    reading = read(["cpu"], values=9)
    assert reading.event is VALUES and reading.span is None


def test_every_domain_can_finish_every_sentence() -> None:
    for domain in DOMAINS:
        harms = [text for wordings in domain.harms.values() for text in wordings]
        assert len(domain.roles) >= 2 and len(harms) >= 2, domain.name
        assert all(role == role.strip(" .") and role[0].islower() for role in (*domain.roles, *harms))


def test_the_first_words_of_a_sentence_tell_alternatives_apart() -> None:
    groups = [*phrases.FAULT_OPENINGS.values(), *phrases.PLAIN_OPENINGS.values(), *phrases.MENTION_OPENINGS.values()]
    groups += [phrases.EASED_OPENINGS, phrases.RISK_FORMS, phrases.HARM_FORMS, phrases.SPECIAL_FORMS]
    groups += [phrases.UNEASED_FORMS, phrases.CHECK_FORMS, phrases.PART_FORMS]
    groups += [phrases.ORDINARY_FORMS, phrases.EASING_FORMS, phrases.LEFT_ALONE, phrases.EXCUSE_FORMS]
    groups += [phrases.SUSPICION_FORMS, phrases.SUSPICION_HARM_FORMS, phrases.SUSPICION_CHECKS]
    groups += [phrases.NO_EVIDENCE_OPENINGS, phrases.NO_EVIDENCE_IMPLICATIONS]
    groups += [phrases.NO_EVIDENCE_CALM, phrases.NO_EVIDENCE_ALARM]
    groups += [group for domain in DOMAINS for group in (domain.roles, *domain.harms.values())]
    for group in groups:
        assert len({tuple(sentence.split()[:2]) for sentence in group}) == len(group), group


@pytest.mark.parametrize("normalise", [True, False])
def test_published_templates_all_pass_with_varied_sentences(normalise: bool, shared_data: Path) -> None:
    rows = list(csv.DictReader((shared_data / "templates/templates.csv").open(encoding="utf-8")))
    shown = settings(f"prompt.normalise={normalise}")
    patch = json.loads((shared_data / "templates/corrections.json").read_text(encoding="utf-8"))
    corrected = {(row["dataset"], row["template"]): row["corrected"] for row in patch}
    questions = [
        ask(shown, row["template"], corrected.get((row["dataset"], row["template"]), row["label"])) for row in rows
    ]
    outcomes = teach(BuiltinTeacher(0), questions, Checker(shown.distill), 2)
    rejected = [end.record for end in outcomes if isinstance(end.record, Rejected)]
    # Of register dumps with one word, and always the same, there is little to say in many ways.
    assert {record.reason for record in rejected} <= {"duplicate"} and len(rejected) <= 0.002 * len(outcomes)
    for end in outcomes:
        without = required_quotes(end.question.shown) == 0
        assert (NO_EVIDENCE in end.record.rationale) == without
    # The conclusion is always the same; what leads to it is not.
    analyses = [split_conclusion(end.record.rationale)[0] for end in outcomes if isinstance(end.record, Triplet)]
    found = [sentence for analysis in analyses for sentence in sentences(analysis)]
    assert max(Counter(found).values()) <= 0.05 * len(found)
