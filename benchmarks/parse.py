"""How fast `parse` is from the file to the finished Parquet files, beside a plain Drain3 loop, and its memory.

    python -m benchmarks.parse [--lines 2000000] [--times 10]

The log is made by `simulate` in BGL's layout: hundreds of templates, many distinct parameters. Drain3 0.9.11 gets
the bare messages, already read and matched, and the masks of version 1: those of today are slow in Python's `re`.
Ours runs in a process of its own, imports left out. A log ten times as long shows whether memory stays flat;
``--times 0`` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks import drain3_baseline
from benchmarks.fresh_process import ROOT, measured, peak_megabytes
from rationanomaly import simulate
from rationanomaly.params import load_params
from rationanomaly.parse import step
from rationanomaly.parse.reading import LogReader
from rationanomaly.steps import Outputs

REPEATS = 3
TARGET_SPEEDUP = 8.0
AIM_SPEEDUP = 10.0
TARGET_GROWTH = 0.10
_SETTINGS = ["simulate.layout=bgl", "data.format=bgl"]


def make_log(lines: int, folder: Path) -> Path:
    """A log of BGL's layout with the default faults."""
    simulate.write(load_params(ROOT / "params.yaml", [*_SETTINGS, f"simulate.lines={lines}"]), folder)
    return folder / "cluster.log"


def measure(log: Path) -> dict[str, float]:
    """Parse ``log`` in a fresh process; lines, seconds, peak memory in MB."""
    return measured("benchmarks.parse", str(log))


def parse_once(log: Path) -> dict[str, float]:
    """What `measure` measures."""
    params = load_params(ROOT / "params.yaml", _SETTINGS)
    with tempfile.TemporaryDirectory() as name:
        start = time.perf_counter()
        metrics = step.run(params, {"logs": log}, Outputs(Path(name), Path(name) / "state"))
        seconds = time.perf_counter() - start
    found = {name: metrics[name] for name in ("lines", "templates")}
    return found | {"seconds": seconds, "peak_mb": peak_megabytes()}


def read_plainly(log: Path) -> float:
    """Seconds to read the file line by line and do nothing."""
    start = time.perf_counter()
    with log.open("rb") as file:
        for _ in file:
            pass
    return time.perf_counter() - start


def drain3_seconds(log: Path) -> tuple[float, int]:
    """Seconds that plain Drain3 takes for the messages of the log, and how many clusters it finds."""
    reader = LogReader(log, "bgl", load_params(ROOT / "params.yaml", _SETTINGS).parse)
    messages = pl.concat([batch.select("message") for batch in reader])["message"].to_list()
    clusters, seconds = drain3_baseline.cluster(messages, drain3_baseline.our_masks(1))
    return seconds, len(set(clusters))


def main() -> int:
    """Measure, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2_000_000, help="length of the log")
    parser.add_argument("--times", type=int, default=10, help="the longer log for the memory is so many times as long")
    parser.add_argument("--measure", type=Path, metavar="LOG", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(parse_once(arguments.measure)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        return _compare(Path(name), arguments.lines, arguments.times)


def _compare(folder: Path, lines: int, times: int) -> int:
    log = make_log(lines, folder / "log")
    plain = min(read_plainly(log) for _ in range(REPEATS))
    # The best of a few: what else runs on the machine can only make it slower. Drain3 runs between ours.
    first = measure(log)
    drain3, clusters = drain3_seconds(log)
    ours = min([first, *(measure(log) for _ in range(REPEATS - 1))], key=lambda found: found["seconds"])
    megabytes = log.stat().st_size / 1e6
    print(f"{lines:,} lines, {megabytes:,.0f} MB\n{'':<34} {'lines/s':>10} {'MB/s':>7} {'templates':>10}")
    for name, seconds, templates in (
        ("plain reading of the file", plain, ""),
        ("parse, from file to Parquet", ours["seconds"], f"{ours['templates']:.0f}"),
        ("Drain3, messages only, same masks", drain3, str(clusters)),
    ):
        print(f"{name:<34} {lines / seconds:>10,.0f} {megabytes / seconds:>7.1f} {templates:>10}")
    log.unlink()
    speedup = drain3 / ours["seconds"]
    verdicts = [
        (f"PARSE_SPEEDUP = {speedup:.1f} (target {TARGET_SPEEDUP:g}, aim {AIM_SPEEDUP:g})", speedup >= TARGET_SPEEDUP)
    ]
    if times:
        long = measure(make_log(lines * times, folder / "long"))
        growth = long["peak_mb"] / ours["peak_mb"] - 1
        print(f"peak memory: {ours['peak_mb']:.0f} MB; of {lines * times:,} lines {long['peak_mb']:.0f} MB")
        print(f"lines/s of the long log: {long['lines'] / long['seconds']:,.0f}")
        verdicts.append((f"PARSE_MEMORY_GROWTH = {growth:.3f} (target {TARGET_GROWTH})", growth < TARGET_GROWTH))
    for text, reached in verdicts:
        print(f"{text} {'ok' if reached else 'short'}")
    return 0 if all(reached for _, reached in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
