"""Access logs of IIS, Squid and Envoy. As in those of `web`, a reason phrase stands behind each status code."""

from __future__ import annotations

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, groups, iso_time
from rationanomaly.parse.formats.web import with_reason

_ADDRESS = r"[0-9A-Fa-f.:%]+"
#: The fields that IIS writes unless told otherwise.
_IIS = (
    rf"^(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} [0-9:]{{8}}) (?:W3SVC[0-9]+ )?(?:[^ ]+ )?{_ADDRESS} "
    rf"(?<method>[A-Z]+) (?<path>[^ ]+) (?<query>[^ ]+) [0-9]+ [^ ]+ (?<node>{_ADDRESS}) (?:HTTP/[0-9.]+ )?"
    r"[^ ]+ (?:[^ ]+ ){0,3}?(?<status>[1-5][0-9]{2})(?<numbers>(?: [0-9]+){0,5})$"
)
_SQUID = (
    r"^(?<time>[0-9]{9,10}\.[0-9]{3}) +[0-9]+ (?<node>[^ ]+) (?<result>[A-Z_]+)/(?<status>[0-9]{3}) "
    r"(?<size>[0-9]+) (?<method>[A-Z_:-]+) (?<url>[^ ]+) [^ ]+ [A-Z_]+/[^ ]+ [^ ]+"
)
_ENVOY = (
    r"^\[(?<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z)\] \"(?<request>[A-Z-]+ [^\"]*)\" (?<status>[0-9]{1,3}) "
    r"(?<flags>[A-Z][A-Za-z,]*|-) (?<numbers>.*)$"
)
#: Quoted fields are of any kind; this one is an address, or several, the client first.
_FORWARDED = r"\"([0-9A-Fa-f]{1,4}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+)(?:,[^\"]*)?\""
_NO_STATUS = "0"


def formats(_settings: ParseParams | None) -> list[Format]:
    """A record a line."""
    return [
        Format("iis", "access log of IIS (W3C)", parse_iis, is_dated=False, headers="^#[A-Z][A-Za-z-]*: "),
        Format("squid", "access log of Squid", parse_squid, is_dated=False),
        Format("envoy", "access log of Envoy and Istio", parse_envoy, is_dated=False),
    ]


def parse_iis(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client, the message ``METHOD PATH QUERY STATUS REASON``, perhaps with more numbers."""
    found = groups(lines, _IIS)
    query = pl.when(pl.col("query") != "-").then("query")
    status = with_reason(pl.col("status")) + pl.col("numbers")
    return found.select(
        "node",
        time=iso_time(pl.col("time")),
        message=pl.when(pl.col("status").is_not_null()).then(
            pl.concat_str("method", "path", query, status, separator=" ", ignore_nulls=True)
        ),
    )


def parse_squid(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client, the message ``METHOD URL RESULT STATUS REASON SIZE``."""
    found = groups(lines, _SQUID)
    return found.select(
        "node",
        time=epoch_time(pl.col("time")),
        message=pl.concat_str("method", "url", "result", with_reason(pl.col("status")), "size", separator=" "),
    )


def parse_envoy(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client that the request was forwarded for, the message ``REQUEST STATUS REASON FLAGS NUMBERS``.

    A flag says what became of the connection, such as ``UH``; a request without an answer has the status ``0``.
    """
    found = groups(lines, _ENVOY)
    status = pl.col("status").replace({_NO_STATUS: "-"})
    return found.select(
        time=iso_time(pl.col("time")),
        node=pl.col("numbers").str.extract(_FORWARDED),
        message=pl.concat_str("request", with_reason(status), "flags", "numbers", separator=" "),
    )
