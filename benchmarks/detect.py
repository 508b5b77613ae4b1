"""How fast a stream is followed, from the file to rows on the disk, when the model has been asked about its templates.

    python -m benchmarks.detect --model outputs/laptop/grpo [--lines 5000000] [--new 20]

The log is `benchmarks.bgl_replay`: order, repetition and times of real lines of BGL. The stream runs on one core, the
model's process on another. First each text of the log is read once, so that the model is asked about every template;
then the log, with all verdicts known:

- without alerts (`watch.stream.raises_alerts`): read, matched, judged, put into sessions, written and stored;
- then a tenth of it with them: signals, drift, alerts and incidents, too.

At last a stretch is read again and again while the model is asked about templates that it has never seen, one when the
one before has its rationale: so much slower is the stream, by the clock and in its own processor time, and so soon have
they their direct score and their rationale. Memory is that of the process after a tenth of the lines and at the end.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import numpy as np

from benchmarks.bgl_replay import write_replay
from rationanomaly.detection.backlog import Kept
from rationanomaly.detection.verdict_service import VerdictService
from rationanomaly.params import Params, VerdictKind, load_params
from rationanomaly.records import template_id
from rationanomaly.stream.engine import Engine, Settled, Taken
from rationanomaly.stream.files import FileSource
from rationanomaly.stream.output import OutputFile
from rationanomaly.stream.rows import settled_rows, taken_blocks
from rationanomaly.stream.run import StreamRun, Writers
from rationanomaly.stream.tail import TailSettings

TARGET_LINES, TARGET_GROWTH, TARGET_SLOWER = 200_000, 0.10, 0.25
TARGET_DIRECT, TARGET_REASONED = 0.3, 15.0
_SECONDS = 600.0


class TimedService(VerdictService):
    """Notes when it is asked about a template, and when each verdict has come: by the clock, and by the processor."""

    def __init__(self, model: str, verdict: VerdictKind | None) -> None:
        self.asked: dict[str, np.ndarray] = {}
        self.came: dict[tuple[str, bool], np.ndarray] = {}
        super().__init__(model, verdict=verdict)

    def ask(self, templates: Mapping[str, str]) -> list[str]:
        """See `VerdictService`."""
        now = self._clocks()
        self.asked |= dict.fromkeys(templates, now)
        return super().ask(templates)

    def _keep(self, found: list[Kept]) -> None:
        now = self._clocks()
        self.came |= {(one[0], one[3]): now for one in found}
        super()._keep(found)

    def _clocks(self) -> np.ndarray:
        """Seconds by the clock, and those in which the main thread of the model's process had a core, shape (2,)."""
        assert self._worker is not None
        spent = Path(f"/proc/{self._worker.pid}/schedstat").read_text(encoding="ascii").split()[0]
        return np.array([time.perf_counter(), int(spent) / 1e9])

    def seconds(self, *, final: bool) -> np.ndarray:
        """How long direct or final verdicts took at the 95th percentile: by the clock, with a core, shape (2,)."""
        both = [key for key in self.asked if (key, True) in self.came and (key, False) in self.came]
        found: np.ndarray = np.percentile([self.came[key, final] - self.asked[key] for key in both], 95, axis=0)
        return found


