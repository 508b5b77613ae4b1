"""What a local pipeline run says: all of it goes into a file, progress and results to whoever listens.

KFP writes the output of every component to standard output, the params document and all. Components mark their
progress (`component.PROGRESS_MARK`), so the run shows the same bars as `rationanomaly STEP`.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import logging
import re
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from threading import get_ident
from typing import TextIO

from rationanomaly.kfp_task import FAILURE_MARK, PROGRESS_MARK
from rationanomaly.progress import report, report_json

logger = logging.getLogger(__name__)

_COLOUR = re.compile(r"\x1b\[[0-9;]{0,8}m")
_STATUS = re.compile(r"Task '([a-z-]{1,40})' finished with status (\w{1,20})")


@contextlib.contextmanager
def captured(path: Path) -> Iterator[list[tuple[str, str]]]:
    """Write standard output to ``path``, pass on progress and finished steps, and give what is said of failures."""
    with path.open("w", encoding="utf-8") as file, _unharmed(), contextlib.redirect_stdout(RunLog(file)) as log:
        yield log.failures


@contextlib.contextmanager
def _unharmed() -> Iterator[None]:
    """Give this process its `print` and its log back.

    While a task runs, KFP has both. Tasks of a loop put back what they found, in any order: also another task's.
    """
    root = logging.getLogger()
    level, handlers, write = root.level, root.handlers, builtins.print
    root.handlers = [*handlers]  # What KFP does to them is done to a copy.
    try:
        yield
    finally:
        builtins.print, root.handlers = write, handlers
        root.setLevel(level)


class RunLog(io.TextIOBase):
    """Takes KFP's output line by line; the tasks of a loop write from threads of their own, all at once."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        #: What tasks said when they failed, as ``(task, reason)``. It is logged too, but while a pipeline runs, KFP has
        #: the log, which ends here.
        self.failures: list[tuple[str, str]] = []
        #: What each thread has written of a line.
        self._partial: dict[int, str] = {}
        self._context = copy_context()  # Another thread would not see our listener.

    def write(self, text: str) -> int:
        """Keep everything, pass on what people want to see."""
        *lines, self._partial[get_ident()] = (self._partial.get(get_ident(), "") + text).split("\n")
        for line in lines:
            self._file.write(f"{line}\n")
            # A copy, for a context can't be entered twice, and what is passed on may be written here again.
            self._context.copy().run(self._pass_on, line)
        return len(text)

    def flush(self) -> None:
        """Make what was written visible in the file."""
        self._file.flush()

    def _pass_on(self, line: str) -> None:
        _, marked, document = line.partition(PROGRESS_MARK)
        if marked:
            with contextlib.suppress(ValueError, TypeError):
                report_json(document)
            return
        _, failed, message = line.partition(FAILURE_MARK)
        if failed:
            task, _, reason = message.strip().partition(": ")
            self.failures.append((task, reason))
            logger.error("%s", message.strip())
        elif status := _STATUS.search(_COLOUR.sub("", line)):
            step, state = status.groups()
            if state == "SUCCESS":
                report(f"step {step}", 1, 1, "step")
