"""A base and an SFT model for steps that train on several ranks, or are interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.made_once import made_once
from tests.training.bench import MANY, Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench.of(made_once(tmp_path_factory, "bench", Bench.make))


@pytest.fixture(scope="session")
def undisturbed(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SFT of `MANY` steps in one process, without a signal."""

    def make(folder: Path) -> None:
        bench.using(MANY).run("sft", folder / "sft")

    return made_once(tmp_path_factory, "undisturbed", make) / "sft"


@pytest.fixture
def warm_ranks(warm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torchrun and its ranks start in a moment: for tests of what they do then."""
    monkeypatch.setattr(sys, "executable", warm)
