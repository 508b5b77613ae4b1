"""What an analysis argues for and claims, read from any text."""

from __future__ import annotations

import random
import time

import pytest

from rationanomaly.records import LABELS, Label
from rationanomaly.rulebook.argument import Argument, read_argument
from rationanomaly.rulebook.domains import DOMAINS, GENERAL, sure_domain
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.rationale import write_analysis
from rationanomaly.rulebook.signs import ACTIVITIES, FAULTS, read
from rationanomaly.rulebook.support import support, supported
from rationanomaly.text.prompt import conclude
from tests.unit.test_rulebook_rationale import ARGUED, made_up, shown


def test_the_rulebook_reads_its_own_analyses() -> None:
    count = sides = domains = signs = supports = 0
    for number, log in enumerate(made_up(1000)):
        text = Text.of(shown(log))
        reading = read(text.words, text.values)
        for argue in ARGUED:
            argument = read_argument(write_analysis(shown(log), argue, random.Random(number)))
            count += 1
            sides += argument.side == (argue or ("abnormal" if reading.tone == "fault" else "normal"))
            domain = sure_domain(text.words)
            domains += argument.domains <= {domain.name} or domain is GENERAL
            signs += reading.event.name in argument.signs or (argue == "abnormal" and not argument.signs)
            supports += supported(argument, shown(log)) is not False
    assert sides >= 0.99 * count
    assert domains >= 0.95 * count and signs >= 0.95 * count
    assert supports >= 0.99 * count


def test_a_conclusion_is_no_argument() -> None:
    analysis = write_analysis(shown("disk error on sda"), None, random.Random(0))
    assert {read_argument(conclude(analysis, label)).side for label in LABELS} == {"abnormal"}
    assert read_argument("So the log is abnormal.") == Argument(None)


@pytest.mark.parametrize(
    ("analysis", "side"),
    [
        ("", None),
        ('"disk error" "sda"', None),
        ("The sky is blue and the grass is green.", None),
        ("First, run a long self-test with smartctl. Nothing needs doing: such steps are taken every day.", None),
        ("It failed with an error, yet this is harmless routine.", None),
        ("The drive has failed and must be replaced at once.", "abnormal"),
        ("This is a routine message of a healthy service.", "normal"),
        ("Nothing failed here and no action is required.", "normal"),
        # The rulebook's clauses in somewhat other words.
        ("This shows data in the disk can't be trusted. An admin should run a long smartctl self-test.", "abnormal"),
        ("The disk has no free space left, so jobs cannot write. First, find the full volume with df.", "abnormal"),
        ("This looks like a failure, but the case is expected and handled here. Nobody must act on it.", "normal"),
        ("The error was corrected on the spot. No action is needed.", "normal"),
        ("Nothing in this sounds alarming, but experience with the web server ties it to a fault.", "abnormal"),
        ("It only reports a counter of the network. Such readings are taken regularly, so no action.", "normal"),
        ("Nothing needs doing. The node stops at once. First, save the trace or vmcore before the reboot.", None),
        ("A setting of the clock service changed. As this adjustment is made on purpose, no action.", "normal"),
    ],
)
def test_texts_of_others_are_read_too(analysis: str, side: Label | None) -> None:
    assert read_argument(analysis).side == side


def test_claims_are_read_from_somewhat_other_words() -> None:
    argument = read_argument("It means the data in the RAID controller can't be trusted any longer.")
    assert argument.signs == {"corrupt"} and argument.domains == {"raid"}
    assert "exhausted" in read_argument("There is just no free space left on this device.").signs


