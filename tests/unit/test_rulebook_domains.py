"""What the rulebook knows of each part: complete, distinct, in words that can stand in an analysis."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from rationanomaly.rulebook.domains import DOMAINS, GENERAL, Domain, domain_of, sure_domain
from rationanomaly.rulebook.families import FAMILIES
from rationanomaly.rulebook.signs import FAULTS, STOP_WORDS
from rationanomaly.rulebook.specials import SPECIAL
from tests.growth import assert_linear

#: Only a conclusion says these; and what no text of ours says.
FORBIDDEN = re.compile(r"\b(?:ab)?normal|anomal|figures|[\"`“”]|\.$", re.IGNORECASE)
EVERY = (*DOMAINS, GENERAL)


def texts(domain: Domain) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Kind, family and wordings of all that follows from a fault there."""
    for family in FAMILIES:
        yield "harm", family, domain.harms[family]
        yield "check", family, domain.checks[family]


def content(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]{4,}", text.lower()) if word not in {"with", "that", "from", "their"}}


def test_there_are_enough_domains_of_different_names() -> None:
    assert len(DOMAINS) >= 27
    assert len({domain.name for domain in EVERY}) == len({domain.topic for domain in EVERY}) == len(EVERY)


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_every_domain_is_complete(domain: Domain) -> None:
    assert re.match(r"(?:the|a|an) |access control$", domain.topic)
    assert len(domain.roles) >= 2 and domain.sources
    assert all(word == word.lower() and re.fullmatch(r"[a-z0-9]+", word) for word in domain.words)
    assert not domain.words & STOP_WORDS
    assert len(domain.words) >= 10 and domain.hints <= domain.words
    assert tuple(domain.harms) == tuple(domain.checks) == FAMILIES
    for kind, family, wordings in texts(domain):
        assert len(set(wordings)) >= 2, (kind, family)
        for text in wordings:
            assert (5 if kind == "harm" else 6) <= len(text.split()) <= 12, text
            assert text[0].islower() and not FORBIDDEN.search(text), text
            assert kind == "check" or not re.search(r"\b(?:may|might|could)\b", text), "the form says so"


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_wordings_of_one_domain_are_different_sentences(domain: Domain) -> None:
    for kind, family, wordings in texts(domain):
        assert len({tuple(text.split()[:2]) for text in wordings}) == len(wordings), (kind, family)
    for wanted in ("harm", "check"):
        all_of_kind = [text for kind, _, wordings in texts(domain) if kind == wanted for text in wordings]
        for place, text in enumerate(all_of_kind):
            for other in all_of_kind[:place]:
                one, two = content(text), content(other)
                assert len(one & two) <= 0.5 * len(one | two), (text, other)


def test_no_text_serves_two_domains() -> None:
    counts = Counter(text for domain in DOMAINS for _, _, wordings in texts(domain) for text in wordings)
    assert [text for text, count in counts.items() if count > 1] == []


def test_specials_say_more_of_known_domains() -> None:
    assert len(SPECIAL) >= 120
    assert {name for name, _ in SPECIAL} <= {domain.name for domain in DOMAINS}
    assert {sign for _, sign in SPECIAL} <= {sign.name for sign in FAULTS}
    clauses = [clause for wordings in SPECIAL.values() for clause in wordings]
    assert len(set(clauses)) == len(clauses)
    for clause in clauses:
        assert 8 <= len(clause.split()) <= 18, clause
        assert not FORBIDDEN.search(clause), clause


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("EDAC MC0: 1 UE on DIMM_A1, ecc syndrome", "memory"),
        ("kswapd0: page allocation failure, order 4, swap is full", "virtual memory"),
        ("tlb invalidate pending, icache tag mismatch", "cache"),
        ("CPU 3: machine check, register dump follows", "processor"),
        ("NVRM: Xid 79, GPU has fallen off the bus", "accelerator"),
        ("chassis slot 4: board inventory unreadable", "hardware"),
        ("PSU 2 output voltage low, running on battery", "power"),
        ("fan tray 1 at 900 rpm, inlet temperature rising", "cooling"),
        ("pcieport 0000:00:1c.0: AER corrected, receiver lane 3", "bus"),
        ("jtag scan of chip asic returned wrong ecid", "controller"),
        ("UEFI: bootloader signature rejected, falling to PXE", "firmware"),
        ("sda: medium error, 8 reallocated sectors", "disk"),
        ("md0: resync of array aborted, one mirror failed", "raid"),
        ("multipathd: remaining paths of lun 5: 0", "storage network"),
        ("EXT4-fs: inode 1743 in bitmap but deleted, remounting", "filesystem"),
        ("LustreError: OST0004 evicted this client, ldlm lock lost", "parallel filesystem"),
        ("eth2: carrier lost, bonding switched the interface", "network"),
        ("mlx5: qp 17 retry exceeded, lid 44 in fabric", "interconnect"),
        ("named: zone transfer refused, SERVFAIL for lookup", "name service"),
        ("upstream timed out while reading http response", "web"),
        ("postfix: recipient mailbox full, message deferred", "mail"),
        ("TLS handshake: certificate has expired", "tls"),
        ("sshd: wrong password for user carol", "security"),
        ("slurmctld: job 8812 requeued, walltime too short", "scheduler"),
        ("mpirun: rank 3 left the communicator", "mpi"),
        ("crond: anacron daily run skipped", "cron"),
        ("containerd: overlay layer digest differs, image pull ended", "container"),
        ("kubelet: liveness probe of pod web-1 failed", "kubernetes"),
        ("libvirtd: guest vm-7 left, qemu closed its monitor", "virtualisation"),
        ("java: heap grew to its limit, gc took 12 s", "jvm"),
        ("kafka broker 2: consumer group is behind, isr shrank", "message queue"),
        ("namenode: replication of block is below two datanodes", "distributed data"),
        ("innodb: deadlock between two transactions", "database"),
        ("chronyd: stratum 16, clock not synchronised", "time"),
        ("ld.so: shared library has an undefined symbol", "loader"),
        ("rsyslogd: imuxsock begins to drop lines", "logging"),
        ("dnf: dependency of package foo not in repository", "packages"),
        ("kernel oops in driver foo, stack follows", "kernel"),
        ("ciod: stream to ionode closed", "io daemon"),
    ],
)
def test_the_domain_of_a_line(log: str, name: str) -> None:
    assert domain_of(re.findall(r"[a-z]{2,}", log.lower())).name == name


def test_a_shared_word_goes_to_the_closer_domain() -> None:
    assert domain_of(["link"]).name == "interconnect"
    assert domain_of(["port", "link", "torus"]).name == "interconnect"
    assert domain_of(["link", "ethernet"]).name == "network"
    assert domain_of(["module", "node"]).name == "hardware"


def test_among_equally_close_domains_the_first_named_counts() -> None:
    assert domain_of(["raid", "gpu"]).name == "raid"
    assert domain_of(["gpu", "raid"]).name == "accelerator"


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("smartctl lists a bad sector", "disk"),
        ("the link is bad", "general"),
        ("node seven", "general"),
        ("node seven: module three of the board", "hardware"),
    ],
)
def test_a_word_that_other_parts_share_does_not_tell_a_domain_alone(log: str, name: str) -> None:
    assert sure_domain(re.findall(r"[a-z]{2,}", log)).name == name


def test_words_of_no_domain_are_general() -> None:
    assert domain_of([]) is domain_of(["quite", "so", ""]) is GENERAL


def test_a_huge_log_is_read_in_linear_time() -> None:
    assert_linear(lambda size: domain_of(["link", "raid", "quite", "so", "gpu"] * size), 50_000)
