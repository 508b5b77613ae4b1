"""Lines a second of `detect` once every template has its verdict."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.cost.spread import Spread
from rationanomaly.detection.log_lines import line_rows, write_verdicts
from rationanomaly.detection.remembering import RememberingDetector
from rationanomaly.errors import InputError


@dataclass(frozen=True)
class KnownLines:
    """A log that was read again and again.

    Attributes:
        lines, templates: of the log.
        first_seconds: of the pass before, in which each template gets its direct verdict.
        per_second: lines, from the file to the finished file of verdicts.
    """

    lines: int
    templates: int
    first_seconds: float
    per_second: Spread


def measure_known_lines(detector: RememberingDetector, log: Path, log_format: str, repetitions: int) -> KnownLines:
    """Read, mine, look up and write every line, as `detect` does, with the model asked nothing.

    Args:
        detector: may remember verdicts already.
        log: a file, or a glob.
        log_format: name of a format, or ``auto``.
        repetitions: after one pass that is left out.

    Raises:
        InputError: the log can't be read, or a template is new each time it is read.
    """
    with tempfile.TemporaryDirectory() as folder:
        first, lines = _pass(detector, log, log_format, Path(folder))
        remembered, rates = detector.remembered, []
        for _ in range(repetitions):
            seconds, lines = _pass(detector, log, log_format, Path(folder))
            rates.append(lines / seconds)
    if detector.remembered != remembered:
        raise InputError("has templates that change from reading to reading", file=log, hint="Give a file, not a pipe")
    return KnownLines(lines, remembered, first, Spread.of(rates))


def _pass(detector: RememberingDetector, log: Path, log_format: str, folder: Path) -> tuple[float, int]:
    output, start = folder / "verdicts.jsonl", time.perf_counter()
    write_verdicts(line_rows(detector.judge_log(log, log_format, "direct")), output)
    seconds = time.perf_counter() - start
    with output.open("rb") as file:
        return seconds, sum(1 for _ in file)
