"""Fixtures that more than one test file uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from rationanomaly.params import Params, load_params

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public research data beside the checkout; not part of the repository."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not on this machine")
    return folder


@pytest.fixture(scope="session")
def params() -> Params:
    """The embedded default."""
    return load_params(ROOT / "params.yaml")
