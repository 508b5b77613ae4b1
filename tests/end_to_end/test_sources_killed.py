"""journald, pods and Loki at once, judged by a process that is killed again and again: each line comes exactly once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests import loki_api, pod_logs_api
from tests.conftest import ROOT
from tests.streaming import model_folder

REMOTE = Path("/lib/systemd/systemd-journal-remote")
ROUNDS, EACH = 3, 25


def journal_entry(number: int) -> bytes:
    micros = 1_700_000_000_000_000 + number * 1_000_000
    fields = {
        "__REALTIME_TIMESTAMP": micros, "__MONOTONIC_TIMESTAMP": number + 1, "_BOOT_ID": "a" * 32,
        "_MACHINE_ID": "b" * 32, "_HOSTNAME": "n1", "PRIORITY": 6, "MESSAGE": f"job {number} of the journal done",
    }  # fmt: skip
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode() + b"\n"


def whole_rows(path: Path) -> list[bytes]:
    """Those of a file that is being written."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def messages(path: Path) -> Counter[str]:
    rows = [json.loads(line) for line in whole_rows(path)]
    return Counter(row["message"] for row in rows if row["kind"] == "line")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("journalctl") is None or not REMOTE.exists(), reason="no systemd-journal-remote")
def test_each_line_of_each_source_comes_once(tmp_path: Path) -> None:
    model_folder(tmp_path)
    (tmp_path / "journal").mkdir()
    wanted: set[str] = set()
    pods = pod_logs_api.FakePods()
    pods.write("team-a/web-1/app")
    waiting = threading.Event()
    with loki_api.serving() as loki, pod_logs_api.serving(pods, tmp_path / "kubeconfig"):
        settings = {
            "of": {
                "machine": {"kind": "journald", "folder": str(tmp_path / "journal"), "start": "oldest"},
                "pods": {"kind": "kubernetes", "namespaces": ["team-*"], "start": "oldest", "list_seconds": 0.1},
                "shop": {"kind": "loki", "url": loki.url, "query": '{app="shop"}', "start": "2023-01-01T00:00:00Z",
                         "delay_seconds": 0.5, "poll_seconds": 0.05},
            },
            "retry_seconds": 0.2,
            "waiting": 4,
        }  # fmt: skip
        (tmp_path / "sources.json").write_text(json.dumps(settings))
        environment = {**os.environ, "KUBECONFIG": str(tmp_path / "kubeconfig")}
        command = [sys.executable, "-m", "tests.source_process", str(tmp_path)]
        for turn in range(ROUNDS):
            numbers = range(turn * EACH, (turn + 1) * EACH)
            with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
                for number in numbers:
                    moment = time.time_ns()
                    text = f"2026-01-01 00:00:00 INFO job {number} of the pod done"
                    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 10**9))
                    pods.write("team-a/web-1/app", (f"{stamp}.{moment % 10**9:09}Z", text.encode()))
                    text = f"2026-01-01 00:00:00 INFO job {number} of the shop done"
                    loki.push({"app": "shop", "pod": f"shop-{number % 3}"}, text)
                    wanted |= {f"job {number} of the {where} done" for where in ("pod", "shop", "journal")}
                entries = b"".join(map(journal_entry, numbers))
                target = f"--output={tmp_path / 'journal' / f'{turn}.journal'}"
                subprocess.run([REMOTE, target, "-"], input=entries, check=True, capture_output=True)
                # Killed in the middle of it; the last one may finish.
                enough = len(wanted) if turn == ROUNDS - 1 else len(wanted) - EACH - turn
                for _ in range(6000):
                    if sum(row.startswith(b'{"kind":"line"') for row in whole_rows(tmp_path / "rows.jsonl")) >= enough:
                        break
                    assert process.poll() is None
                    waiting.wait(0.05)
                process.kill()
    found = messages(tmp_path / "rows.jsonl")
    assert set(found) == wanted
    assert set(found.values()) == {1}
