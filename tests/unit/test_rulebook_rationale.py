"""Analyses of the rulebook: of the right length, honest, varied, grounded, and readable by `read_argument`."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from rationanomaly.records import LABELS, Label
from rationanomaly.rulebook.domains import DOMAINS, Domain, domain_of
from rationanomaly.rulebook.faults import FAULTS
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.rationale import LONGEST, SHORTEST, write_analysis
from rationanomaly.rulebook.signs import ACTIVITIES, EASINGS, read
from rationanomaly.text.evidence import check_evidence, find_quotes
from rationanomaly.text.prompt import Shown, conclude, show
from tests.distilling import settings
from tests.growth import assert_linear

PARAMS = settings("prompt.normalise=false").prompt
ARGUED: tuple[Label | None, ...] = (None, *LABELS)


def shown(log: str) -> Shown:
    return show(log, PARAMS)


def made_up(count: int) -> Iterator[str]:
    """Logs of a few words of a domain around the words of a sign, at times with an easing."""
    rng = random.Random(7)
    for _ in range(count):
        words = rng.sample(sorted(rng.choice(DOMAINS).words), 3)
        sign = rng.choice(rng.choice((FAULTS, FAULTS, ACTIVITIES)))
        easing = rng.choice(("", "", "", rng.choice(sorted(rng.choice(EASINGS).words))))
        yield f"{words[0]} {words[1]}: {rng.choice(sorted(sign.words))} {words[2]} <*> {easing}".strip()


@pytest.mark.parametrize("argue", ARGUED)
def test_every_analysis_has_its_length_its_quotes_and_no_verdict(argue: Label | None) -> None:
    for number, log in enumerate(made_up(1500)):
        analysis = write_analysis(shown(log), argue, random.Random(number))
        assert SHORTEST <= len(conclude(analysis, "abnormal").split()) <= LONGEST, analysis
        assert check_evidence(analysis, shown(log)).grounded, analysis
        assert "normal" not in analysis.lower() and "{" not in analysis
        assert not any(bad in analysis for bad in (",,", ",.", ",;", "..", "  ")), analysis


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_the_longest_quotes_leave_room_in_every_domain(domain: Domain) -> None:
    word = next(word for word in sorted(domain.words) if word.isalpha() and domain_of((word,)) is domain)
    for sign in FAULTS:
        phrase = max(sorted(sign.words), key=lambda text: (len(text.split()), text)).replace(" ", " <*> ")
        for argue in ARGUED:
            analysis = write_analysis(shown(f"{word} {word}x {word}y <*> {phrase} <*> seen"), argue, random.Random(1))
            assert SHORTEST <= len(conclude(analysis, "normal").split()) <= LONGEST, analysis


def test_the_first_sentence_does_not_depend_on_the_side() -> None:
    for number, log in enumerate(made_up(200)):
        quoted = {write_analysis(shown(log), argue, random.Random(number)).split(". ")[0] for argue in ARGUED}
        assert len(quoted) == 1


@pytest.mark.parametrize(
    ("log", "label"),
    [("disk error on sda", "abnormal"), ("disk error corrected", "normal"), ("disk added", "normal")],
)
def test_the_words_decide_where_no_side_is_asked_for(log: str, label: Label) -> None:
    free = [write_analysis(shown(log), None, random.Random(seed)) for seed in range(20)]
    assert free == [write_analysis(shown(log), label, random.Random(seed)) for seed in range(20)]


def test_two_failures_of_one_part_and_one_failure_of_two_parts_read_differently() -> None:
    logs = ("disk timed out", "disk is full", "disk unreadable", "fan timed out", "dns timed out")
    for seed in range(20):
        bodies = {write_analysis(shown(log), None, random.Random(seed)).split(". ", 1)[1] for log in logs}
        assert len(bodies) == len(logs)


def test_a_verdict_word_of_the_log_is_not_quoted_where_something_else_can_be() -> None:
    for seed in range(20):
        analysis = write_analysis(shown("init process exited abnormally on node seven"), None, random.Random(seed))
        assert "normal" not in analysis


@pytest.mark.parametrize(
    ("log", "quotes"),
    [
        ("Can't locate module snd in kernel tree", ("Can't locate module snd", "kernel tree")),
        ("ecc error in bank 3 was corrected", ("ecc error", "corrected")),
        ("httpd caught SIGTERM, shutting down", ("shutting down", "httpd")),
        ("mmfs: failed to read inode 17", ("failed to read inode", "mmfs")),
    ],
)
def test_quotes_carry_the_evidence(log: str, quotes: tuple[str, ...]) -> None:
    assert find_quotes(write_analysis(shown(log), None, random.Random(0))) == quotes


def test_a_thousand_are_written_without_delay() -> None:
    logs = [shown(log) for log in made_up(1000)]
    started = time.process_time()
    for log in logs:
        write_analysis(log, None, random.Random(0))
    assert time.process_time() - started < 20  # It takes a second.


def test_one_huge_word_is_read_in_linear_time() -> None:
    assert Text.of(Shown.as_it_is("x" * 100_000)).values == 0
    assert_linear(lambda size: Text.of(Shown.as_it_is("x" * size)).values, 50_000)


@pytest.mark.parametrize(("log", "values"), [("a1b2 <*> x 17", 3), ("eth0:1 sda_2 none", 3), ("none_ here", 0)])
def test_a_run_with_a_digit_is_one_value(log: str, values: int) -> None:
    assert Text.of(Shown.as_it_is(log)).values == values


def test_any_tone_is_reached_by_the_made_up_logs() -> None:
    tones = {read(text.words, text.values).tone for text in map(Text.of, map(shown, made_up(300)))}
    assert tones == {"fault", "eased", "plain"}
