"""A measurement in a process of its own, so that neither imports nor memory of what measures count."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def measured(module: str, argument: str) -> dict[str, float]:
    """What ``python -m MODULE --measure ARGUMENT`` prints, as JSON, in its last line."""
    command = [sys.executable, "-m", module, "--measure", argument]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def peak_megabytes() -> float:
    """Peak memory of this process; ru_maxrss would count what its parent held when it started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
