"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from tests.micro_model import Trained, train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A micro model, for tests that leave its folders as they are."""
    return train(tmp_path_factory.mktemp("trained"))
