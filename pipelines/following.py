"""Follow a run to its end, and cancel one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from pipelines.connection import Server
from pipelines.refusals import SilenceError
from pipelines.run_state import DONE, RunState, read_run
from rationanomaly.errors import PipelineError
from rationanomaly.progress import report

_T = TypeVar("_T")

#: Between two looks at a run.
PAUSE_SECONDS = 10.0
#: Silence of the server for so many looks in a row ends the following, not the run.
PATIENCE = 30


def follow(server: Server, identity: str, tasks: Mapping[str, int]) -> None:
    """Report finished tasks as progress until the run ends.

    Args:
        server: where it runs.
        identity: of the run.
        tasks: name of each task that counts → how often it runs.

    Raises:
        PipelineError: the run failed or was cancelled.
        InfrastructureError: the server refuses, or is silent for too long; the run continues.
        KeyboardInterrupt: says that the run continues.
    """
    try:
        while True:
            state = ask_patiently(server, identity)
            done = sum(min(state.count(name)[end], count) for name, count in tasks.items() for end in DONE)
            report("pipeline", done, sum(tasks.values()), "tasks")
            if state.is_final:
                return check_end(server, state)
            time.sleep(PAUSE_SECONDS)
    except KeyboardInterrupt as error:
        page = server.run_page(identity)
        raise KeyboardInterrupt(f"no longer followed; the run continues: {page}") from error


def check_end(server: Server, state: RunState) -> None:
    """See whether a run that has ended came to a good end.

    Raises:
        PipelineError: it didn't.
    """
    if state.is_good:
        return
    failed = state.failed()
    step = f"step `{failed.name.replace('-', '_')}`" if failed else f"the run is {state.state.lower()}"
    said = (failed.error if failed else None) or state.error
    reason = f": {said.rstrip('.')}" if said else ""
    log = f"`python -m pipelines logs {state.identity} {failed.name}`" if failed else server.run_page(state.identity)
    raise PipelineError(f"the pipeline failed: {step}{reason}", hint=f"See {log}; {server.run_page(state.identity)}")


def cancel(server: Server, identity: str) -> RunState:
    """End a run and wait until it has ended.

    Raises:
        InfrastructureError: the server refuses, or is silent for too long.
    """
    _patiently(lambda: server.ask("cancel the run", "POST", f"/runs/{identity}:terminate"))
    while not (state := ask_patiently(server, identity)).is_final:
        time.sleep(PAUSE_SECONDS)
    return state


def ask_patiently(server: Server, identity: str) -> RunState:
    """A run as it is now, or once the server answers again.

    Raises:
        InfrastructureError: it refuses, or is silent for too long.
    """
    return _patiently(lambda: read_run(server, identity))


def _patiently(ask: Callable[[], _T]) -> _T:
    silences = 0
    while True:
        try:
            return ask()
        except SilenceError:
            silences += 1
            if silences >= PATIENCE:
                raise
            time.sleep(PAUSE_SECONDS)
