"""OpenTelemetry logs over HTTP: requests in protobuf or JSON, as lines of the format ``otlp`` that `parse` reads.

Only what that format reads is kept. Each record becomes a line of its own, so that evidence can name it.

Specification: https://opentelemetry.io/docs/specs/otlp/ (1.x), "OTLP/HTTP".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rationanomaly.parse.formats.otlp import NODES, PROGRAMS, TEMPLATES, THREADS
from rationanomaly.serve.problems import JSON, PROTOBUF, Problem

if TYPE_CHECKING:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

_OF_RESOURCE = frozenset({*NODES, *PROGRAMS})
_OF_RECORD = frozenset({*TEMPLATES, *THREADS})
_PROGRAM = "service.name"
#: Hexadecimal in OTLP's JSON, which protobuf's own JSON reads as base64; nothing here needs them.
_IDS = ("traceId", "spanId", "trace_id", "span_id")
#: Members of a body that are kept, and how deep they may lie.
_MEMBERS, _DEPTH = 100, 8


@dataclass(frozen=True)
class Records:
    """The records of a request.

    Attributes:
        lines: by the name of the service that wrote them: a line of JSON for each record.
        accepted: number of lines.
        rejected: number of records that can't be taken.
        reason: why; empty if none was rejected.
    """

    lines: Mapping[str, bytes]
    accepted: int
    rejected: int
    reason: str


def read_request(body: bytes, content_type: str, longest: int, now: int) -> Records:
    """The records of a request.

    Args:
        body: decompressed.
        content_type: without parameters.
        longest: bytes of a record's text.
        now: nanoseconds since 1970, for records that name no time.

    Raises:
        Problem: it is neither OTLP in protobuf nor in JSON.
    """
    return _records(_decode(body, content_type), longest, now)


def write_answer(records: Records, content_type: str) -> bytes:
    """The ExportLogsServiceResponse, in the form of the request; it says what was rejected, if anything was."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
        ExportLogsPartialSuccess,
        ExportLogsServiceResponse,
    )

    if content_type == JSON:
        partial = {"rejectedLogRecords": str(records.rejected), "errorMessage": records.reason}
        return json.dumps({"partialSuccess": partial} if records.rejected else {}).encode()
    answer = ExportLogsServiceResponse()
    if records.rejected:
        partial = ExportLogsPartialSuccess(rejected_log_records=records.rejected, error_message=records.reason)
        answer.partial_success.CopyFrom(partial)
    return bytes(answer.SerializeToString())


def _decode(body: bytes, content_type: str) -> ExportLogsServiceRequest:
    from google.protobuf.json_format import ParseDict, ParseError
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    request = ExportLogsServiceRequest()
    if content_type == PROTOBUF:
        try:
            request.ParseFromString(body)
        except (DecodeError, ValueError) as error:
            raise Problem(400, "not_otlp", "The body is no ExportLogsServiceRequest in protobuf.") from error
    elif content_type == JSON:
        try:
            ParseDict(_without_ids(json.loads(body)), request, ignore_unknown_fields=True, max_recursion_depth=60)
        except (ParseError, ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
            raise Problem(400, "not_otlp", "The body is no ExportLogsServiceRequest in JSON.") from error
    else:
        raise Problem(415, "unknown_type", f"Content-Type must be {PROTOBUF} or {JSON}.")
    return request


def _without_ids(request: Any) -> Any:
    for resource in _listed(request, "resourceLogs", "resource_logs"):
        for scope in _listed(resource, "scopeLogs", "scope_logs"):
            for record in _listed(scope, "logRecords", "log_records"):
                for name in _IDS:
                    record.pop(name, None)
    return request


def _listed(value: Any, *names: str) -> Iterator[dict[str, Any]]:
    """The objects of a list under one of the names, as far as it is one."""
    for name in names:
        found = value.get(name)
        if isinstance(found, list):
            yield from (one for one in found if isinstance(one, dict))


def _records(request: ExportLogsServiceRequest, longest: int, now: int) -> Records:
    lines: dict[str, list[bytes]] = {}
    without, too_long = 0, 0
    for resource in request.resource_logs:
        about = {"attributes": _attributes(resource.resource.attributes, _OF_RESOURCE)}
        program = next((_text(one.value) for one in resource.resource.attributes if one.key == _PROGRAM), "") or ""
        kept = lines.setdefault(program, [])
        for scope in resource.scope_logs:
            named = {"name": scope.scope.name}
            for record in scope.log_records:
                body = _body(record)
                if body is None:
                    without += 1
                    continue
                logged = _record(record, body, now)
                line = json.dumps(
                    {"resourceLogs": [{"resource": about, "scopeLogs": [{"scope": named, "logRecords": [logged]}]}]}
                ).encode()
                if len(line) > longest:
                    too_long += 1
                    continue
                kept.append(line + b"\n")
    reasons = [f"{without} without a body or an event name"] if without else []
    reasons += [f"{too_long} longer than {longest} bytes"] if too_long else []
    joined = {name: b"".join(found) for name, found in lines.items() if found}
    return Records(joined, sum(map(len, lines.values())), without + too_long, "; ".join(reasons))


def _record(record: LogRecord, body: dict[str, Any], now: int) -> dict[str, Any]:
    observed = record.observed_time_unix_nano or (0 if record.time_unix_nano else now)
    return {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(observed),
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "body": body,
        "attributes": _attributes(record.attributes, _OF_RECORD),
    }


def _body(record: LogRecord) -> dict[str, Any] | None:
    """The body as JSON holds it; the name of an event stands in for one that is missing; None if there is neither."""
    kind = record.body.WhichOneof("value")
    if kind == "kvlist_value":
        members = record.body.kvlist_value.values[:_MEMBERS]
        if members:
            values = [{"key": one.key, "value": {"stringValue": _text(one.value) or ""}} for one in members]
            return {"kvlistValue": {"values": values}}
    elif (text := _text(record.body)) is not None and text.strip():
        return {"stringValue": text}
    return {"stringValue": record.event_name} if record.event_name.strip() else None


def _attributes(attributes: Iterable[KeyValue], names: frozenset[str]) -> list[dict[str, Any]]:
    """Those attributes that the format reads."""
    found = [(one.key, _text(one.value)) for one in attributes if one.key in names]
    return [{"key": key, "value": {"stringValue": text}} for key, text in found if text is not None]


def _text(value: AnyValue) -> str | None:
    """A value as text, as a line of a log would hold it; None if it is empty."""
    match value.WhichOneof("value"):
        case None:
            return None
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return str(value.double_value)
        case _:
            return json.dumps(_plain(value, _DEPTH), ensure_ascii=False)


def _plain(value: AnyValue, depth: int) -> Any:
    """A nested value as plain JSON, down to some depth."""
    match value.WhichOneof("value"):
        case "array_value" if depth:
            return [_plain(one, depth - 1) for one in value.array_value.values[:_MEMBERS]]
        case "kvlist_value" if depth:
            return {one.key: _plain(one.value, depth - 1) for one in value.kvlist_value.values[:_MEMBERS]}
        case "bytes_value":
            return value.bytes_value.hex()
        case "array_value" | "kvlist_value":
            return "…"
        case _:
            return _text(value)
