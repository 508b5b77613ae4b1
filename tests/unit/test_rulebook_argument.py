"""What an analysis argues for and claims, read from any text."""

from __future__ import annotations

import random
from itertools import product

import pytest

from rationanomaly.records import LABELS, Label
from rationanomaly.rulebook import phrases
from rationanomaly.rulebook.argument import Argument, read_argument
from rationanomaly.rulebook.domains import DOMAINS, GENERAL, sure_domain
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.rationale import write_analysis
from rationanomaly.rulebook.signs import ACTIVITIES, EASINGS, FAULTS, MENTION, read
from rationanomaly.rulebook.support import support, supported
from rationanomaly.text.prompt import conclude
from tests.growth import assert_linear
from tests.unit.test_rulebook_rationale import ARGUED, made_up, shown

SIGNS = {sign.name: sign for sign in (*FAULTS, *EASINGS, *ACTIVITIES, MENTION)}
TOPICS = {domain.name: domain.topic for domain in DOMAINS}


def happened(sign: str, domain: str = "disk") -> str:
    """A sentence that says in the rulebook's words what happened to a part."""
    return f"In the case of {TOPICS[domain]} {SIGNS[sign].meanings[0]}."


def followed(sign: str) -> str:
    """A sentence that says in the rulebook's words what may follow."""
    return phrases.RISK_FORMS[0].format(risk=SIGNS[sign].risks[0])


def reworded(sentence: str) -> str:
    """A sentence in somewhat other words: the longest one is another."""
    return sentence.replace(max(sentence.rstrip(".").split(), key=len), "something")


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
        ("Action is needed: such steps are taken every day.", None),
        ("The drive has failed and must be replaced at once.", "abnormal"),
        ("This is a routine message of a healthy service.", "normal"),
        ("The surface of it is worn there.", "abnormal"),
        ("Plan to swap it next week.", "abnormal"),
        ("Nothing failed here and no action is required.", "normal"),
        # The rulebook's clauses in somewhat other words.
        ("This shows data in the disk can't be trusted. An admin should run a long smartctl self-test.", "abnormal"),
        ("The disk has no free space left, so jobs cannot write. First, find the full volume with df.", "abnormal"),
        ("This looks like a failure, but the case is expected and handled here. Nobody must act on it.", "normal"),
        ("The error was corrected on the spot. No action is needed.", "normal"),
        ("It only reports a counter of the network. Such readings are taken regularly, so no action.", "normal"),
        ("Nothing needs doing. The node stops at once. First, save the trace or vmcore before the reboot.", None),
        ("A setting of the clock service changed. As this adjustment is made on purpose, no action.", "normal"),
    ],
)
def test_texts_of_others_are_read_too(analysis: str, side: Label | None) -> None:
    assert read_argument(analysis).side == side


@pytest.mark.parametrize("form", phrases.SUSPICION_FORMS)
def test_a_suspicion_in_somewhat_other_words_speaks_for_a_fault(form: str) -> None:
    assert read_argument(reworded(form)).side == "abnormal"


@pytest.mark.parametrize("sign", ["corrupt", "exhausted", "silent"])
def test_claims_are_read_from_somewhat_other_words(sign: str) -> None:
    clause = max(SIGNS[sign].meanings, key=lambda text: len(text.split()))
    argument = read_argument(f"It means that, as far as {TOPICS['raid']} goes, {clause} once more.")
    assert argument.signs == {sign} and argument.domains == {"raid"}


