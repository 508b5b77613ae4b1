"""The texts that a base learns from are the same wherever the pinned environment is installed."""

from __future__ import annotations

import builtins
import importlib.metadata
import re

from rationanomaly.base.corpus import general_sentences
from rationanomaly.base.harvest import PACKAGES
from tests.conftest import ROOT


def test_general_sentences_hold_nothing_of_python_itself() -> None:
    sentences = general_sentences()
    assert len(sentences) > 50
    assert builtins.__doc__ not in sentences


def test_messages_are_harvested_from_pinned_packages_alone() -> None:
    pinned = {_normal(name) for name in re.findall(r"^([^#=\s]+)==", (ROOT / "constraints.txt").read_text(), re.M)}
    distributions = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        found = distributions.get(package.split("/")[0], [])
        assert found, package
        assert {_normal(name) for name in found} <= pinned, package


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
