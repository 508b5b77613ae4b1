"""What a local pipeline run says: all of it goes into a file, progress and results to whoever listens.

KFP writes the output of every component to standard output, the params document and all. Components mark their
progress (`component.PROGRESS_MARK`), so the run shows the same bars as `rationanomaly STEP`.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import re
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import TextIO

from rationanomaly.component import FAILURE_MARK, PROGRESS_MARK
from rationanomaly.progress import report

logger = logging.getLogger(__name__)

_COLOUR = re.compile(r"\x1b\[[0-9;]{0,8}m")
_STATUS = re.compile(r"Task '([a-z]{1,40})' finished with status (\w{1,20})")


@contextlib.contextmanager
def captured(path: Path) -> Iterator[None]:
    """Write standard output to ``path`` and pass on progress, finished steps and failures."""
    with path.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(RunLog(file)):
        yield


class RunLog(io.TextIOBase):
    """Takes KFP's output line by line."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._rest = file, ""
        self._context = copy_context()  # KFP may write from another thread, which would not see our listener.

    def write(self, text: str) -> int:
        """Keep everything, pass on what people want to see."""
        self._file.write(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._context.run(_pass_on, line)
        return len(text)

    def flush(self) -> None:
        """Make what was written visible in the file."""
        self._file.flush()


def _pass_on(line: str) -> None:
    _, marked, document = line.partition(PROGRESS_MARK)
    if marked:
        with contextlib.suppress(ValueError, TypeError):
            report(**json.loads(document))
        return
    _, failed, message = line.partition(FAILURE_MARK)
    if failed:
        logger.error("%s", message.strip())
    elif status := _STATUS.search(_COLOUR.sub("", line)):
        step, state = status.groups()
        if state == "SUCCESS":
            report(f"step {step}", 1, 1, "step")
