"""Verdicts as they are written."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from rationanomaly.detection.log_lines import write_verdicts


def test_a_verdict_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BufferedWriter(pipe)))
    written: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(3):
            written.append(pipe.getvalue().count(b"\n"))
            yield {"line": number}

    write_verdicts(rows(), None)
    assert written == [0, 1, 2]
