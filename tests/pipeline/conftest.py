"""What tests of compiled pipelines share."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from kfp.dsl import pipeline_task


@pytest.fixture(scope="session", autouse=True)
def short_stacks() -> Iterator[None]:
    """KFP looks up its caller's name with the source of every frame: seconds for each task once torch is loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_task, "inspect", SimpleNamespace(stack=lambda: inspect.stack(context=0)))
        yield
