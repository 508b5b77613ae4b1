"""`detect --follow` with a scripted model, in a process that a test kills."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from rationanomaly.cli import console
from rationanomaly.cli import detect_stream as under_test
from rationanomaly.errors import RationAnomalyError
from rationanomaly.stream.engine import Engine
from tests.streaming import ScriptedService, stream_params


def follow(state: Path, output: Path, log: Path, model: Path, errors: Path, settings: Sequence[str]) -> None:
    """Follow a log until a signal comes; what is said goes to a file."""
    descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    console.set_up_logging(verbose=False, debug=False)
    opened = Engine.open

    def with_scripted(name: str, *others: Any, **options: Any) -> Engine:
        return opened(ScriptedService(Path(name)), *others, **options)  # type: ignore[arg-type]

    options = under_test.StreamOptions((str(log),), output, "application", None, None, True, state, "json")
    with mock.patch.object(Engine, "open", with_scripted):
        try:
            under_test.detect_stream(str(model), options, stream_params(*settings))
        except RationAnomalyError as error:
            console.show_error(str(error))
            raise SystemExit(error.exit_code) from None
