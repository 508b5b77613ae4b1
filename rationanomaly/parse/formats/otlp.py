"""OpenTelemetry's protocol as JSON, a batch of log records a line: what the collector's file exporter writes.

`expand` makes a row of each record; without it a line counts as its first record.
"""

from __future__ import annotations

import polars as pl

_TEXT = pl.String()
_VALUE = pl.Struct(dict.fromkeys(("stringValue", "intValue", "doubleValue", "boolValue"), _TEXT))
_ATTRIBUTES = pl.List(pl.Struct({"key": _TEXT, "value": _VALUE}))
#: A body of several values is read as text, but for the members that hold a message.
_BODY = pl.Struct({**dict(_VALUE), "kvlistValue": pl.Struct({"values": _ATTRIBUTES}), "arrayValue": _TEXT})
_RECORDS = pl.List(
    pl.Struct(
        {
            **dict.fromkeys(("timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText"), _TEXT),
            "body": _BODY,
            "attributes": _ATTRIBUTES,
        }
    )
)
