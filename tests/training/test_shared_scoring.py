"""Two real ranks share the batches of validation."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def test_two_ranks_compute_half_of_the_passes_each_and_get_the_scores_of_one() -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = [*command, "--module", "tests.training.shared_scoring"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [one["equal"] for one in said] == [True, True]
    assert sum(one["passes"] for one in said) == said[0]["alone"]
    assert max(one["passes"] for one in said) <= said[0]["alone"] / 2 + 1
