"""Fixtures that more than one test file uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from rationanomaly.params import Params, load_params
from tests.scripted_endpoint import Script, serving
from tests.warm_python import warm_python

ROOT = Path(__file__).resolve().parents[1]
# Without a deadline, nor a word about slowness: a busy machine is no fault of the code. What asks for a number of its
# own gets it. Where a change waits to land, examples are the same each time: new ones are for who can look at them.
settings.register_profile(
    "rationanomaly",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("rationanomaly")
#: Folders whose files share a pipeline run that takes minutes.
_TOGETHER = ("tests/component",)
#: Files with tests of minutes, none of which has anything set up that the others use.
_APART = ("tests/training/test_kills.py", "tests/training/test_strategies.py")
#: What comes first, so that no worker has minutes before it when the others are done.
_FIRST = (*_TOGETHER, "tests/end_to_end/test_dvc.py", *_APART, "tests/pipeline/test_experiment.py")


class _ByFile(LoadScopeScheduling):
    """Shares tests out to several workers (`make test`) by file: what a file has set up is set up once."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        folder = path.rpartition("/")[0]
        return folder if folder in _TOGETHER else nodeid if path in _APART else path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring forward what takes longest."""

    def place(item: pytest.Item) -> int:
        return next((place for place, path in enumerate(_FIRST) if item.nodeid.startswith(path)), len(_FIRST))

    items.sort(key=place)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFile:
    """Called where several workers are asked for."""
    return _ByFile(config, log)


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


@pytest.fixture(scope="session")
def warm() -> Iterator[str]:
    """For ``sys.executable``: a Python that has loaded the libraries; not for tests of how a process starts."""
    with warm_python() as python:
        yield python


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
