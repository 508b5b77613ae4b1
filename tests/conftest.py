"""Fixtures that more than one test file uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rationanomaly.params import Params, load_params
from tests.scripted_endpoint import Script, serving

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


@pytest.fixture
def script() -> Script:
    """What the scripted chat endpoint does; a test fills it in."""
    return Script()


@pytest.fixture
def endpoint(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of the scripted chat endpoint, for ``distill.endpoint.url``."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(script) as address:
        yield address
