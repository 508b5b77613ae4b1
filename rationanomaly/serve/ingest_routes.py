"""Routes that take lines: `/v1/lines` and, as OpenTelemetry sends them, `/v1/logs`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from rationanomaly.serve import otlp
from rationanomaly.serve.body import read_body
from rationanomaly.serve.intake import Share
from rationanomaly.serve.messages import USUAL_ERRORS, LinesAnswer, LinesRequest, Model
from rationanomaly.serve.problems import JSON, PROTOBUF, Problem
from rationanomaly.serve.service import Service, as_json, check, content_type, now_nanos
from rationanomaly.sources.chunk import Chunk

_TEXT = "text/plain"
#: Names the model where the body may not: of its manifest.
_DIGEST = "X-Model-Digest"
#: Of a body of text; as in JSON.
_QUERY = ("stream", "format", "node", "show")
_LINES_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _TEXT: {"schema": {"type": "string", "example": "2026-11-28 12:00:00 node-7 link 4 down\n"}},
            JSON: {"schema": LinesRequest.model_json_schema()},
        },
    },
    "parameters": [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {"type": "string"},
            "description": f"As `{name}` in JSON.",
        }
        for name in _QUERY
    ],
}
_LOGS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
            JSON: {"schema": {"type": "object", "description": "ExportLogsServiceRequest"}},
        },
    }
}


def build_ingest(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["lines in"])

    @router.post("/v1/lines", responses={200: {"model": LinesAnswer}, **USUAL_ERRORS}, openapi_extra=_LINES_BODY)
    async def lines(request: Request) -> Response:
        """Read and judge log lines.

        When the answer comes they are stored: a crash loses none. Lines that the answer calls pending wait for the
        model; ask `/v1/verdicts` for their template, or see the incidents. The lines of one request end there: none
        waits for a next one. Send streams of your own in parallel; requests of one stream are read one after another.
        """
        sent, data = await _sent_lines(service, request)
        service.check_format(sent.format)
        stream = service.names.of_client(sent.stream or request.state.caller.name)
        chunk = Chunk(stream, data, None, sent.format, sent.node, whole=True)
        share = await service.stored(service.intake.submit([chunk] if data else [], stream))
        written = await service.work(len(data), _lines_answer, share, data.count(b"\n"), sent.show)
        return Response(written, media_type=JSON)

    @router.post("/v1/logs", responses={200: {}, **USUAL_ERRORS}, openapi_extra=_LOGS_BODY)
    async def logs(request: Request) -> Response:
        """Take OpenTelemetry logs: OTLP/HTTP 1.x, in protobuf or JSON, also compressed.

        As in the specification, records that can't be taken are counted in `partial_success`, and errors are a
        `google.rpc.Status`. `log.record.template` is the record's template where it is given.
        """
        kind = content_type(request)
        body = await read_body(request, service.settings)
        longest = service.settings.max_record_bytes
        read = await service.work(len(body), otlp.read_request, body, kind, longest, now_nanos())
        chunks = [
            Chunk(service.names.of_service(name), data, None, "otlp", whole=True) for name, data in read.lines.items()
        ]
        version = service.engine.version
        if chunks:
            version = (await service.stored(service.intake.submit(chunks))).version
        service.meter.count_records(read.accepted, read.rejected)
        return Response(otlp.write_answer(read, kind), headers={_DIGEST: version.digest}, media_type=kind)

    return router


async def _sent_lines(service: Service, request: Request) -> tuple[LinesRequest, bytes]:
    """What is said of the lines, and the lines as they are read, each with its line end."""
    kind = content_type(request)
    if kind == JSON:
        sent = await service.read(request, LinesRequest)
        return sent, _with_line_ends("".join(line + "\n" for line in sent.lines).encode("utf-8", "replace"))
    if kind != _TEXT:
        raise Problem(415, "unknown_type", f"Content-Type must be {_TEXT} or {JSON}.")
    data = await read_body(request, service.settings)
    query = {name: value for name, value in request.query_params.items() if name in _QUERY}
    sent = check({"lines": [], **query}, LinesRequest)
    return sent, _with_line_ends(data)


def _with_line_ends(data: bytes) -> bytes:
    """Lines that end with LF alone. The parser takes CR for a line end, too, and would count others than we do."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data if not data or data.endswith(b"\n") else data + b"\n"


def _lines_answer(share: Share, accepted: int, show: str) -> bytes:
    """A `LinesAnswer`; polars writes the rows, of which there may be very many."""
    rows = share.lines.clear() if show == "none" else share.lines
    rows = rows.filter(answer="abnormal") if show == "abnormal" else rows
    model, alerts = as_json(Model.of(share.version).model_dump()), as_json([one.as_row() for one in share.alerts])
    written = rows.with_columns(rows["time"].dt.to_string("iso:strict")).write_json()
    return f'{{"model": {model}, "accepted": {accepted}, "lines": {written}, "alerts": {alerts}}}'.encode()
