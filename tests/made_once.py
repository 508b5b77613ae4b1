"""A folder that takes long to make and that all workers of one `make test` read: the first that needs it makes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name`` of this run; no test may change what is in it.

    Args:
        factory: of the worker.
        name: of the folder.
        make: fills the folder, empty until then. If it raises, the next worker tries again in another.
    """
    own = factory.getbasetemp()
    # Where there are several workers, the folder of each lies in that of the run.
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (run / f"{name}.lock").open("a+", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if made := lock.read():
            return Path(made)
        folder = factory.mktemp(name)
        make(folder)
        lock.write(str(folder))
        return folder
