"""A command line whose complaints about arguments are inert: a shell puts file names of strangers in a glob's place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from rationanomaly.text.untrusted import for_terminal


class InertGroup(TyperGroup):
    """Writes out what is unsafe in the messages of typer's own errors."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """As typer's."""
        with _inert_messages():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: Any) -> Any:
        """As typer's; arguments of commands are read in here, too."""
        with _inert_messages():
            return super().invoke(ctx)


@contextmanager
def _inert_messages() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Typer's base class of errors has no public name.
        message = getattr(error, "message", None)
        if hasattr(error, "format_message") and isinstance(message, str):
            error.message = for_terminal(message)  # type: ignore[attr-defined]
        raise