@pytest.mark.parametrize(
    ("log", "analysis", "expected"),
    [
        ("smartd: sda has pending sectors", "The disk predicts its own breakdown before long.", True),
        ("smartd: sda has pending sectors", "Only part of the disk still works as intended.", True),
        ("smartd: sda has pending sectors", "The disk refused access that was asked for.", False),
        ("smartd: sda has pending sectors", "The clock service predicts its own breakdown before long.", False),
        ("smartd: sda has pending sectors", "It is what it is.", None),
        ("ntpd: clock adjusted", "The clock service has lost synchronisation with its peers.", False),
        ("ntpd: clock adjusted", "A setting of the clock service was changed.", True),
        ("no errors found on disk", "A step within the disk ended with an error.", False),
        ("quite odd", "The disk wrote a remark about its own work.", True),
    ],
)
def test_support(log: str, analysis: str, expected: bool | None) -> None:
    assert supported(read_argument(analysis), shown(log)) is expected


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a. ", '"', "data ", "'t ", "…\u200b", "{topic} "),
        *("disk no longer trusted ", "First, run a long self-test with smartctl. "),
    ],
)
def test_a_huge_text_is_read_at_once(piece: str) -> None:
    read_argument("warm")
    started = time.process_time()
    read_argument(piece * (100_000 // len(piece)))
    assert time.process_time() - started < 2


DISK = "smartd: sda has pending sectors"


@pytest.mark.parametrize(
    "analysis",
    [
        "It is not the case that the disk predicts its own breakdown before long.",
        "It is a lie that the disk predicts its own breakdown before long.",
        "The disk predicts its own breakdown before long. This is pure fiction.",
        "The disk predicts its own breakdown before long. Penguins waddle over ice while a violin sings.",
        "The disk predicts its own breakdown before long. There is not nothing to do.",
        "Own its disk long the before predicts breakdown no.",
    ],
)
def test_what_is_denied_foreign_or_in_no_order_is_not_paid_in_full(analysis: str) -> None:
    assert support(read_argument("The disk predicts its own breakdown before long."), shown(DISK)) == 1
    assert support(read_argument(analysis), shown(DISK)) < 1


def test_a_denied_clause_claims_nothing_and_speaks_for_neither_side() -> None:
    found = read_argument("The disk never predicts its own breakdown before long.")
    assert found.signs == frozenset() and found.denied == {"wearing"} and found.side is None
    assert supported(found, shown(DISK)) is False


@pytest.mark.parametrize(
    "analysis",
    ["Jobs on it may be killed.", "Look for a leak.", "Nothing in it tells of an attack.", "It may have been refused."],
)
def test_a_consequence_advice_or_denial_claims_nothing(analysis: str) -> None:
    found = read_argument(analysis)
    assert not found.signs and not found.named
    assert supported(found, shown(DISK)) is None


def test_what_is_true_of_any_log_is_worth_half_where_more_is_known() -> None:
    vague = "A piece of work was left undone. First, read the lines just before this one."
    assert support(read_argument(vague), shown("disk error on sda")) == 0.5
    assert support(read_argument(vague), shown("frob error on quux")) == 1
    assert support(read_argument("The caller does not get what it asked for."), shown("frob error on quux")) == 0


def test_of_a_log_without_words_nothing_is_to_be_claimed() -> None:
    values = shown("12 77 0 9930")
    assert support(read_argument("Nobody has to act on bare numbers."), values) == 1
    for claim in ("The disk finished a piece of work.", "The entry speaks of the system without any complaint."):
        assert support(read_argument(claim), values) == 0


def test_every_text_of_the_rulebook_is_supported() -> None:
    """A sample of all parts and events, for both labels; an excuse of few words may claim nothing."""
    rng = random.Random(3)
    for domain in (*DOMAINS, GENERAL):
        sign = rng.choice((*FAULTS, *ACTIVITIES))
        word = rng.choice(sorted(domain.words) or ["frob"])
        log = shown(f"{word}: {rng.choice(sorted(sign.words))} here")
        for label in LABELS:
            analysis = write_analysis(log, label, rng)
            argument = read_argument(analysis)
            assert argument.side == label, analysis
            assert support(argument, log) == 1 or (argument.wordings and supported(argument, log) is not False), (
                analysis
            )
