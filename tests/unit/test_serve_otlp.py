"""OpenTelemetry logs: what the official exporter sends is taken and answered as the specification says."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from rationanomaly.params import DEFAULTS, Params, load_params
from rationanomaly.parse.formats import otlp as otlp_format
from tests.served import LONG, metric, serving, with_serve
from tests.stream_double import DoubleEngine, full_disk

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.fixture(scope="module")
def defaults() -> Params:
    return load_params(DEFAULTS)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DoubleEngine]:
    engine = DoubleEngine(tmp_path)
    yield engine
    engine.close()


@pytest.fixture
def client(engine: DoubleEngine, defaults: Params) -> Iterator[httpx.Client]:
    with serving(engine, with_serve(defaults, max_record_bytes=2000)) as (client, _):
        yield client


def record(body: Any, **more: Any) -> dict[str, Any]:
    return {"timeUnixNano": "1764331200000000000", "severityNumber": 17, "body": body, **more}


def batch(*records: dict[str, Any], service: str = "shop", host: str = "node-7") -> dict[str, Any]:
    named = {"service.name": service, "host.name": host}
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]
    return {"resourceLogs": [{"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": list(records)}]}]}


def as_protobuf(request: dict[str, Any]) -> bytes:
    from google.protobuf.json_format import ParseDict

    return bytes(ParseDict(request, ExportLogsServiceRequest()).SerializeToString())


def read(engine: DoubleEngine, stream: str = "otlp/shop") -> pl.DataFrame:
    """What the parser reads of the lines that were taken."""
    raw = engine.taken[stream].decode().split("\n")[:-1]
    rows = otlp_format.expand(pl.DataFrame({"raw": raw}).with_row_index("line", offset=1))
    return otlp_format.parse(rows)


ENCODE: dict[str, Callable[[dict[str, Any]], bytes]] = {
    PROTOBUF: as_protobuf,
    JSON: lambda one: json.dumps(one).encode(),
}


@pytest.mark.parametrize("kind", ENCODE)
@pytest.mark.parametrize("packed", [False, True])
def test_a_batch_is_taken_and_answered_in_its_own_form(
    client: httpx.Client, engine: DoubleEngine, kind: str, packed: bool
) -> None:
    template = {"key": "log.record.template", "value": {"stringValue": "disk {disk} failed"}}
    sent = batch(record({"stringValue": "disk 7 failed"}, attributes=[template]), record({"stringValue": "two\nlines"}))
    body = ENCODE[kind](sent)
    headers = {"Content-Type": kind} | ({"Content-Encoding": "gzip"} if packed else {})
    answer = client.post("/v1/logs", content=gzip.compress(body) if packed else body, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["X-Model-Digest"] == engine.version.digest
    if kind == JSON:
        assert answer.json() == {}
    else:
        assert not ExportLogsServiceResponse.FromString(answer.content).HasField("partial_success")
    found = read(engine)
    assert found["message"].to_list() == ["disk 7 failed", "two lines"]
    assert found["message_template"].to_list() == ["disk {disk} failed", None]
    assert found["node"].to_list() == ["node-7"] * 2
    assert found["level"].to_list() == ["ERROR"] * 2
    assert str(found["time"][0]) == "2025-11-28 12:00:00+00:00"


@pytest.mark.parametrize("kind", ENCODE)
def test_records_that_can_not_be_taken_are_counted_as_a_partial_success(
    client: httpx.Client, engine: DoubleEngine, kind: str
) -> None:
    sent = batch(record({}), record({"stringValue": "x" * 3000}), record({"stringValue": "good"}))
    answer = client.post("/v1/logs", content=ENCODE[kind](sent), headers={"Content-Type": kind})
    assert answer.status_code == 200
    if kind == JSON:
        partial = answer.json()["partialSuccess"]
        rejected, why = int(partial["rejectedLogRecords"]), partial["errorMessage"]
    else:
        found = ExportLogsServiceResponse.FromString(answer.content).partial_success
        rejected, why = found.rejected_log_records, found.error_message
    assert rejected == 2
    assert "1 without a body" in why
    assert "1 longer than 2000 bytes" in why
    assert read(engine)["message"].to_list() == ["good"]
    assert metric(client, "rationanomaly_otlp_records_total", {"result": "rejected"}) == 2


def test_all_kinds_of_bodies_become_messages(client: httpx.Client, engine: DoubleEngine) -> None:
    bodies = [
        {"stringValue": "text"}, {"intValue": "7"}, {"doubleValue": 1.5}, {"boolValue": True},
        {"kvlistValue": {"values": [{"key": "message", "value": {"stringValue": "inside"}}]}},
        {"arrayValue": {"values": [{"intValue": 1}, {"stringValue": "b"}]}}, {"bytesValue": "AAE="},
    ]  # fmt: skip
    sent = batch(*map(record, bodies), {"eventName": "session.start"})
    sent["unknownField"] = {"of": "a later version"}
    sent["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0] |= {"traceId": "5b8efff798038103d269b633813fc60c",
                                                                  "spanId": "eee19b7ec3c1b174"}  # fmt: skip
    answer = client.post("/v1/logs", json=sent)
    assert answer.json() == {}
    assert read(engine)["message"].to_list() == [
        "text", "7", "1.5", "true", "inside", '["1", "b"]', '"0001"', "session.start"
    ]  # fmt: skip
    assert read(engine)["time"].null_count() == 0


def test_services_are_streams_of_their_own(client: httpx.Client, engine: DoubleEngine) -> None:
    one, two = batch(record({"stringValue": "a"})), batch(record({"stringValue": "b"}), service="\x1b[2J<b>")
    assert client.post("/v1/logs", json={"resourceLogs": one["resourceLogs"] + two["resourceLogs"]}).status_code == 200
    assert set(engine.taken) == {"otlp/shop", "otlp/__2J_b_"}


def test_nothing_is_a_success(client: httpx.Client, engine: DoubleEngine) -> None:
    assert client.post("/v1/logs", content=b"", headers={"Content-Type": PROTOBUF}).content == b""
    assert client.post("/v1/logs", json={}).json() == {}
    assert not engine.taken


WRONG = {
    "no protobuf": (PROTOBUF, b"\xff\xff\xff", 400),
    "no JSON": (JSON, b"{", 400),
    "a list": (JSON, b"[1]", 400),
    "a number for a list": (JSON, b'{"resourceLogs": 7}', 400),
    "numbers for objects": (JSON, b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [7]}]}]}', 400),
    "a text for a time": (JSON, b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"soon"}]}]}]}', 400),
    "a huge time": (JSON, b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1e40}]}]}]}', 400),
    "deeply nested": (JSON, b'{"resourceLogs":' * 3000, 400),
    "a surrogate": (
        JSON,
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"\\ud800"}}]}]}]}',
        400,
    ),
    "another type": ("text/plain", b"a", 415),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_not_to_be_sent_again(client: httpx.Client, engine: DoubleEngine, name: str) -> None:
    kind, body, status = WRONG[name]
    answer = client.post("/v1/logs", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert "Retry-After" not in answer.headers
    if kind == JSON:
        assert answer.json()["code"] == 3
    else:
        assert Status.FromString(answer.content).message
    assert not engine.taken


def test_what_can_be_sent_again_says_when(client: httpx.Client, engine: DoubleEngine) -> None:
    engine.fault = full_disk
    sent = as_protobuf(batch(record({"stringValue": "a"})))
    answer = client.post("/v1/logs", content=sent, headers={"Content-Type": PROTOBUF})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    status = Status.FromString(answer.content)
    assert (status.code, "full" in status.message) == (14, True)
    engine.fault = lambda chunks: None
    assert client.post("/v1/logs", content=sent, headers={"Content-Type": PROTOBUF}).status_code == 200


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_the_official_exporter_is_served(
    client: httpx.Client, engine: DoubleEngine, compression: Compression, caplog: pytest.LogCaptureFixture
) -> None:
    provider = LoggerProvider(Resource.create({"service.name": "shop", "host.name": "node-7"}))
    exporter = OTLPLogExporter(f"{client.base_url}/v1/logs", compression=compression, timeout=LONG)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("checkout")
    logger.emit(
        timestamp=1764331200000000000, severity_number=SeverityNumber.WARN, body="payment 12 failed",
        attributes={"log.record.template": "payment {id} failed"},
    )  # fmt: skip
    logger.emit(timestamp=1764331201000000000, body={"message": "second", "n": 2})
    with caplog.at_level(logging.WARNING):
        provider.shutdown()
    found = read(engine)
    assert found["message"].to_list() == ["payment 12 failed", "second"]
    assert found["message_template"][0] == "payment {id} failed"
    assert (found["logger"][0], found["level"][0], found["node"][0]) == ("checkout", "WARN", "node-7")
    assert not caplog.records


def test_the_official_exporter_sends_again_what_was_put_off(client: httpx.Client, engine: DoubleEngine) -> None:
    faults = [full_disk([]), full_disk([])]
    engine.fault = lambda chunks: faults.pop() if faults else None
    exporter = OTLPLogExporter(f"{client.base_url}/v1/logs", timeout=LONG)
    exporter._client._shutdown_event = pauses = NoPause()
    provider = LoggerProvider(Resource.create({"service.name": "shop"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("checkout").emit(timestamp=1, body="again")
    provider.shutdown()
    assert read(engine)["message"].to_list() == ["again"]
    # It gives up where a pause would not end within its timeout.
    assert pauses.asked == [2.0, 2.0]


class NoPause(threading.Event):
    """How long a client waits is noted, and not waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout)
        return super().wait(0)
