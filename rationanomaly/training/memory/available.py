"""The memory that a new training may take: of the GPU, of the machine, of the container."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def gpu_memory() -> int | None:
    """Free bytes of this process's GPU; None where there is none."""
    import torch

    if not torch.cuda.is_available():
        return None
    free, _total = torch.cuda.mem_get_info(int(os.environ.get("LOCAL_RANK", "0")))
    return int(free)


def machine_memory(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = _CGROUP) -> int | None:
    """Free bytes of this machine, or of its container where that is less; None where neither can be found out."""
    limits = [found for found in (_machine(meminfo), _container(cgroup)) if found is not None]
    return min(limits, default=None)


def _machine(meminfo: Path) -> int | None:
    try:
        _, _, behind = meminfo.read_text(encoding="ascii").partition("MemAvailable:")
        return int(behind.split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return None


def _container(cgroup: Path) -> int | None:
    """What a control group (version 2, else 1) lets a process add; file cache counts as free."""
    for limit, usage, stat, cache in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            maximum, used = (int((cgroup / name).read_text(encoding="ascii")) for name in (limit, usage))
            rows = dict(line.split() for line in (cgroup / stat).read_text(encoding="ascii").splitlines())
            return max(maximum - used + int(rows.get(cache, 0)), 0)
        except (OSError, ValueError):  # No such file, or `max`: no limit.
            continue
    return None
