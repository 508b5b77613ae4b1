"""The service under load: many clients, one of a hundred requests hostile, the model changed in the middle.

    python -m benchmarks.serve --model outputs/laptop/grpo [--clients 100] [--seconds 60] [--hostile 0.01]

Starts `rationanomaly serve` with the model, warms it up, and lets the clients send verdicts, lines, OpenTelemetry
records and questions for incidents, each the next one when the last one is answered: as fast as they can, on the
processors that the service and its model use, too. Half-way the model is loaded again beside itself. Then each line
that was answered as stored must be among those that were read, and no more.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event, Thread

import httpx
import psutil

from benchmarks.serve_load import LATER, Tally, run_load

#: OpenTelemetry's exporters give a request up after 10 seconds: a fifth of that leaves room on a busier machine.
TARGET_P99_S = 2.0
TARGET_MEMORY_GROWTH = 0.10
_START_SECONDS = 300.0
_WARM_UP_SECONDS = 10.0
_HOST = "127.0.0.1"


class MemorySampler:
    """Memory of a process alone, its children left out: the resident set, sampled four times a second."""

    def __init__(self, pid: int) -> None:
        self._process, self._end, self.megabytes = psutil.Process(pid), Event(), list[float]()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(0.25):
            self.megabytes.append(self._process.memory_info().rss / 2**20)

    def growth(self) -> float:
        """The median of the last quarter over that of the second one, less one."""
        self._end.set()
        self._thread.join()
        quarter = max(len(self.megabytes) // 4, 1)
        return median(self.megabytes[-quarter:]) / median(self.megabytes[quarter : 2 * quarter]) - 1


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far, its children left out: says the same on a busy machine as on an idle one."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def started(model: str, folder: Path, key: str) -> Iterator[tuple[int, int, httpx.Client]]:
    """The port, the process and an administrator's client of a service that runs inside the block."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port = probe.getsockname()[1]
    admin = secrets.token_hex(16)
    settings = ("keys=BENCH_KEYS", "requests_per_second=1000000", "request_burst=1000000")
    command = [sys.executable, "-c", "from rationanomaly.cli.app import main; main()", "serve", "--model", model,
               "--state", str(folder / "state"), "--params", "defaults", "--port", str(port), "--verdict", "direct",
               *(part for one in settings for part in ("--set", f"watch.serve.{one}"))]  # fmt: skip
    environment = os.environ | {"BENCH_KEYS": f"load={key},admin:admin={admin}"}
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    headers = {"Authorization": f"Bearer {admin}"}
    try:
        with httpx.Client(base_url=f"http://{_HOST}:{port}", headers=headers, timeout=300, trust_env=False) as client:
            _wait(client, process, folder / "serve.log")
            yield port, process.pid, client
    finally:
        process.terminate()
        process.wait()


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit(f"the service does not start: {log.read_text(errors='replace')[-1000:]}")


def lines_read(client: httpx.Client) -> int:
    """Records that the stream has read."""
    text = client.get("/metrics").text
    counts = [line.split()[1] for line in text.splitlines() if line.startswith("rationanomaly_lines_total ")]
    return int(float(counts[0]))


def measure(arguments: argparse.Namespace, folder: Path) -> int:
    """Run it, print what came of it; 1 if a target is missed."""
    key = secrets.token_hex(16)
    with started(arguments.model, folder, key) as (port, pid, client):
        load = (_HOST, port, key, arguments.clients)
        asyncio.run(run_load(*load, min(_WARM_UP_SECONDS, arguments.seconds), 0.0, seed=1))
        before = lines_read(client)
        memory, cpu = MemorySampler(pid), cpu_seconds(pid)
        swapped: list[int] = []

        def swap() -> None:
            time.sleep(arguments.seconds / 2)
            swapped.append(client.post("/v1/model", json={"model": arguments.model}).status_code)

        swapping = Thread(target=swap)
        swapping.start()
        tally = asyncio.run(run_load(*load, arguments.seconds, arguments.hostile))
        growth, cpu = memory.growth(), cpu_seconds(pid) - cpu
        swapping.join()
        read = lines_read(client) - before
    print(f"processor time of the service, its model's process left out: "
          f"{1000 * cpu / sum(tally.statuses.values()):.2f} ms a request")  # fmt: skip
    return _report(arguments, tally, read, growth, memory.megabytes, swapped)


def _report(
    arguments: argparse.Namespace, tally: Tally, read: int, growth: float, megabytes: list[float], swapped: list[int]
) -> int:
    for (kind, status), count in sorted(tally.statuses.items()):
        print(f"{kind:20} {status} {count:>8,}")
    later = sum(count for (_, status), count in tally.statuses.items() if status in LATER)
    total = sum(tally.statuses.values())
    print(f"{arguments.clients} clients, {arguments.seconds:g} s, {total / arguments.seconds:,.0f} requests/s,"
          f" {read / arguments.seconds:,.0f} lines/s, asked to come later {later:,}")  # fmt: skip
    print(f"median {tally.percentile(0.5):.3f} s, p99 {tally.percentile(0.99):.3f} s, load {os.getloadavg()[0]:.1f} on"
          f" {os.cpu_count()} cores, memory {min(megabytes):,.0f} to {max(megabytes):,.0f} MB")  # fmt: skip
    print(f"models named: {dict(tally.versions)}; changed: {swapped}")
    for wrong in tally.wrong[:10]:
        print(f"not due: {wrong}")
    # A request without an answer may have been stored or not; there is one only where `wrong` has it.
    lost = max(tally.lines - read, read - tally.lines - tally.unsure, 0)
    found = (
        ("SERVE_ANSWERS_NOT_DUE", len(tally.wrong), 0, "d"), ("SERVE_LINES_LOST_OR_TWICE", lost, 0, "d"),
        ("SERVE_FAILED_SWAPS", sum(status != 200 for status in swapped), 0, "d"),
        ("SERVE_P99_S", tally.percentile(0.99), TARGET_P99_S, ".3f"),
        ("SERVE_MEMORY_GROWTH", growth, TARGET_MEMORY_GROWTH, ".3f"),
    )  # fmt: skip
    for name, value, target, form in found:
        print(f"{name} = {value:{form}} (target {target}) {'ok' if value <= target else 'short'}")
    return int(any(value > target for _, value, target, _ in found))


def main() -> int:
    """Measure, print the table and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="outputs/laptop/grpo", help="folder of a model")
    parser.add_argument("--clients", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--hostile", type=float, default=0.01, help="share of the requests")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return measure(arguments, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
