"""The service with a real engine and a scripted model, in a process that a test ends: python -m … FOLDER.

The first line that it writes is its port.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rationanomaly.review.listening import listen
from rationanomaly.serve import launch
from rationanomaly.stream.engine import Engine
from tests.streaming import ScriptedService, stream_params


def open_engine(model: str, state: Path, params: Any, **_: Any) -> Engine:
    return Engine.open(ScriptedService(Path(model)), state, params)  # type: ignore[arg-type]


@contextmanager
def listen_and_say(*place: Any) -> Iterator[socket.socket]:
    """As `listen`; a port that the test had found free beforehand could be taken by now."""
    with listen(*place) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        yield listener


def main() -> None:
    folder = Path(sys.argv[1])
    params = stream_params("watch.serve.requests_per_second=100000", "watch.serve.request_burst=100000")
    vars(launch)["Engine"] = SimpleNamespace(open=open_engine)
    vars(launch)["listen"] = listen_and_say
    launch.serve(str(folder / "model"), folder / "state", params, port=0)


if __name__ == "__main__":
    main()
