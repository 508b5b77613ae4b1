"""docs/distill.md says what the code does."""

from __future__ import annotations

import re

from benchmarks.distill_examples import LOGS, examples
from rationanomaly.distill.checks import CHECKS
from rationanomaly.distill.teachers.registry import TEACHERS
from rationanomaly.rulebook.domains import DOMAINS, domain_of
from tests.conftest import ROOT

DOC = (ROOT / "docs" / "distill.md").read_text(encoding="utf-8")


def test_the_examples_are_what_the_teacher_writes() -> None:
    assert DOC.endswith(examples())


def test_every_domain_has_two_examples_of_its_own() -> None:
    assert {domain.name for domain in DOMAINS} <= set(LOGS)
    for name, logs in LOGS.items():
        for log, _ in logs:
            found = domain_of(re.findall(r"[a-z]{2,}", log.lower())).name
            assert found == ("general" if name == "no words" else name), log


def test_every_reason_and_every_teacher_is_explained() -> None:
    for name in (*CHECKS, *TEACHERS):
        assert f"`{name}`" in DOC
