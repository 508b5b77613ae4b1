"""OpenTelemetry's protocol as JSON, a batch of log records a line: what the collector's file exporter writes.

`expand` makes a row of each record. A line that did not pass it counts as its first record.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_micros
from rationanomaly.parse.formats.json_objects import one_line, read_names, read_schema
from rationanomaly.parse.formats.levels import full_level, telemetry_level

_BATCH = r'^\s*\{\s*"resourceLogs"\s*:'
_TEXT = pl.String()
_SCALARS = ("stringValue", "intValue", "doubleValue", "boolValue")
_VALUE = pl.Struct(dict.fromkeys(_SCALARS, _TEXT))
_ATTRIBUTES = pl.List(pl.Struct({"key": _TEXT, "value": _VALUE}))
_BODY = pl.Struct(
    {**dict.fromkeys((*_SCALARS, "arrayValue"), _TEXT), "kvlistValue": pl.Struct({"values": _ATTRIBUTES})}
)
_TEXTS = ("timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText")
_RECORD = pl.Struct({**dict.fromkeys(_TEXTS, _TEXT), "body": _BODY, "attributes": _ATTRIBUTES})
_SCOPE = pl.Struct({"scope": pl.Struct({"name": _TEXT}), "logRecords": pl.List(_RECORD)})
_RESOURCE = pl.Struct({"resource": pl.Struct({"attributes": _ATTRIBUTES}), "scopeLogs": pl.List(_SCOPE)})

#: Attributes of a resource that name the node and the program, and of a record.
NODES, PROGRAMS = ("host.name", "k8s.node.name", "host.id"), ("service.name", "process.executable.name")
THREADS = ("thread.name", "thread.id")
#: That of the convention, of .NET and of Serilog.
TEMPLATES = ("log.record.template", "{OriginalFormat}", "message_template.text")
#: Of a microsecond.
_NANOS = 1000
#: Members of a body of several values that hold its text.
_MESSAGES = ("message", "msg", "log", "MESSAGE", "event")
#: What an expanded row holds. No other log has these names.
_PREFIX = "otlp."


def formats(_settings: ParseParams | None) -> list[Format]:
    """Batches of log records."""
    return [Format("otlp", "OpenTelemetry collector, file exporter", parse, is_dated=False, expand=expand)]


def expand(lines: pl.DataFrame) -> pl.DataFrame:
    """A row for each log record of the lines: ``raw`` is the record alone, as JSON, and the other columns are repeated.

    A line without a record stays as it is.
    """
    numbered = lines.with_row_index("place")
    batches = numbered.filter(pl.col("raw").str.contains(_BATCH))
    if not batches.height:
        return lines
    found = read_schema(batches["raw"], {"resourceLogs": pl.List(_RESOURCE)})["resourceLogs"]
    records = batches.with_columns(resources=found).explode("resources").unnest("resources")
    records = records.explode("scopeLogs").unnest("scopeLogs").explode("logRecords")
    records = records.filter(pl.col("logRecords").is_not_null()).unnest("logRecords")
    program = _attribute(pl.col("resource").struct.field("attributes"), PROGRAMS)
    members = pl.col("body").struct.field("kvlistValue").struct.field("values")
    values = {
        "time": pl.when(pl.col("timeUnixNano") != "0").then("timeUnixNano"),
        "observed": pl.col("observedTimeUnixNano"),
        "number": pl.col("severityNumber"),
        "level": pl.col("severityText"),
        "node": _attribute(pl.col("resource").struct.field("attributes"), NODES),
        "logger": pl.coalesce(_filled(pl.col("scope").struct.field("name")), program),
        "thread": _attribute(pl.col("attributes"), THREADS),
        "template": _attribute(pl.col("attributes"), TEMPLATES),
        "body": pl.coalesce(
            _scalar(pl.col("body")),
            _attribute(members, _MESSAGES),
            _pairs(members),
            pl.col("body").struct.field("arrayValue"),
        ),
    }
    raw = pl.struct(value.alias(f"{_PREFIX}{name}") for name, value in values.items()).struct.json_encode()
    rows = records.with_columns(raw=raw).select(numbered.columns)
    others = numbered.join(rows.select("place").unique(), on="place", how="anti")
    return pl.concat([others, rows]).sort("place", maintain_order=True).drop("place")


def parse(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the host of the resource, the logger the scope, else the service."""
    rows = expand(lines.select("raw").with_row_index("row")).unique("row", keep="first", maintain_order=True)
    names = ("time", "observed", "number", "level", "node", "logger", "thread", "template", "body")
    found = read_names(rows["raw"], [f"{_PREFIX}{name}" for name in names])
    found.columns = list(names)
    return found.select(
        "node",
        "logger",
        "thread",
        time=pl.coalesce(epoch_micros(pl.col("time"), _NANOS), epoch_micros(pl.col("observed"), _NANOS)),
        level=pl.coalesce(full_level(pl.col("level")), telemetry_level(pl.col("number"))),
        message=pl.col("body").map_batches(one_line, pl.String),
        message_template=pl.col("template").map_batches(one_line, pl.String),
    )


def _attribute(attributes: pl.Expr, keys: tuple[str, ...]) -> pl.Expr:
    """The value of the first of some keys that a list of attributes has."""
    element = pl.element()
    key, value = element.struct.field("key"), _scalar(element.struct.field("value"))
    return pl.coalesce(
        attributes.list.eval(pl.when(key == name).then(value)).list.drop_nulls().list.first() for name in keys
    )


def _pairs(attributes: pl.Expr) -> pl.Expr:
    """Attributes as ``key=value``."""
    element = pl.element()
    pair = pl.format("{}={}", element.struct.field("key"), _scalar(element.struct.field("value")))
    return _filled(attributes.list.eval(pair).list.drop_nulls().list.join(" "))


def _scalar(values: pl.Expr) -> pl.Expr:
    return pl.coalesce(values.struct.field(name) for name in _SCALARS)


def _filled(texts: pl.Expr) -> pl.Expr:
    return pl.when(texts != "").then(texts)
