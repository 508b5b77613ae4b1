"""Secrets out of the environment: params hold names of variables, never values."""

from __future__ import annotations

import os

from rationanomaly.errors import ParamsError
from rationanomaly.params.values import Address, VariableName


def from_environment(name: VariableName, needed_by: str) -> str:
    """The value of an environment variable that params name.

    Args:
        name: of the variable.
        needed_by: who needs it, for the error.

    Raises:
        ParamsError: it is not set, empty, or holds control characters, which would end a header.
    """
    value = os.environ.get(name, "").strip()
    hint = "Set it in the shell or in the pod's secret; secrets are never read from a params file"
    if not value:
        raise ParamsError(f"the environment variable {name} is not set, and {needed_by} needs it", hint=hint)
    if not value.isprintable():
        raise ParamsError(f"the environment variable {name} holds control characters", hint=hint)
    return value


def resolve(url: Address, needed_by: str) -> str:
    """An address of params, taken from the environment where it says so, without a slash at its end.

    Raises:
        ParamsError: see `from_environment`; or the variable holds no http(s) address.
    """
    if not url.startswith("env:"):
        return url.rstrip("/")
    name = url.removeprefix("env:")
    value = from_environment(name, needed_by)
    if not value.startswith(("http://", "https://")):
        hint = "It has to begin with http:// or https://"
        raise ParamsError(f"the environment variable {name} holds no web address", hint=hint)
    return value.rstrip("/")