@pytest.mark.parametrize(
    ("log", "analysis", "expected"),
    [
        ("smartd: sda has pending sectors", happened("wearing"), True),
        # Another sign of the same family.
        ("smartd: sda has pending sectors", happened("degraded"), True),
        ("smartd: sda has pending sectors", happened("denied"), False),
        ("smartd: sda has pending sectors", followed("denied"), False),
        ("smartd: sda has pending sectors", happened("wearing", "time"), False),
        ("smartd: sda has pending sectors", "It is what it is.", None),
        ("ntpd: clock adjusted", happened("desynchronised", "time"), False),
        ("ntpd: clock adjusted", happened("change", "time"), True),
        ("no errors found on disk", happened("failed"), False),
        ("quite odd", happened("mention"), True),
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
def test_a_huge_text_is_read_in_linear_time(piece: str) -> None:
    assert_linear(lambda size: read_argument(piece * (size // len(piece))), 8_000)


DISK = "smartd: sda has pending sectors"
WEARING = happened("wearing")


@pytest.mark.parametrize(
    "analysis",
    [
        f"It is not the case that {WEARING}",
        f"It is a lie that {WEARING}",
        f"{WEARING} This is pure fiction.",
        f"{WEARING} Penguins waddle over ice while a violin sings.",
        f"{WEARING} There is not nothing to do.",
        f"{WEARING} Whoever reads this may give it all that there is to give.",
        f"{' '.join(WEARING.rstrip('.').split()[::-1])}.",
    ],
)
def test_what_is_denied_foreign_unknown_or_in_no_order_is_not_paid_in_full(analysis: str) -> None:
    assert support(read_argument(WEARING), shown(DISK)) == 1
    assert support(read_argument(analysis), shown(DISK)) < 1


def test_no_sentence_of_the_rulebook_takes_itself_back() -> None:
    """`It says "…": no host of that name is known` doesn't say that it is not so that something happened."""
    meanings = [clause for sign in (*FAULTS, *ACTIVITIES) for clause in sign.meanings]
    risks = [risk for sign in FAULTS for risk in sign.risks]
    risks += (risk for domain in DOMAINS for harms in domain.harms.values() for risk in harms)
    texts = [f'It says "x": {clause}.' for clause in meanings]
    texts += (form.format(risk=risk) for form in phrases.RISK_FORMS for risk in risks)
    assert [text for text in texts if read_argument(text).retracted] == []


@pytest.mark.parametrize(
    "denial",
    ["It is not the case that", "It is, however, untrue that", "This is not to say that", "It is impossible that"],
)
def test_who_says_that_it_is_not_so_takes_a_text_back(denial: str) -> None:
    assert read_argument(f"{denial} a witch did it.").retracted


@pytest.mark.parametrize("opposite", ["avoid to", "refrain from what would"])
def test_who_advises_against_a_check_doesnt_advise(opposite: str) -> None:
    check = "compare the contents with an intact copy."
    assert read_argument(f"First, {check}").side == "abnormal"
    assert read_argument(f"First, {opposite} {check}").side is None


def test_what_a_log_calls_impossible_may_be_called_so() -> None:
    assert not read_argument('It says "bad state": such a state is impossible.').retracted


def test_a_denied_clause_claims_nothing_and_speaks_for_neither_side() -> None:
    found = read_argument(f"Never {WEARING}")
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


def test_what_is_true_of_any_failure_is_worth_half_where_more_is_known() -> None:
    """Whether by the part that failed or by how it did."""
    checked = phrases.CHECK_FORMS[0].format(check=phrases.SUSPICION_CHECKS[0])
    for risk in SIGNS["failed"].risks:
        vague = f"{phrases.RISK_FORMS[0].format(risk=risk)} {checked}"
        assert support(read_argument(vague), shown("disk error on sda")) == 0.5
        assert support(read_argument(vague), shown("frob error on quux, quux is corrupt")) == 0.5
        assert support(read_argument(vague), shown("frob error on quux")) == 1
    assert support(read_argument(followed("denied")), shown("frob error on quux")) == 0


def test_a_suspicion_is_worth_all_where_nothing_more_is_known() -> None:
    for form in phrases.SUSPICION_FORMS:
        assert support(read_argument(form), shown("quite odd")) == 1
        assert support(read_argument(form), shown("no scrub of frob")) == 1
        assert support(read_argument(form), shown("disk sda was added")) == 0.5
        assert support(read_argument(form), shown("disk error on sda")) == 0


def test_a_name_within_a_clause_is_no_claim_of_a_domain() -> None:
    """ "The program wants a class" is said of any part, "the program, which runs its own code" is not."""
    clause = next(m for sign in FAULTS for m in sign.meanings if m.startswith(f"{TOPICS['software']} "))
    assert read_argument(f"The log reports this: {clause}.").domains == set()
    assert read_argument(happened("wearing", "software")).domains == {"software"}


def test_of_a_log_without_words_nothing_is_to_be_claimed() -> None:
    values = shown("12 77 0 9930")
    assert support(read_argument("Nobody has to act on bare numbers."), values) == 1
    for claim in (happened("end"), happened("wearing"), "The entry speaks of the system without any complaint."):
        assert support(read_argument(claim), values) == 0


def test_all_that_is_said_of_a_log_without_words_argues_for_its_label() -> None:
    values = shown("12 77 0 9930")
    endings = {"normal": phrases.NO_EVIDENCE_CALM, "abnormal": phrases.NO_EVIDENCE_ALARM}
    for opening, implication in product(phrases.NO_EVIDENCE_OPENINGS, phrases.NO_EVIDENCE_IMPLICATIONS):
        for label, ending in ((label, ending) for label, few in endings.items() for ending in few):
            argument = read_argument(f"{opening} {implication} {ending}")
            assert (argument.side, support(argument, values)) == (label, 1), (implication, ending)


def test_no_sentence_of_the_rulebook_is_unread() -> None:
    for number, log in enumerate(made_up(100)):
        for argue in ARGUED:
            analysis = write_analysis(shown(log), argue, random.Random(number))
            assert read_argument(analysis).unread == 0, analysis
    harms = [harm for domain in DOMAINS for few in domain.harms.values() for harm in few]
    # One of them holds hardly a word that few clauses hold: "the program does not run on this node".
    assert [harm for harm in harms if read_argument(phrases.RISK_FORMS[0].format(risk=harm)).unread] == []
    for number, forms in phrases.MENTION_OPENINGS.items():
        # Two of them differ in nothing but "is" and "are".
        assert [read_argument(form.format(*"ab"[:number])).unread for form in forms] == [0] * len(forms)
    assert read_argument("Nobody has to act on this line alone. This line came by night.").unread == 1
    assert read_argument("The entry came by night.").unread == 1


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
