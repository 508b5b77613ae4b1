"""The benchmark of a GPU runs: its measurements need one, its code does not."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT


def test_the_small_form_measures_both_trainers_on_the_cpu() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--small", "--steps", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SFT: " in done.stdout
    assert "GRPO: " in done.stdout
    assert "generation" in done.stdout
    assert "estimated" in done.stdout
