"""1,100 connections that say nothing, at servers that may open 1,024 files: others are answered all the same.

How fast, `python -m benchmarks.half_open` measures; here no clock decides.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from benchmarks.half_open import CONNECTIONS, OTHER, SAME, measure
from tests.page_servers import SERVERS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """The client holds more than most processes may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip("this process may not open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("name", SERVERS)
def test_half_open_connections_keep_nobody_out(name: str) -> None:
    measured = measure(name, seconds=3.0)
    assert measured.opened >= CONNECTIONS
    assert set(measured.statuses[OTHER]) == {200}
    assert measured.statuses[SAME][200] > 0
