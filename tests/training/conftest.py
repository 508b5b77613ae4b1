"""A base and an SFT model for steps that train on several ranks, or are interrupted."""

from __future__ import annotations

import pytest

from tests.made_once import made_once
from tests.training.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench.of(made_once(tmp_path_factory, "bench", Bench.make))
