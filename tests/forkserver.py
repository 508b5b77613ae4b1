"""The process that multiprocessing forks a test's children from, with what they need loaded.

A process has one such server, and what it has loaded is settled when it starts: each child of a test that comes after
another would load its libraries itself, for seconds. So it is started anew for each kind of children.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver as module
from multiprocessing.context import ForkServerContext
from typing import Any


def forkserver(*modules: str) -> ForkServerContext:
    """A context whose children are forked from a process with these modules; earlier children have ended."""
    server: Any = vars(module)["_forkserver"]
    if server._preload_modules != list(modules):
        server._stop()
        server.set_forkserver_preload(list(modules))
    return multiprocessing.get_context("forkserver")
