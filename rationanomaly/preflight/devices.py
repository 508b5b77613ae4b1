"""The GPUs and their driver, asked of the driver's own library: torch would take seconds to say so.

``libcuda`` is loaded and asked; nothing is set up on a GPU, so no memory of it is taken.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

_LIBRARY = "libcuda.so.1"


@dataclass(frozen=True)
class Devices:
    """What a machine, or a pod, has.

    Attributes:
        memory: bytes of each visible GPU.
        driver: the newest CUDA that the driver can run, as (major, minor); None: no driver.
        torch: the CUDA that torch was built for; None: a build for CPUs.
    """

    memory: tuple[int, ...] = ()
    driver: tuple[int, int] | None = None
    torch: tuple[int, int] | None = None


def read_devices() -> Devices:
    """Ask the driver and torch's files; without a driver there are no GPUs."""
    built = _torch_cuda()
    try:
        cuda = ctypes.CDLL(_LIBRARY)
    except OSError:
        return Devices(torch=built)
    number = ctypes.c_int()
    if cuda.cuDriverGetVersion(ctypes.byref(number)):
        return Devices(torch=built)
    driver = (number.value // 1000, number.value % 1000 // 10)
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(number)):
        return Devices(driver=driver, torch=built)
    return Devices(tuple(_memory(cuda, place) for place in range(number.value)), driver, built)


def _memory(cuda: ctypes.CDLL, place: int) -> int:
    device, size = ctypes.c_int(), ctypes.c_size_t()
    if cuda.cuDeviceGet(ctypes.byref(device), place) or cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device):
        return 0
    return size.value


def _torch_cuda() -> tuple[int, int] | None:
    """What torch's own file says; torch itself is not imported."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    return read_build((Path(found.origin).parent / "version.py").read_text(encoding="utf-8"))


def read_build(text: str) -> tuple[int, int] | None:
    """The CUDA in the text of ``torch/version.py``; None where it names none."""
    named = re.search(r"^cuda\b[^=]*=\s*['\"](\d+)\.(\d+)", text, re.MULTILINE)
    return (int(named[1]), int(named[2])) if named else None
