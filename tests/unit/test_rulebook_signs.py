"""What the rulebook reads from the words of a log, and that each sign can say what it means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from rationanomaly.rulebook.activities import ACTIVITIES, EASINGS, MENTION, RULED_OUT, VALUES
from rationanomaly.rulebook.domains import DOMAINS, Domain
from rationanomaly.rulebook.events import Sign
from rationanomaly.rulebook.families import FAMILIES
from rationanomaly.rulebook.faults import FAULTS
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.sentences import general_sentences
from rationanomaly.rulebook.signs import named_faults, read
from rationanomaly.rulebook.specials import SPECIAL
from rationanomaly.text.prompt import show
from tests.distilling import settings

EVERY = (*FAULTS, *EASINGS, *ACTIVITIES, RULED_OUT, VALUES, MENTION)
KEPT = {
    *("exhausted", "exceeded", "corrupt", "stuck", "silent", "denied", "absent"),
    *("stopped", "exception", "lost", "invalid", "degraded", "failed"),
}
KNOWN_BY_WORDS: tuple[Sign | Domain, ...] = (*FAULTS, *EASINGS, *ACTIVITIES, *DOMAINS)
#: Signs of earlier versions that no manual page, source or standard has, only logs that somebody labelled.
OF_LABELLED_DATA = (
    *("respawning too fast", "shutting down socket", "can locate"),
    *("status fault", "too fast", "no longer present", "not present any more"),
)
PLAIN = re.compile("[a-z0-9]+").findall


def words(log: str, *, normalise: bool = False) -> tuple[str, ...]:
    return Text.of(show(log, settings(f"prompt.normalise={str(normalise).lower()}").prompt)).words


def test_there_are_enough_signs_of_different_names() -> None:
    assert len(FAULTS) >= 30
    assert len({sign.name for sign in EVERY}) == len(EVERY)
    assert not KEPT - {sign.name for sign in FAULTS}
    assert {sign.family for sign in FAULTS} == set(FAMILIES)


def clauses(sign: Sign) -> Iterator[tuple[str, str]]:
    """All that is said of it, by kind."""
    for kind in ("meanings", "risks", "benign", "checks", "ordinary"):
        yield from ((kind, clause) for clause in getattr(sign, kind))


@pytest.mark.parametrize("sign", EVERY, ids=lambda sign: sign.name)
def test_what_is_said_of_a_sign_can_stand_in_an_analysis(sign: Sign) -> None:
    for kind, clause in clauses(sign):
        assert (3 if kind == "meanings" else 5) <= len(clause.split()) <= 16, clause
        assert not clause.endswith((".", ",")) and clause[0].islower(), clause
        assert not re.search(r"normal|anomal|figures|[{}\"`“”]", clause), clause


@pytest.mark.parametrize("sign", FAULTS, ids=lambda sign: sign.name)
def test_a_failure_has_a_source_risks_and_checks_and_may_be_harmless(sign: Sign) -> None:
    assert min(len(sign.risks), len(sign.benign), len(sign.checks)) >= 3 and not sign.ordinary
    assert sign.sources and len(sign.words) >= 4
    assert all(phrase == " ".join(re.findall("[a-z0-9]+", phrase)) for phrase in sign.words)
    assert not any(re.search(r"\b(?:may|might|can(?!')|could)\b", risk) for risk in sign.risks), "the form says so"


@pytest.mark.parametrize("sign", [*ACTIVITIES, RULED_OUT, VALUES, MENTION], ids=lambda sign: sign.name)
def test_what_is_no_failure_says_why_nobody_has_to_act(sign: Sign) -> None:
    assert len(sign.ordinary) >= 3 and not (sign.risks or sign.benign or sign.checks)


@pytest.mark.parametrize("sign", EVERY, ids=lambda sign: sign.name)
def test_each_word_of_a_sign_has_one_sense(sign: Sign) -> None:
    counts = Counter(word for sense in sign.senses for word in sense.words)
    assert [word for word, count in counts.items() if count > 1] == []
    assert all(sense.meanings for sense in sign.senses)
    for sense in sign.senses:
        assert all(sign.sense_of(word) is sense for word in sense.words)
    assert sign.sense_of("no word of any sign") is sign.senses[0]


def test_no_two_failures_share_a_word_or_a_wording() -> None:
    for kind in ("words", "risks", "benign", "checks"):
        counts = Counter(text for sign in FAULTS for text in getattr(sign, kind))
        assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(
    ("log", "other"),
    [
        ("disk array failed", "disk array read error"),
        ("page fault at address", "assertion failed at address"),
        ("session opened for user", "session version for user"),
        ("service is up", "service loaded"),
    ],
)
def test_words_of_one_sign_say_what_they_say_themselves(log: str, other: str) -> None:
    assert set(read(words(log)).sense.meanings).isdisjoint(read(words(other)).sense.meanings)


@pytest.mark.parametrize("entry", KNOWN_BY_WORDS, ids=lambda entry: entry.name)
def test_what_is_known_by_words_names_where_they_are_documented(entry: Sign | Domain) -> None:
    assert entry.words and entry.sources
    assert len(set(entry.sources)) == len(entry.sources)
    assert all(re.search("[A-Za-z]{2}", source) for source in entry.sources)


def test_what_is_said_of_single_events_has_the_sources_of_its_part() -> None:
    sources = {domain.name: domain.sources for domain in DOMAINS}
    assert all(sources[name] for name, _ in SPECIAL)
    assert not any(sign.words for sign in (RULED_OUT, VALUES, MENTION)), "known by no words of their own"


@pytest.mark.parametrize("phrase", OF_LABELLED_DATA)
def test_phrases_of_labelled_data_alone_are_nowhere(phrase: str) -> None:
    """Neither by themselves nor as part of a longer one, in what logs are read by and in what is written of them."""
    known = [words for entry in KNOWN_BY_WORDS for words in entry.words]
    assert len(known) > 1000
    assert [text for text in (*known, *general_sentences()) if f" {phrase} " in f" {' '.join(PLAIN(text))} "] == []


@pytest.mark.parametrize(
    ("log", "sign"),
    [
        ("temperature above threshold, cpu clock throttled", "overheated"),
        ("connection reset by peer", "reset"),
        ("connect: connection refused", "refused"),
        ("NIC link is down", "disconnected"),
        ("undefined symbol in libfoo", "unresolved"),
        ("getopt: unknown option given", "misconfigured"),
        ("bind: address already in use", "duplicated"),
        ("kerberos: clock skew too great", "desynchronised"),
        ("remounting filesystem read-only", "unwritable"),
        ("failed to read superblock", "unreadable"),
        ("worker was killed by signal", "killed"),
        ("memory leak in module", "leaking"),
        ("smartd: reallocated sectors grew", "wearing"),
        ("gzip: unexpected end of file", "truncated"),
        ("server version mismatch", "mismatch"),
        ("pam_unix: authentication failure", "unauthenticated"),
        ("ups: on battery after power failure", "powerless"),
        ("etcd: apply took too long", "delayed"),
        ("pod restarts: CrashLoopBackOff", "flapping"),
        ("system call interrupted", "interrupted"),
        ("certificate has expired", "expired"),
        ("nfs: server gone, still trying", "lost"),
    ],
)
def test_fine_signs_are_distinguished(log: str, sign: str) -> None:
    assert named_faults(words(log))[0].name == sign


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_a_contraction_is_read_as_what_it_stands_for(apostrophe: str, normalise: bool) -> None:
    found = words(f"modprobe: Can{apostrophe}t locate module snd", normalise=normalise)
    assert "cannot" in found and "can" not in found
    reading = read(found)
    assert reading.event.name == "absent"
    assert words(f"it didn{apostrophe}t start", normalise=normalise)[-3:] == ("did", "not", "start")
    assert words(f"it won{apostrophe}t start", normalise=normalise)[-3:] == ("will", "not", "start")


def test_an_apostrophe_of_another_kind_stays() -> None:
    assert words("the node's fan isn't it, can' to") == ("the", "node", "fan", "is", "not", "it", "", "can", "to")


def test_the_easing_of_a_failure_has_a_place() -> None:
    found = words("ecc error was corrected")
    reading = read(found)
    assert reading.tone == "eased" and reading.easing_span is not None
    assert found[reading.easing_span.start] == "corrected"