@dataclass
class Pass:
    """What reading a log took.

    Attributes:
        lines: that were given out.
        ids: of their templates.
        seconds, processor: by the clock, and of this process.
        memory: of the process, MB, after each batch.
    """

    lines: int = 0
    ids: set[str] = field(default_factory=set)
    seconds: float = 0.0
    processor: float = 0.0
    memory: list[tuple[int, float]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Lines a second."""
        return self.lines / self.seconds

    def growth(self) -> float:
        """Of memory, from a tenth of the lines on."""
        after = next(memory for lines, memory in self.memory if lines >= self.lines / 10)
        return self.memory[-1][1] / after - 1


class Stream:
    """An engine, and a file for the rows of each log that it reads."""

    def __init__(self, service: VerdictService, folder: Path, params: Params) -> None:
        self.params, settings, self.logs = params, params.watch.stream, 0
        self.engine = Engine.open(service, folder / "state", params, log_format="bgl")
        self.folder = folder
        self.tail = TailSettings(params.parse.max_line_bytes, params.parse.max_expansion, settings.rotated_seconds)

    def read(self, log: Path) -> Pass:
        """Read a log to its end as one that was never read, and wait for the verdicts."""
        found = Pass()
        self.logs += 1
        own = log.with_name(f"{self.logs}-{log.name}")
        own.hardlink_to(log)
        # One that is removed behind each log: a stretch that is read for minutes fills a disk.
        rows = self.folder / f"{self.logs}-rows.jsonl"
        output = OutputFile(rows, self.engine.connection)

        def write(taken: Taken) -> None:
            output.append_blocks(taken_blocks(taken))
            found.lines += taken.lines.height
            found.ids.update(taken.lines["template_id"].unique())
            found.memory.append((found.lines, resident_megabytes()))

        def correct(settled: Settled) -> None:
            output.append(settled_rows(settled))

        source = FileSource([own], self.tail, follow=False, format_name="bgl")
        seconds = self.params.watch.stream.commit_seconds
        run = StreamRun(self.engine, source, Writers(write, correct), seconds, patient=False)
        clock, processor = time.perf_counter(), time.process_time()
        run.run()
        output.close()
        own.unlink()
        rows.unlink()
        found.seconds, found.processor = time.perf_counter() - clock, time.process_time() - processor
        return found


def resident_megabytes() -> float:
    """Memory of this process now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> int:
    """Measure, print the figures and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="outputs/laptop/grpo", help="output folder of sft or grpo")
    parser.add_argument("--lines", type=int, default=5_000_000, help="length of the log")
    parser.add_argument("--new", type=int, default=20, help="templates that the model is asked about at the end")
    arguments = parser.parse_args()
    if "POLARS_MAX_THREADS" not in os.environ:
        # Read when polars is loaded.
        again, environment = [sys.executable, "-m", "benchmarks.detect"], {**os.environ, "POLARS_MAX_THREADS": "1"}
        os.execve(sys.executable, [*again, *sys.argv[1:]], environment)  # noqa: S606 - this very program
    with tempfile.TemporaryDirectory() as name:
        return _measure(arguments, Path(name))


def _measure(arguments: argparse.Namespace, folder: Path) -> int:
    log, stretch = folder / "replay.log", folder / "stretch.log"
    once = write_replay(log, arguments.lines)
    stretch_lines = max(arguments.lines // 10, 1000)
    write_replay(stretch, stretch_lines)
    cores = sorted(os.sched_getaffinity(0))
    with closing(_open(arguments.model, "direct", cores)) as service:
        stream = Stream(service, folder, _params(raises_alerts=False))
        known = stream.read(once)
        calls, uncached = service.calls, _answers_a_second(service)
        again = service.calls
        found = stream.read(log)
        again = service.calls - again
        rate = f"{found.lines / found.processor:,.0f} lines in a second of it"
        print(
            f"{found.lines:,} lines, {len(known.ids | found.ids):,} templates, {calls:,} asked of the model\n"
            f"{found.seconds:.1f} s, {found.processor:.1f} s of the processor: {rate}; "
            f"memory {found.memory[-1][1]:,.0f} MB"
        )
        watched = _read_watched(stream, folder, log if arguments.lines <= 500_000 else stretch)
        slower, slower_processor, direct, reasoned = _read_while_asking(stream, stretch, arguments, cores)
    checks = [
        (f"DETECT_ASKED_AGAIN = {calls - len(known.ids) + again} (target 0)", calls + again == len(known.ids)),
        (f"DETECT_LINES_PER_SECOND = {found.rate:,.0f} (target {TARGET_LINES:,})", found.rate >= TARGET_LINES),
        (f"DETECT_MEMORY_GROWTH = {found.growth():.3f} (target {TARGET_GROWTH})", found.growth() < TARGET_GROWTH),
        (f"DETECT_RATIO_TO_NO_CACHE = {found.rate / uncached:,.0f}", True),
        (f"DETECT_WATCHED_LINES_PER_SECOND = {watched:,.0f} (target {TARGET_LINES:,})", watched >= TARGET_LINES),
        (f"DETECT_SLOWER_WHILE_ASKING = {slower:.3f} (target {TARGET_SLOWER})", slower < TARGET_SLOWER),
        (f"DETECT_SLOWER_IN_PROCESSOR_TIME = {slower_processor:.3f} (target {TARGET_SLOWER})", True),
        (f"DETECT_DIRECT_P95_SECONDS = {direct:.3f} (target {TARGET_DIRECT})", direct <= TARGET_DIRECT),
        (f"DETECT_REASONED_P95_SECONDS = {reasoned:.2f} (target {TARGET_REASONED})", reasoned <= TARGET_REASONED),
    ]
    for text, reached in checks:
        print(f"{text} {'ok' if reached else 'short'}")
    return 0 if all(reached for _, reached in checks) else 1


def _params(*, raises_alerts: bool) -> Params:
    return load_params(Path("defaults"), [f"watch.stream.raises_alerts={str(raises_alerts).lower()}"])


def _open(model: str, verdict: VerdictKind | None, cores: list[int]) -> TimedService:
    """A service whose process has the last core, while this process has the first."""
    os.sched_setaffinity(0, cores[-1:])
    try:
        return TimedService(model, verdict)
    finally:
        os.sched_setaffinity(0, cores[:1])


def _answers_a_second(service: VerdictService, count: int = 64) -> float:
    """What the model alone answers: lines a second where each is a question."""
    texts = [f"a text without a verdict number {number} of {count}" for number in range(count)]
    started = time.perf_counter()
    ids = {template_id(text): text for text in texts}
    service.ask(ids)
    service.wait(ids, _SECONDS)
    return count / (time.perf_counter() - started)


def _read_watched(stream: Stream, folder: Path, log: Path) -> float:
    """Lines a second of a stream that knows the same verdicts, and raises alerts."""
    (folder / "watched" / "state").mkdir(parents=True)
    stream.engine.connection.execute(
        "VACUUM INTO ?", (str(folder / "watched" / "state" / stream.engine.database.name),)
    )
    watched = Stream(stream.engine.service, folder / "watched", _params(raises_alerts=True))
    found = watched.read(log)
    counters = watched.engine.counters()
    alerts = {name: int(count) for name, count in counters.items() if name.startswith("alert.")}
    print(
        f"with alerts: {found.lines:,} lines, {found.seconds:.1f} s, {found.processor:.1f} s of the processor, {alerts}"
    )
    return found.rate


def _read_while_asking(
    stream: Stream, log: Path, arguments: argparse.Namespace, cores: list[int]
) -> tuple[float, float, float, float]:
    """How much slower a stream is while the model works, by the clock and the processor, and how long verdicts take."""
    alone, busy = [stream.read(log)], list[Pass]()
    with closing(_open(arguments.model, None, cores)) as service:
        done = Event()

        def ask() -> None:
            try:
                for number in range(arguments.new):
                    text = f"ciod: link number {number} to the storage of rack <*> failed after <*> seconds"
                    service.ask({template_id(text): text})
                    service.wait([template_id(text)], _SECONDS)
                    service.collect()
            finally:
                done.set()

        Thread(target=ask, daemon=True).start()
        while not done.is_set():
            busy.append(stream.read(log))
        (direct, direct_core), (reasoned, reasoned_core) = (service.seconds(final=final) for final in (False, True))
        print(
            f"{service.version}: {arguments.new} unseen templates while the stream was read {len(busy)} times; "
            f"with a core 95 % of direct verdicts took {direct_core:.3f} s, of reasoned ones {reasoned_core:.1f} s"
        )
    alone.append(stream.read(log))
    whole = busy[:-1] or busy
    clock = 1 - np.mean([one.rate for one in whole]) / np.mean([one.rate for one in alone])
    processor = 1 - np.mean([one.processor for one in alone]) / np.mean([one.processor for one in whole])
    return float(clock), float(processor), direct, reasoned


if __name__ == "__main__":
    sys.exit(main())
