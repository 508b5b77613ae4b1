"""Seconds until a preflight has found ten planted faults, and until it gives up on servers that hang.

python -m benchmarks.preflight

The servers are doubles on this machine, so that what counts is the preflight itself. Each run is a process of its own,
with all its imports, as in a pod.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rationanomaly.preflight.checks import CHECKS, run_checks
from rationanomaly.preflight.findings import table
from tests.preflight_doubles import servers
from tests.unit import test_preflight

TARGET_SECONDS = 10.0


def find(hang: bool) -> int:
    """Plant the faults, find them, print the table; how many checks found something."""
    with servers() as known, tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        setting = test_preflight.plant_faults(test_preflight.healthy_setting(known, Path(folder)), known, patch)
        if hang:
            known.silent |= {test_preflight.CONFIG, "/v1/models", f"{test_preflight.API}/get-by-name"}
        report = run_checks(setting)
        print(table(report))
        return len(report.failed)


def main() -> int:
    """Print the seconds; 1 if a target is missed."""
    if sys.argv[1:]:
        return find(sys.argv[1] == "hang")
    seconds, counts = [], []
    for kind in ("answer", "hang"):
        start = time.monotonic()
        counts.append(subprocess.run([sys.executable, "-m", "benchmarks.preflight", kind], check=False).returncode)
        seconds.append(time.monotonic() - start)
        print(f"servers that {kind}: {seconds[-1]:.1f} s, {counts[-1]} checks found something\n")
    results = {
        "PREFLIGHT_SECONDS": (max(seconds), TARGET_SECONDS, max(seconds) <= TARGET_SECONDS),
        "PREFLIGHT_FOUND": (min(counts), len(CHECKS), min(counts) == len(CHECKS)),
    }
    for name, (value, target, good) in results.items():
        print(f"{name} = {value:.3g} (target {target:g}) {'ok' if good else 'short'}")
    return 0 if all(good for _, _, good in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
