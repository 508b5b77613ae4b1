"""Keys of teachers: they come from the environment only."""

from __future__ import annotations

import os

from rationanomaly.errors import ParamsError


def from_environment(name: str) -> str:
    """The value of an environment variable that params name.

    Raises:
        ParamsError: it is not set, or empty.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ParamsError(
            f"the environment variable {name} is not set, and the teacher needs it",
            hint="Set it in the shell or in the pod's secret; keys are never read from a file",
        )
    return value
