"""The benchmark of a GPU runs: its measurements need one, its code does not."""

from __future__ import annotations

import sys

import pytest

from benchmarks import gpu


def test_the_small_form_measures_both_trainers_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu", "--small", "--steps", "1"])
    assert gpu.main() == 0
    out = capsys.readouterr().out
    assert "SFT: " in out
    assert "GRPO: " in out
    assert "generation" in out
    assert "estimated" in out
