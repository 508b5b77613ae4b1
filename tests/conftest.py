"""Fixtures that more than one test file uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rationanomaly.params import Params, load_params
from tests.scripted_endpoint import Script, serving

ROOT = Path(__file__).resolve().parents[1]
#: Folders whose files share a pipeline run that takes minutes.
_TOGETHER = ("component",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several workers (`make test`) share the tests out by file, so that what a file has set up is set up once."""
    for item in items:
        folder = item.path.parent.name
        group = folder if folder in _TOGETHER else str(item.path.relative_to(ROOT))
        item.add_marker(pytest.mark.xdist_group(group))


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
