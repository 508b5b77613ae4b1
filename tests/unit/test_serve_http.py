"""The service over real HTTP: what it answers, whom it turns away, what hostile requests get."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import socket
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from rationanomaly.errors import ParamsError, is_unsafe
from rationanomaly.params import DEFAULTS, Params, load_params
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.service import Service
from rationanomaly.sources.chunk import Chunk
from tests.hostile import HOSTILE
from tests.served import LONG, hold_until, metric, serving, with_serve
from tests.stream_double import DoubleEngine, full_disk

KEY, ADMIN, READER = "k" * 24, "a" * 24, "r" * 24


@pytest.fixture(scope="module")
def defaults() -> Params:
    return load_params(DEFAULTS)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DoubleEngine]:
    engine = DoubleEngine(tmp_path, ["link <*> down", "job <*> done", "disk <*> failed"])
    yield engine
    engine.close()


@pytest.fixture
def served(engine: DoubleEngine, defaults: Params) -> Iterator[tuple[httpx.Client, Service]]:
    with serving(engine, defaults) as found:
        yield found


@pytest.fixture
def client(served: tuple[httpx.Client, Service]) -> httpx.Client:
    return served[0]


def test_verdicts_come_in_order_and_name_their_model(client: httpx.Client) -> None:
    asked = {"templates": ["disk <*> failed", "never seen", "job <*> done"]}
    found = client.post("/v1/verdicts", json=asked).json()
    assert found["model"] == {"name": "rationanomaly", "number": "1", "digest": "d1" * 32, "prompt": "3"}
    assert [(one["template"], one["answer"]) for one in found["verdicts"]] == [
        ("disk <*> failed", "abnormal"), ("never seen", "pending"), ("job <*> done", "normal")
    ]  # fmt: skip
    waited = client.post("/v1/verdicts", json=asked | {"wait_seconds": 5}).json()
    assert waited["verdicts"][1]["answer"] == "normal"
    assert "So the log is normal." in waited["verdicts"][1]["rationale"]


def test_lines_are_stored_before_they_are_answered(client: httpx.Client, engine: DoubleEngine) -> None:
    sent = "job 1 done\ndisk 7 failed"
    answer = client.post("/v1/lines?stream=app&node=n1", content=sent, headers={"Content-Type": "text/plain"})
    found = answer.json()
    assert found["accepted"] == 2
    assert [(one["line"], one["node"], one["answer"]) for one in found["lines"]] == [
        (1, "n1", "normal"), (2, "n1", "abnormal")
    ]  # fmt: skip
    assert engine.taken == {"http/app": b"job 1 done\ndisk 7 failed\n"}
    assert engine.batches[0][0].whole
    more = client.post("/v1/lines", json={"lines": ["job 2 done", "a failed"], "stream": "app", "show": "abnormal"})
    assert [one["line"] for one in more.json()["lines"]] == [4]


def test_bytes_of_another_encoding_are_left_to_the_parser(client: httpx.Client, engine: DoubleEngine) -> None:
    sent = "größe\n".encode("latin-1")
    assert client.post("/v1/lines", content=sent, headers={"Content-Type": "text/plain"}).status_code == 200
    assert engine.taken == {"http/local": sent}


def test_a_line_is_explained_by_its_template_and_similar_ones(client: httpx.Client) -> None:
    found = client.post("/v1/explain", json={"line": "Nov 28 12:00:01 n7 disk 4 failed", "similar": 2}).json()
    assert found["known"]
    assert (found["verdict"]["template"], found["verdict"]["answer"]) == ("disk <*> failed", "abnormal")
    assert len(found["similar"]) == 2
    assert "disk <*> failed" not in [one["verdict"]["template"] for one in found["similar"]]
    new = client.post("/v1/explain", json={"line": "nobody has seen this", "wait_seconds": 1}).json()
    assert not new["known"]
    assert new["verdict"]["answer"] == "normal"


def test_similar_templates_and_incidents(client: httpx.Client) -> None:
    found = client.get("/v1/similar", params={"template": "link 3 down", "limit": 1}).json()
    assert [one["verdict"]["template"] for one in found["similar"]] == ["link <*> down"]
    assert client.get("/v1/incidents?state=open").json() == {"incidents": []}
    assert client.get("/v1/incidents/nothing").status_code == 404


def test_the_interface_is_described(client: httpx.Client) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/v1/verdicts", "/v1/lines", "/v1/logs", "/v1/incidents", "/healthz", "/readyz", "/metrics"} <= {
        *schema["paths"]
    }
    page = client.get("/docs")
    assert "POST /v1/verdicts" in page.text
    assert "<script" not in page.text
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert client.get("/docs/docs.css").headers["Content-Type"].startswith("text/css")


BAD = {
    "no JSON": ("/v1/verdicts", b"{", {}, 400),
    "not a message": ("/v1/verdicts", b"[]", {}, 422),
    "no templates": ("/v1/verdicts", b'{"templates": []}', {}, 422),
    "an unknown field": ("/v1/verdicts", b'{"templates": ["a"], "<script>": 1}', {}, 422),
    "not a number": ("/v1/verdicts", b'{"templates": ["a"], "wait_seconds": NaN}', {}, 422),
    "infinity": ("/v1/verdicts", b'{"templates": ["a"], "wait_seconds": 1e999}', {}, 422),
    "a lone surrogate": ("/v1/verdicts", b'{"templates": ["\\ud800"]}', {}, 422),
    "deeply nested": ("/v1/verdicts", b"[" * 100_000, {}, 400),
    "not UTF-8": ("/v1/verdicts", b'{"templates": ["\xff"]}', {}, 400),
    "too many": ("/v1/verdicts", json.dumps({"templates": ["a"] * 1001}).encode(), {}, 422),
    "not gzip": ("/v1/lines", b"plain", {"Content-Encoding": "gzip"}, 400),
    "half of gzip": ("/v1/lines", gzip.compress(b"x" * 1000)[:20], {"Content-Encoding": "gzip"}, 400),
    "behind gzip": ("/v1/lines", gzip.compress(b"x") + b"more", {"Content-Encoding": "gzip"}, 400),
    "a bomb": ("/v1/lines", gzip.compress(b"\0" * (64 << 20), 9), {"Content-Encoding": "gzip"}, 413),
    "another encoding": ("/v1/lines", b"x", {"Content-Encoding": "br"}, 415),
    "another type": ("/v1/lines", b"x", {"Content-Type": "application/xml"}, 415),
    "a control character for a format": ("/v1/lines", b'{"lines": ["a"], "format": "\\u001b[2J"}', {}, 400),
    "no such format": ("/v1/lines", b'{"lines": ["a"], "format": "../../x"}', {}, 400),
    "another file": ("/v1/model", b'{"model": "/etc"}', {}, 400),
    "another path": ("/v1/nothing", b"", {}, 404),
    "another method": ("/v1/incidents", b"", {}, 405),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_one_clear_answer(client: httpx.Client, engine: DoubleEngine, name: str) -> None:
    path, body, headers, status = BAD[name]
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"} | headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"]
    assert "script" not in answer.text
    assert not engine.taken
    assert client.get("/readyz").status_code == 200


def test_a_body_that_is_too_large_is_not_read_into_memory(engine: DoubleEngine, defaults: Params) -> None:
    with serving(engine, with_serve(defaults, max_body_bytes=1000)) as (client, _):
        text = {"Content-Type": "text/plain"}
        assert client.post("/v1/lines", content=b"x" * 1001, headers=text).status_code == 413
        assert client.post("/v1/lines", content=iter([b"x" * 600] * 2), headers=text).status_code == 413
        packed = {"Content-Encoding": "deflate", **text}
        assert client.post("/v1/lines", content=zlib.compress(b"x" * 999), headers=packed).status_code == 200
        assert metric(client, "rationanomaly_http_held_bytes") == 0


def test_a_connection_whose_body_was_not_read_is_closed(client: httpx.Client) -> None:
    promise = b"POST /v1/lines HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
    url = client.base_url
    with socket.create_connection((url.host, url.port or 0), timeout=LONG) as connection:
        connection.sendall(promise % 10**12)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    # Else the next request of the connection would be taken for a part of this body, and wait for ever.
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


def test_who_sends_too_slowly_or_goes_away_holds_nothing(engine: DoubleEngine, defaults: Params) -> None:
    with serving(engine, with_serve(defaults, body_seconds=0.05)) as (client, _):
        url = client.base_url
        slow = http.client.HTTPConnection(url.host, url.port)
        slow.putrequest("POST", "/v1/lines")
        slow.putheader("Content-Type", "text/plain")
        slow.putheader("Content-Length", "100")
        slow.endheaders(b"half")
        assert slow.getresponse().status == 408
        slow.close()
        gone = socket.create_connection((url.host, url.port or 0))
        gone.sendall(
            b"POST /v1/lines HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nab"
        )
        gone.close()
        assert client.get("/readyz").status_code == 200
        assert not engine.taken


def test_log_text_in_answers_is_inert(client: httpx.Client) -> None:
    answer = client.post("/v1/verdicts", json={"templates": [HOSTILE], "wait_seconds": 1})
    assert answer.json()["verdicts"][0]["template"] == HOSTILE
    assert not any(map(is_unsafe, answer.text))
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_names_of_streams_are_inert_and_bounded(engine: DoubleEngine, defaults: Params) -> None:
    with serving(engine, with_serve(defaults, max_streams=2)) as (client, _):
        for number, name in enumerate(["../../etc\x1b[2J<script>", "b", "c"]):
            answer = client.post("/v1/lines", json={"lines": ["a"], "stream": name})
            assert answer.status_code == (200 if number < 2 else 400)
        assert list(engine.taken) == ["http/../../etc__2J_script_", "http/b"]


def test_other_sites_and_other_host_names_are_refused(client: httpx.Client) -> None:
    sent = {"content": b"x", "headers": {"Content-Type": "text/plain", "Origin": "http://evil.example"}}
    assert client.post("/v1/lines", **sent).status_code == 403  # type: ignore[arg-type]
    assert client.get("/v1/incidents", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    digest = hashlib.sha256(ADMIN.encode()).hexdigest()
    monkeypatch.setenv("SERVE_KEYS", f"app={KEY}, ops:admin=sha256:{digest}\nboard:read={READER}")
    return Keys.read("SERVE_KEYS")


def test_keys_open_what_their_roles_allow(engine: DoubleEngine, defaults: Params, keys: Keys) -> None:
    with serving(engine, defaults, keys) as (client, _):

        def status(method: str, path: str, key: str | None, **sent: object) -> int:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            return client.request(method, path, headers=headers, **sent).status_code  # type: ignore[arg-type]

        lines = {"json": {"lines": ["a"]}}
        assert status("POST", "/v1/lines", None, **lines) == 401
        assert status("POST", "/v1/lines", "wrong" * 6, **lines) == 401
        assert status("POST", "/v1/lines", READER, **lines) == 403
        assert status("POST", "/v1/lines", KEY, **lines) == 200
        assert list(engine.taken) == ["http/app"]
        assert client.get("/v1/incidents", headers={"X-API-Key": READER}).status_code == 200
        change = {"json": {"model": "models:/rationanomaly@next"}}
        assert status("POST", "/v1/model", KEY, **change) == 403
        assert status("POST", "/v1/model", ADMIN, **change) == 200
        for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
            assert status("GET", path, None) == 200
        shown = client.get("/metrics").text + client.get("/openapi.json").text
        assert not any(key in shown for key in (KEY, ADMIN, READER))
        assert client.get("/openapi.json").json()["security"] == [{"key": []}]


def test_a_key_that_knocks_for_the_wrong_door_learns_nothing_of_bodies(
    engine: DoubleEngine, defaults: Params, keys: Keys
) -> None:
    with serving(engine, defaults, keys) as (client, _):
        answer = client.post("/v1/logs", content=b"{}", headers={"Content-Type": "application/json"})
        assert answer.status_code == 401
        assert answer.json() == {"code": 16, "message": answer.json()["message"]}


@pytest.mark.parametrize(
    "text", ["", "app", "app=short", "app:write+write=" + KEY, "app:root=" + KEY, "a/b=" + KEY, "app=sha256:12"]
)
def test_keys_that_are_none_are_one_clear_line_without_them(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SERVE_KEYS", text)
    with pytest.raises(ParamsError) as caught:
        Keys.read("SERVE_KEYS")
    assert "SERVE_KEYS" in str(caught.value)
    assert KEY not in str(caught.value)


def test_who_asks_too_often_is_asked_to_come_later(engine: DoubleEngine, defaults: Params) -> None:
    with serving(engine, with_serve(defaults, requests_per_second=0.01, request_burst=3)) as (client, _):
        found = [client.get("/v1/model") for _ in range(4)]
        assert [one.status_code for one in found] == [200, 200, 200, 429]
        assert int(found[-1].headers["Retry-After"]) >= 1
        assert client.get("/healthz").status_code == 200


def test_when_too_much_waits_clients_are_asked_to_come_later(engine: DoubleEngine, defaults: Params) -> None:
    settings = with_serve(defaults, max_waiting_bytes=1000)
    text = {"Content-Type": "text/plain"}
    engine.gate.clear()
    with serving(engine, settings) as (client, _), ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/v1/lines?stream=a", content=b"x" * 800, headers=text)
        assert engine.entered.wait(LONG)
        second = client.post("/v1/lines?stream=b", content=b"x" * 800, headers=text)
        assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
        engine.gate.set()
        assert first.result().status_code == 200
        assert client.post("/v1/lines?stream=b", content=b"x" * 800, headers=text).status_code == 200
        assert metric(client, "rationanomaly_http_held_bytes") == 0


def test_a_request_whose_turn_does_not_come_is_not_taken(engine: DoubleEngine, defaults: Params) -> None:
    engine.gate.clear()
    short = with_serve(defaults, answer_seconds=0.05)
    with serving(engine, short) as (client, service), ThreadPoolExecutor(1) as pool:
        hold_until(engine.entered, service)
        first = pool.submit(client.post, "/v1/lines", json={"lines": ["first"], "stream": "a"})
        assert engine.entered.wait(LONG)
        second = client.post("/v1/lines", json={"lines": ["second"], "stream": "b"})
        assert (second.status_code, second.headers["Retry-After"]) == (503, "2")
        engine.gate.set()
        # It had been begun when its time was over: it is answered as what it is, stored.
        assert first.result().status_code == 200
    assert engine.taken == {"http/a": b"first\n"}


def wait_for(service: Service, requests: int) -> None:
    """Wait until so many requests wait for the intake, which is held up."""
    with service.intake._news:
        assert service.intake._news.wait_for(lambda: len(service.intake._waiting) >= requests, LONG)


def test_lines_of_many_clients_share_a_transaction_and_get_their_own_rows(
    engine: DoubleEngine, defaults: Params
) -> None:
    engine.gate.clear()
    with serving(engine, defaults) as (client, service), ThreadPoolExecutor(9) as pool:
        first = pool.submit(client.post, "/v1/lines", json={"lines": ["job 0 done"], "stream": "s"})
        assert engine.entered.wait(LONG)
        others = [
            pool.submit(client.post, "/v1/lines", json={"lines": [f"job {number} done"], "stream": f"s{number}"})
            for number in range(1, 9)
        ]
        wait_for(service, len(others))
        engine.gate.set()
        for number, one in enumerate([first, *others]):
            assert [row["message"] for row in one.result().json()["lines"]] == [f"job {number} done"]
    assert [len(batch) for batch in engine.batches] == [1, 8]


def test_requests_of_one_stream_are_taken_together_and_get_their_own_rows(
    engine: DoubleEngine, defaults: Params
) -> None:
    engine.gate.clear()
    with serving(engine, defaults) as (_, service):
        first = service.intake.submit([Chunk("a", b"0\n", None)])
        assert engine.entered.wait(LONG)
        logs = [service.intake.submit([Chunk("a", b"%d\n" % number, None), Chunk("b", b"x\n", None)])
                for number in range(1, 4)]  # fmt: skip
        lines = [service.intake.submit([Chunk("a", text, None)], "a") for text in (b"\n\nmine\n", b"yours\n\n", b"")]
        engine.gate.set()
        assert [one.result().lines.height for one in [first, *logs]] == [0] * 4
        assert [one.result().lines["message"].to_list() for one in lines] == [["", "", "mine"], ["yours", ""], []]
    # Records are joined to one chunk of a stream, texts are not: no line may be read as the rest of another's.
    assert [len(batch) for batch in engine.batches] == [1, 5]
    assert engine.taken == {"a": b"0\n1\n2\n3\n\n\nmine\nyours\n\n", "b": b"x\n" * 3}


def test_one_bad_request_of_a_batch_does_not_take_the_others_with_it(engine: DoubleEngine, defaults: Params) -> None:
    engine.gate.clear()
    with serving(engine, defaults) as (client, service), ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.post, "/v1/lines", json={"lines": ["a"], "stream": "a"})
        assert engine.entered.wait(LONG)
        bad = pool.submit(client.post, "/v1/lines", json={"lines": ["b"], "stream": "b", "format": "bgl"})
        good = pool.submit(client.post, "/v1/lines", json={"lines": ["c"], "stream": "c"})
        wait_for(service, 2)
        engine.gate.set()
        assert [one.result().status_code for one in (first, bad, good)] == [200, 400, 200]
    assert set(engine.taken) == {"http/a", "http/c"}


def test_a_full_disk_is_said_and_over_when_it_is(client: httpx.Client, engine: DoubleEngine) -> None:
    engine.fault = full_disk
    answer = client.post("/v1/lines", json={"lines": ["a"]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "full" in answer.json()["error"]["message"]
    assert not engine.taken
    assert client.get("/healthz").status_code == 200
    assert metric(client, "rationanomaly_batch_failures_total") == 1
    engine.fault = lambda chunks: None
    assert client.post("/v1/lines", json={"lines": ["a"]}).status_code == 200
    assert client.get("/readyz").json() == {"ready": True, "problem": None, "model": "rationanomaly/1"}


def test_a_full_disk_is_tried_once_for_all_that_wait(engine: DoubleEngine, defaults: Params) -> None:
    engine.gate.clear()
    tried: list[int] = []

    def fault(chunks: Sequence[Chunk]) -> Exception:
        tried.append(len(chunks))
        return full_disk(chunks)

    with serving(engine, defaults) as (_, service):
        first = service.intake.submit([Chunk("a", b"x\n", None)])
        assert engine.entered.wait(LONG)
        others = [service.intake.submit([Chunk(f"s{number}", b"x\n", None)]) for number in range(8)]
        engine.fault = fault
        engine.gate.set()
        assert all("full" in str(one.exception()) for one in [first, *others])
    assert tried == [1, 8]


def test_what_waits_is_stored_when_the_service_is_stopped(engine: DoubleEngine, defaults: Params) -> None:
    with serving(engine, defaults) as (_, service):
        futures = [service.intake.submit([Chunk("s", b"x\n", None)]) for _ in range(50)]
    assert all(one.done() for one in futures)
    assert engine.taken == {"s": b"x\n" * 50}
