"""The service with a real engine and a scripted model, in a process that a test ends: python -m … FOLDER PORT."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rationanomaly.serve import launch
from rationanomaly.stream.engine import Engine
from tests.streaming import ScriptedService, stream_params


def open_engine(model: str, state: Path, params: Any, **_: Any) -> Engine:
    return Engine.open(ScriptedService(Path(model)), state, params)  # type: ignore[arg-type]


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    params = stream_params("watch.serve.requests_per_second=100000", "watch.serve.request_burst=100000")
    vars(launch)["Engine"] = SimpleNamespace(open=open_engine)
    launch.serve(str(folder / "model"), folder / "state", params, port=port)


if __name__ == "__main__":
    main()
