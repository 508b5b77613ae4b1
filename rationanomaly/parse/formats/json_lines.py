"""One JSON object a line: structured logs of applications, OpenTelemetry log records.

The names under which loggers write the fields are params (`JsonParams`); what the values mean is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import polars as pl

from rationanomaly.params import JsonParams, ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, iso_time
from rationanomaly.parse.formats.json_objects import one_line, read_names
from rationanomaly.parse.formats.levels import UNWRITTEN, full_level, syslog_level, telemetry_level
from rationanomaly.parse.formats.web import with_reason

_NO_ALERT = ("", "-", "0", "false", "no", "none", "normal")
#: How the text of an object or an array begins.
_OBJECT = r'^(?:\{["}]|\[(?:[\]"\[{]|-?[0-9][0-9.e+-]*[,\]]|true|false|null))'
#: What an access log has in the place of a message; the first of each that a line has.
_REQUEST = ("request", "request_line")
_METHOD = (
    "method",
    "request_method",
    "http_method",
    "RequestMethod",
    "http.request.method",
    "httpRequest.requestMethod",
)
_PATH = ("path", "uri", "request_uri", "RequestPath", "url.path", "url.original", "httpRequest.requestUrl", "url")
_STATUS = ("status", "status_code", "statusCode", "DownstreamStatus", "http.response.status_code", "httpRequest.status")
_CLIENT = ("remote_addr", "remote_ip", "client_ip", "clientip", "ClientHost", "client.ip", "httpRequest.remoteIp")
_ACCESS = (*_REQUEST, *_METHOD, *_PATH, *_STATUS, *_CLIENT)
_CODE = r"^([1-5][0-9]{2})$"
#: GELF, whose levels are those of syslog.
_GELF = "short_message"


def formats(settings: ParseParams | None) -> list[Format]:
    """JSON lines, with the field names that the user gives.

    A record is a line: other text is none of it, but for the stack trace that a program writes behind.
    """
    if settings is None:
        return []
    read = partial(parse, fields=settings.json_fields)
    return [Format("json", "JSON lines, OpenTelemetry log records", read, is_dated=False)]


def parse(lines: pl.DataFrame, fields: JsonParams) -> pl.DataFrame:
    """The first of the named fields that a line has counts; a line without a message does not fit.

    Line breaks in a message become blanks, so that a stack trace in JSON has the template of one on several lines.
    """
    named = dict(fields)
    names = [name for candidates in named.values() for name in candidates]
    values = read_names(lines["raw"], [*names, _GELF, "stream", "@t"])
    values = values.select(column for column in values if column.null_count() < values.height)
    has = {field: [name for name in candidates if name in values.columns] for field, candidates in named.items()}
    alert = _first(has["alert"]).str.to_lowercase().is_in(_NO_ALERT)
    found = values.select(
        time=_coalesce([written_time(pl.col(name)) for name in has["time"]], pl.Datetime("us", "UTC")),
        node=_first(has["node"]),
        alert=~alert,
        level=_level(values, has["level"]),
        logger=_first(has["logger"]).str.replace(r":[0-9]+$", ""),
        thread=_first(has["thread"]),
        stream=stream(values),
        message=_message(has["message"]),
        message_template=_first(has["template"]),
    )
    found = _with_requests(lines["raw"], _of_height(found, lines.height))
    return found.with_columns(pl.col("message", "message_template").map_batches(one_line, pl.String))


def _with_requests(raw: pl.Series, found: pl.DataFrame) -> pl.DataFrame:
    """The same, with ``REQUEST STATUS REASON`` as the message of lines of an access log; the client is the node."""
    places = (found["message"].fill_null("") == "").arg_true()
    values = read_names(raw.gather(places), _ACCESS) if places.len() else pl.DataFrame()
    if not places.len() or values.select(pl.all_horizontal(pl.col(_STATUS).is_null()).all()).item():
        return found
    request = pl.coalesce(_first(_REQUEST), _first(_METHOD) + " " + _first(_PATH))
    status = pl.coalesce(pl.col(name).str.extract(_CODE) for name in _STATUS)
    read = values.select(message=request + " " + with_reason(status), node=_first(_CLIENT))
    own = found.select("message", "node")[places]
    message = pl.select(pl.coalesce(read["message"], own["message"])).to_series()
    node = pl.select(pl.coalesce(own["node"], pl.when(read["message"].is_not_null()).then(read["node"]))).to_series()
    return found.with_columns(
        message=found["message"].scatter(places, message), node=found["node"].scatter(places, node)
    )


def written_time(texts: pl.Expr) -> pl.Expr:
    """Times in ISO 8601 or as a number since 1970; null for what is neither."""
    number = epoch_time(texts)
    return pl.coalesce(number, iso_time(pl.when(number.is_null()).then(texts)))


def stream(values: pl.DataFrame) -> pl.Expr:
    """The stream of a container that a line names, if it is one."""
    if "stream" not in values.columns:
        return pl.lit(None, pl.String)
    return pl.when(pl.col("stream").is_in(["stdout", "stderr"])).then("stream")


def _level(values: pl.DataFrame, names: Sequence[str]) -> pl.Expr:
    read = []
    for name in names:
        if name.lower().endswith("severitynumber"):
            read.append(telemetry_level(pl.col(name)))
            continue
        if _GELF in values.columns:
            read.append(pl.when(pl.col(_GELF).is_not_null()).then(syslog_level(pl.col(name))))
        read.append(full_level(pl.col(name)))
    if "@t" in values.columns:
        # Serilog leaves out the level that most lines have.
        read.append(pl.when(pl.col("@t").is_not_null()).then(pl.lit(UNWRITTEN)))
    return _coalesce(read, pl.String())


def _message(names: Sequence[str]) -> pl.Expr:
    """A text rather than an object, and an object rather than an empty text."""
    filled = [pl.when(pl.col(name) != "").then(name) for name in names]
    return _coalesce([*map(_text, names), *filled, *map(pl.col, names)], pl.String())


def _first(names: Sequence[str]) -> pl.Expr:
    return _coalesce(map(_text, names), pl.String())


def _text(name: str) -> pl.Expr:
    """A value that is no object and not empty."""
    return pl.when((pl.col(name) != "") & ~pl.col(name).str.contains(_OBJECT)).then(name)


def _coalesce(found: Iterable[pl.Expr], kind: pl.DataType) -> pl.Expr:
    return pl.coalesce([*found, pl.lit(None, kind)])


def _of_height(found: pl.DataFrame, height: int) -> pl.DataFrame:
    """A frame of literals has one row."""
    return found if found.height == height else found[[0] * height]
