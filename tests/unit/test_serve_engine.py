"""The service on the real engine, with a scripted model: what clients are told is what the stream has."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from benchmarks.serve_load import run_load
from rationanomaly.incidents.pages import build_pages
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Member
from rationanomaly.serve.keys import Keys
from rationanomaly.stream.engine import Engine
from tests.conftest import ROOT
from tests.served import metric, serving
from tests.streaming import ScriptedService, model_folder, stream_params

PARAMS = stream_params("watch.serve.requests_per_second=100000", "watch.serve.request_burst=100000")


class Opened:
    """An engine of a folder, with its model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        model = folder / "model"
        self.model = ScriptedService(model if model.is_dir() else model_folder(folder))
        self.engine = Engine.open(self.model, folder / "state", PARAMS)  # type: ignore[arg-type]

    @contextmanager
    def serving(self, **more: Any) -> Iterator[httpx.Client]:
        """A client; the engine is closed behind it."""
        with serving(self.engine, PARAMS, **more) as (client, _):
            yield client
        self.engine.close()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with Opened(tmp_path).serving() as client:
        yield client


def send(client: httpx.Client, text: str, stream: str = "app", log_format: str = "plain") -> list[dict[str, Any]]:
    headers = {"Content-Type": "text/plain"}
    answer = client.post(f"/v1/lines?stream={stream}&format={log_format}", content=text.encode(), headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["lines"]
    return found


def test_the_lines_of_a_request_wait_for_no_others(client: httpx.Client) -> None:
    assert [one["message"] for one in send(client, "job 1 done\njob 2 done")] == ["job 1 done", "job 2 done"]
    dated = "2026-01-01 00:00:00 ERROR disk failed\n    at frame 1\n    at frame 2\n"
    [record] = send(client, dated, "traces", "auto")
    assert "frame 2" in record["message"]
    assert record["line"] == 1
    [following] = send(client, "2026-01-01 00:00:01 INFO job done\n", "traces", "auto")
    assert (following["line"], following["level"]) == (4, "INFO")


def test_each_request_gets_its_own_rows_whatever_its_lines_are(client: httpx.Client) -> None:
    texts = [
        "a 1 done\n\n\nb done\n",
        "\n",
        "c done\r\nd done\r\n",
        "x" * 2_000_000 + "\ne done\n",
        "f\x00g done\n",
        "h\x0bi\n",
        "j\rk\r",
    ]
    with ThreadPoolExecutor(len(texts)) as pool:
        for _ in range(3):
            for text, rows in zip(texts, pool.map(lambda text: send(client, text), texts), strict=True):
                shown = [one["message"].replace("\x00", "\\x00")[:5] for one in rows]
                expected = [line for line in text.replace("\r", "\n").split("\n") if line]
                assert len(rows) == len(expected), (text[:20], shown)
    assert metric(client, "rationanomaly_lines_total") == 3 * 10


def test_the_rows_of_a_request_are_its_own_behind_lines_that_hold_other_line_ends(client: httpx.Client) -> None:
    for lines, rows in ((["a\rb", "c"], ["a", "b", "c"]), (["d", "e\r"], ["d", "e"]), (["f\ng"], ["f", "g"])):
        answer = client.post("/v1/lines", json={"lines": lines, "stream": "app", "format": "plain"}).json()
        assert [one["message"] for one in answer["lines"]] == rows
        assert answer["accepted"] == len(rows)


def test_every_line_of_a_request_has_the_node_that_it_names(client: httpx.Client) -> None:
    sent = {"lines": ["a done", "b done"], "node": "n7", "format": "plain"}
    assert [one["node"] for one in client.post("/v1/lines", json=sent).json()["lines"]] == ["n7", "n7"]


def test_a_restart_continues_the_numbers_of_lines(tmp_path: Path) -> None:
    with Opened(tmp_path).serving() as client:
        assert [one["line"] for one in send(client, "a\n\nb\n")] == [1, 3]
    with Opened(tmp_path).serving() as client:
        assert [one["line"] for one in send(client, "c\n")] == [4]
        assert metric(client, "rationanomaly_lines_total") == 3


def test_what_the_model_says_later_is_known_at_the_next_line(client: httpx.Client) -> None:
    assert {one["answer"] for one in send(client, "disk failed\njob done\n")} == {"pending"}
    asked = {"templates": ["disk failed", "job done"], "wait_seconds": 20}
    found = client.post("/v1/verdicts", json=asked).json()
    assert [one["answer"] for one in found["verdicts"]] == ["abnormal", "normal"]
    assert found["model"]["name"] == "scripted"
    explained = client.post("/v1/explain", json={"line": "disk failed"}).json()
    assert (explained["known"], explained["verdict"]["answer"]) == (True, "abnormal")


def test_lines_name_the_model_that_answered_and_not_the_one_that_came_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Opened(tmp_path)
    take = opened.engine.take

    def take_and_change(chunks: Any) -> Any:
        taken = take(chunks)
        opened.engine.swap("next")
        return taken

    monkeypatch.setattr(opened.engine, "take", take_and_change)
    with opened.serving() as client:
        sent = {"lines": ["a"], "format": "plain"}
        names = [client.post("/v1/lines", json=sent).json()["model"]["name"] for _ in range(2)]
    assert names == ["scripted", "next"]


def test_records_of_the_official_exporter_become_lines_with_their_templates(client: httpx.Client) -> None:
    provider = LoggerProvider(Resource.create({"service.name": "shop", "host.name": "node-7"}))
    exporter = OTLPLogExporter(f"{client.base_url}/v1/logs", timeout=60.0)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("checkout")
    for number in range(3):
        logger.emit(timestamp=(1764331200 + number) * 10**9, body=f"payment {number} of ann{number} failed",
                    attributes={"log.record.template": "payment {id} of {who} failed"})  # fmt: skip
    provider.shutdown()
    assert metric(client, "rationanomaly_lines_total") == 3
    assert metric(client, "rationanomaly_templates") == 1
    explained = client.post("/v1/explain", json={"line": "payment 9 of zoe failed", "wait_seconds": 20}).json()
    assert explained["verdict"]["template"] == "payment <*> of <*> failed"


def test_an_abnormal_line_opens_an_incident(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    with opened.serving() as client:
        client.post("/v1/verdicts", json={"templates": ["disk failed"], "wait_seconds": 20})
        opened.engine.settle()
        assert [one["answer"] for one in send(client, "disk failed\n")] == ["abnormal"]
        [listed] = client.get("/v1/incidents").json()["incidents"]
        assert listed["first_cause"]["template"] == "disk failed"
        [one] = client.get(f"/v1/incidents/{listed['id']}").json()["incidents"]
        assert one["alerts"][0]["lines"][0]["source"] == "http/app"


def test_a_crowd_with_hostile_ones_among_it_gets_what_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVE_KEYS", f"load={'k' * 16}")
    with Opened(tmp_path).serving(keys=Keys.read("SERVE_KEYS")) as client:
        host, port = client.base_url.host, client.base_url.port or 0
        stored, unsure, served = 0, 0, set[str]()
        for seed in range(60):  # A busy machine answers few of them in a second.
            tally = asyncio.run(run_load(host, port, "k" * 16, 20, 1.0, 0.2, seed))
            assert tally.wrong == []
            assert set(tally.versions) <= {"scripted/None@000000000000"}
            stored, unsure = stored + tally.lines, unsure + tally.unsure
            served |= {kind for kind, status in tally.statuses if status == 200}
            if tally.versions and served >= {"verdicts", "lines", "logs"}:
                break
        assert tally.versions
        assert served >= {"verdicts", "lines", "logs"}
        assert stored <= metric(client, "rationanomaly_lines_total") <= stored + unsure
        assert client.get("/readyz").status_code == 200


def test_the_pages_are_behind_their_own_door(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    access = Access([Member("ada")])
    with opened.serving(pages=build_pages(opened.engine.database, tmp_path / "ledger.jsonl", access)) as client:
        assert client.get("/incidents").status_code in (401, 403)
        [token] = access.links
        entered = client.get(f"/incidents/enter?once={token}", follow_redirects=True)
        assert entered.status_code == 200
        assert "script-src 'self'" in entered.headers["Content-Security-Policy"]
        assert client.post("/incidents/enter", headers={"Origin": "http://evil.example"}).status_code in (403, 405)


@contextmanager
def process_of(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """A service in a process of its own that takes requests, and a client of it."""
    command = [sys.executable, "-m", "tests.serve_process", str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
            _wait(client, process)
            yield process, client
    finally:
        process.kill()
        process.communicate()


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the service has ended")


@pytest.mark.slow
def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    model_folder(tmp_path)
    acknowledged, unsure = 0, 0
    for attempt in range(3):
        with process_of(tmp_path) as (process, client), ThreadPoolExecutor(1) as pool:
            read = int(metric(client, "rationanomaly_lines_total"))
            assert acknowledged <= read <= acknowledged + unsure
            for number in range(5 + 10 * attempt):
                send(client, f"job {number} done\n")
                read += 1
            last = pool.submit(send, client, "job done\n")
            os.kill(process.pid, signal.SIGKILL)
            stored = last.exception() is None
            acknowledged, unsure = read + stored, int(not stored)
    assert acknowledged >= 45


@pytest.mark.slow
def test_sigterm_ends_it_when_what_was_sent_is_answered(tmp_path: Path) -> None:
    model_folder(tmp_path)
    with process_of(tmp_path) as (process, client), ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(send, client, "job done\n", f"s{number % 8}") for number in range(40)]
        sent[0].result()
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=120) == 0
        answered = sum(one.exception() is None for one in sent)
    with process_of(tmp_path) as (_, client):
        # Who was not answered was not let in any more: nothing was stored of it.
        assert metric(client, "rationanomaly_lines_total") == answered >= 1
