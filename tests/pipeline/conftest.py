"""What tests of compiled pipelines share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from kfp.dsl import pipeline_task


@pytest.fixture(scope="session", autouse=True)
def short_stacks() -> Iterator[None]:
    """KFP asks for its whole stack to know its caller's name, some ninety times for a pipeline.

    Python looks for the source of each frame, and for one without a file, as in a worker of xdist, through all modules:
    seconds for each pipeline once torch is loaded.
    """

    def stack() -> list[tuple[None, None, None, str]]:
        caller = sys._getframe(2).f_code.co_name
        return [(None, None, None, ""), (None, None, None, caller)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_task, "inspect", SimpleNamespace(stack=stack))
        yield
