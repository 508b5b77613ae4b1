"""The texts that a base learns from are the same wherever the pinned environment is installed."""

from __future__ import annotations

import builtins
import hashlib
import importlib.metadata
import re

import polars as pl
import pytest

from rationanomaly.base import corpus
from rationanomaly.params import Params
from rationanomaly.rulebook import phrases, sentences
from rationanomaly.rulebook.sentences import general_sentences
from rationanomaly.text.harvest import PACKAGES
from tests.conftest import ROOT


def test_general_sentences_hold_nothing_of_python_itself() -> None:
    sentences = general_sentences()
    assert len(sentences) > 50
    assert builtins.__doc__ not in sentences


def test_general_sentences_are_those_that_are_named_in_that_order() -> None:
    """A tokenizer is made of them: whoever changes a sentence or this list changes every base from scratch."""
    assert list(sentences.SOURCES) == [
        "NO_EVIDENCE", "CONCLUSION", "FAULT_OPENINGS", "EASED_OPENINGS", "PLAIN_OPENINGS", "MENTION_OPENINGS",
        "NO_EVIDENCE_OPENINGS", "RISK_FORMS", "HARM_FORMS", "UNEASED_FORMS", "SPECIAL_FORMS", "CHECK_FORMS",
        "PART_FORMS", "ORDINARY_FORMS", "EASING_FORMS", "LEFT_ALONE", "EXCUSE_FORMS", "SUSPICION_FORMS",
        "SUSPICION_HARM_FORMS", "SUSPICION_CHECKS", "NO_EVIDENCE_IMPLICATIONS", "NO_EVIDENCE_CALM",
        "NO_EVIDENCE_ALARM", "DOMAINS", "SPECIAL", "FAULTS", "EASINGS", "ACTIVITIES", "RULED_OUT", "VALUES",
        "MENTION",
    ]  # fmt: skip
    digest = hashlib.sha256("\n".join(general_sentences()).encode()).hexdigest()
    assert digest == "ccfadac35f135498e070f74a36ecfa1b79ddc32daa1b79b552eb5414fe82339b"


def test_a_new_constant_of_the_rulebook_is_no_general_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    before = general_sentences()
    monkeypatch.setattr(phrases, "LATER", ("This was added later.",), raising=False)
    assert general_sentences() == before


@pytest.mark.parametrize("side", ["validation", "test"])
def test_a_harvested_message_that_is_held_out_stays_out_of_the_corpus(
    params: Params, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    messages = ["Disk <*> Failed", "disk <*> failed", "disk 7 failed", "fan <*> failed", "disk <*> failed again"]
    monkeypatch.setattr(corpus, "harvest", lambda _limit: messages)
    labelled = pl.DataFrame({"template": ["disk <*> failed", "fan <*> failed"], "split": [side, "train"]})
    settings = params.prompt.model_copy(update={"normalise": True})
    assert corpus.harvested(9, labelled, settings) == ["fan <*> failed", "disk <*> failed again"]


def test_messages_are_harvested_from_pinned_packages_alone() -> None:
    pinned = {_normal(name) for name in re.findall(r"^([^#=\s]+)==", (ROOT / "constraints.txt").read_text(), re.M)}
    distributions = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        found = distributions.get(package.split("/")[0], [])
        assert found, package
        assert {_normal(name) for name in found} <= pinned, package


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
