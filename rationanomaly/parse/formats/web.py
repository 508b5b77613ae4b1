"""Access and error logs of Apache and Nginx."""

from __future__ import annotations

from http import HTTPStatus

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import groups

_ACCESS = (
    r"^(?:[^ ]+:[0-9]+ )?(?<node>[^ ]+) [^ ]+ [^\[]*\[(?<time>[0-9]{2}/[A-Z][a-z]{2}/[0-9:]{13} [+-][0-9]{4})\] "
    r'"(?<request>(?:[^"\\]|\\.)*)" (?<status>[0-9]{3}) (?<size>[0-9]+|-)(?: .*)?$'
)
_APACHE = (
    r"^\[(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} +[0-9]{1,2} [0-9:.]{8,15} [0-9]{4})\] \[[a-z0-9_:]*\] "
    r"(?:\[pid [^\]]*\] )?(?:\[client (?<node>[^\]]*)\] )?(?<message>.*)$"
)
_NGINX = r"^(?<time>[0-9/]{10} [0-9:]{8}) \[[a-z]+\] [0-9]+#[0-9]+: (?:\*[0-9]+ )?(?<message>.*)$"
_REASONS = {str(status.value): f"{status.value} {status.phrase}" for status in HTTPStatus}


def formats(_settings: ParseParams | None) -> list[Format]:
    """Access logs (common and combined), and the error logs of both servers."""
    return [
        Format("access", "access log of Apache or Nginx", parse_access),
        Format("apache-error", "error log of Apache", parse_apache),
        Format("nginx-error", "error log of Nginx", parse_nginx),
    ]


def parse_access(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client; the message is ``REQUEST STATUS REASON SIZE``.

    The reason phrase is added because the number is masked: ``500`` and ``200`` must not share a template.
    """
    found = groups(lines, _ACCESS)
    status = pl.col("status").replace(_REASONS)
    return found.select(
        time=_utc(pl.col("time").str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="us", strict=False)),
        node="node",
        message=pl.concat_str("request", status, "size", separator=" "),
    )


def parse_apache(lines: pl.DataFrame) -> pl.DataFrame:
    """The time is taken for UTC."""
    written = pl.col("time").str.replace_all(r" +", " ")
    time = written.str.to_datetime("%a %b %e %H:%M:%S%.f %Y", time_unit="us", time_zone="UTC", strict=False)
    return groups(lines, _APACHE).select("node", "message", time=time)


def parse_nginx(lines: pl.DataFrame) -> pl.DataFrame:
    """The time is taken for UTC."""
    time = pl.col("time").str.to_datetime("%Y/%m/%d %H:%M:%S", time_unit="us", time_zone="UTC", strict=False)
    return groups(lines, _NGINX).select("message", time=time)


def _utc(times: pl.Expr) -> pl.Expr:
    return times.dt.convert_time_zone("UTC")
