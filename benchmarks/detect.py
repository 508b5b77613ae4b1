"""How fast a stream is followed, from the file to rows on the disk, when the model has been asked about its templates.

    python -m benchmarks.detect --model outputs/grpo [--lines 5000000] [--new 20]

The log is `benchmarks.bursts`: BGL's layout, every report repeated ten times on average. The stream runs on one core,
the model's process on another. First the reports alone are read, so that the model is asked about every template, once;
then the log, with all verdicts known: read, matched, judged, watched by the signals, put into sessions, written and
stored. Memory is that of the process after a tenth of the lines and at the end. At last a stretch of the log is read
once more while the model works on templates that it has never seen.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bursts import write_bursts
from rationanomaly.detection.verdict_service import VerdictService
from rationanomaly.params import load_params
from rationanomaly.raw_inputs import CHUNK
from rationanomaly.sources.chunk import Chunk
from rationanomaly.stream.engine import Engine
from rationanomaly.stream.output import OutputFile
from rationanomaly.stream.rows import settled_rows, taken_blocks

TARGET_LINES, TARGET_GROWTH, TARGET_SLOWER = 200_000, 0.10, 0.25


class Stream:
    """An engine with its output file."""

    def __init__(self, service: VerdictService, folder: Path) -> None:
        params = load_params(Path("defaults"))
        self.engine = Engine.open(service, folder / "state", params, log_format="bgl")
        self.output = OutputFile(folder / "rows.jsonl", self.engine.connection)
        self.lines = 0

    def read(self, log: Path, lines: int | None = None) -> float:
        """Read a log, or about so many lines of it; gives lines a second."""
        started, first, remainder = time.perf_counter(), self.lines, b""
        with log.open("rb") as file:
            while (piece := file.read(CHUNK)) and (lines is None or self.lines - first < lines):
                data = remainder + piece
                end = data.rfind(b"\n") + 1
                remainder = data[end:]
                chunk = Chunk(str(log), data[:end], {"offset": file.tell()})
                taken = self.engine.take([chunk], lambda taken: self.output.append_blocks(taken_blocks(taken)))
                self.lines += taken.lines.height
                self.engine.settle(lambda settled: self.output.append(settled_rows(settled)))
        return (self.lines - first) / (time.perf_counter() - started)

    def settle(self) -> None:
        """Wait for all verdicts."""
        self.engine.flush()
        while pending := self.engine.unsettled():
            self.engine.service.wait(pending, 1.0)
            self.engine.settle(lambda settled: self.output.append(settled_rows(settled)))


def resident_megabytes() -> float:
    """Memory of this process now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> int:
    """Measure, print the figures and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="outputs/grpo", help="output folder of sft or grpo")
    parser.add_argument("--lines", type=int, default=5_000_000, help="length of the log")
    parser.add_argument("--new", type=int, default=20, help="templates that are new in the last stretch")
    arguments = parser.parse_args()
    if "POLARS_MAX_THREADS" not in os.environ:
        # Read when polars is loaded.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.detect", *sys.argv[1:]],
                  {**os.environ, "POLARS_MAX_THREADS": "1"})  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        return _measure(arguments, Path(name))


def _measure(arguments: argparse.Namespace, folder: Path) -> int:
    log = folder / "bursts.log"
    lines = write_bursts(log, arguments.lines)
    service = VerdictService(arguments.model, verdict="direct")
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    stream = Stream(service, folder)
    started = time.perf_counter()
    stream.read(folder / "simulated" / "cluster.log")
    stream.read(log, lines // 10)
    stream.settle()
    calls, asking = service.calls, time.perf_counter() - started
    templates = int(stream.engine.counters()["templates"])
    before = resident_megabytes()
    rate = stream.read(log)
    growth = resident_megabytes() / before - 1
    uncached = calls / asking
    service.ask({f"{number:016x}": f"never seen {number} by any of the modules" for number in range(arguments.new)})
    busy = stream.read(log, lines // 10)
    slower = 1 - busy / rate
    again = service.calls - calls
    stream.output.close()
    stream.engine.close()
    print(
        f"{lines:,} lines, {templates:,} templates, {calls:,} asked of the model, {again - arguments.new} of them again"
    )
    print(f"memory {before:,.0f} MB after a tenth; the model alone answers {uncached:,.1f} templates/s at most")
    checks = [
        (f"DETECT_ASKED_AGAIN = {again - arguments.new} (target 0)", again == arguments.new),
        (f"DETECT_LINES_PER_SECOND = {rate:,.0f} (target {TARGET_LINES:,})", rate >= TARGET_LINES),
        (f"DETECT_MEMORY_GROWTH = {growth:.3f} (target {TARGET_GROWTH})", growth < TARGET_GROWTH),
        (f"DETECT_RATIO_TO_NO_CACHE = {rate / uncached:,.0f}", True),
        (f"DETECT_SLOWER_WHILE_ASKING = {slower:.3f} (target {TARGET_SLOWER})", slower < TARGET_SLOWER),
    ]
    for text, reached in checks:
        print(f"{text} {'ok' if reached else 'short'}")
    return 0 if all(reached for _, reached in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
