"""A process that judges the lines of sources: ``python -m tests.source_process FOLDER``, until it is killed.

The folder holds `streaming.model_folder`'s model and the params of the sources in ``sources.json``; the rows go to
``rows.jsonl``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rationanomaly.params.watch import SourceParams
from rationanomaly.sources.kinds import open_sources
from rationanomaly.stream.engine import Engine
from rationanomaly.stream.output import OutputFile
from rationanomaly.stream.rows import settled_rows, taken_rows
from rationanomaly.stream.run import StreamRun, Writers
from tests.streaming import ScriptedService, stream_params


def main(folder: Path) -> None:
    """Run until the process ends."""
    service = ScriptedService(folder / "model")
    engine = Engine.open(service, folder / "state", stream_params())  # type: ignore[arg-type]
    output = OutputFile(folder / "rows.jsonl", engine.connection)
    source = open_sources(SourceParams.model_validate(json.loads((folder / "sources.json").read_text())))
    assert source is not None
    writers = Writers(
        lambda taken: output.append(taken_rows(taken)), lambda settled: output.append(settled_rows(settled))
    )
    StreamRun(engine, source, writers, 0.05, patient=True).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
