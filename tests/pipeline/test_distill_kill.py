"""kill -9 in the middle of a paid run: nothing is paid twice but what was in flight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from rationanomaly import records
from rationanomaly.distill.journal import JOURNAL
from rationanomaly.records import Cost, Triplet
from rationanomaly.text.prompt import write_response
from tests.conftest import ROOT
from tests.distilling import write_labelled
from tests.scripted_endpoint import Script, serving

TEMPLATES, IN_FLIGHT, KILLS = 500, 16, 20
PARTS = ("disk", "link", "fan", "memory", "kernel", "daemon", "socket", "clock", "board", "queue")


def test_twenty_kills_cost_no_more_than_the_calls_in_flight(tmp_path: Path) -> None:
    words = [f"{PARTS[n % 10]} {PARTS[n // 10 % 10]} {PARTS[n // 100]}" for n in range(TEMPLATES)]
    logs = [f"fatal error of the {word} was seen" for word in words]
    write_labelled(tmp_path / "correct", [(log, "abnormal") for log in logs])
    script = Script(delay=0.03)
    script.answer = lambda log, label: _answer_when_busy(script, log, label)
    with serving(script) as url:
        settings = [
            "distill.teacher=openai",
            "prompt.normalise=false",
            f"distill.endpoint.url={url}",
            "distill.endpoint.key=null",
            f"distill.endpoint.concurrency={IN_FLIGHT}",
            "distill.endpoint.requests_per_minute=100000",
            "distill.endpoint.tokens_per_minute=1000000000",
            "distill.retries=0",
        ]
        arguments = [json.dumps(settings), *(str(tmp_path / name) for name in ("correct", "out", "state")), str(KILLS)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.pipeline.kill_distill", *arguments],
            cwd=ROOT,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=1200,
        )
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert len(answered) == KILLS + 1
    assert 0 < answered[KILLS // 2] < answered[KILLS - 1] < TEMPLATES  # The kills fell into the run, not behind it.

    triplets = records.read_rows(tmp_path / "out" / records.TRIPLETS, Triplet)
    assert [triplet.template for triplet in triplets] == logs
    assert sum(script.calls.values()) <= TEMPLATES + KILLS * IN_FLIGHT
    assert script.peak_in_flight >= IN_FLIGHT  # Calls of a killed process may linger beside those of the next.

    lines = [json.loads(line) for line in (tmp_path / "state" / JOURNAL).read_text().splitlines()]
    settled = Counter(line["key"] for line in lines if line["event"] == "settled")
    assert set(settled.values()) == {1}, "a finished call was made again"
    assert len(settled) == TEMPLATES
    assert _sent_after_settled(lines) == 0

    cost = Cost(**json.loads((tmp_path / "out" / records.COST).read_text()))
    assert cost.calls == sum(line["event"] == "sent" for line in lines) >= sum(script.calls.values())
    assert cost.calls <= TEMPLATES + KILLS * IN_FLIGHT
    assert cost.prompt_tokens + cost.completion_tokens >= sum(map(sum, script.billed))


def _answer_when_busy(script: Script, log: str, label: str) -> str:
    """The first answers wait until as many calls are in flight as there may be: a busy machine starts them slowly."""
    deadline = time.monotonic() + 100
    while script.peak_in_flight < IN_FLIGHT and time.monotonic() < deadline:
        time.sleep(0.005)
    return _answer(log, label)


def _answer(log: str, label: str) -> str:
    """Passes all checks, the one for near-duplicates included."""
    rationale = (
        f'The line holds "{log}" and in it "fatal error". What hangs on that part may stop, and somebody has to look '
        f"at the {log.removeprefix('fatal error of the ')}. The verdict is {label}."
    )
    return write_response(rationale, label)


def _sent_after_settled(lines: list[dict[str, str]]) -> int:
    """How many requests were sent although their answer was in the journal."""
    known: set[str] = set()
    count = 0
    for line in lines:
        if line["event"] == "settled":
            known.add(line["key"])
        else:
            count += line["key"] in known
    return count
