"""What services of AWS write to S3: access logs of load balancers, CloudFront and S3, and flow logs of networks."""

from __future__ import annotations

from http import HTTPStatus

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import epoch_time, groups, iso_time

_NUMBER = r"-?[0-9.]+"
#: From the balancer's name on. A request may hold quotes, so it ends where the agent's text begins, or with the line.
_BALANCED = (
    rf"(?<time>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9:.]{{8,15}}Z?) (?<balancer>[^ ]+) (?<client>[^ ]+) [^ ]+ "
    rf"(?:{_NUMBER}|-) (?:{_NUMBER}|-) (?:{_NUMBER}|-) (?<status>[0-9]{{3}}|-) (?:[0-9]{{3}}|-) "
    rf'(?:[0-9]+|-) (?<size>[0-9]+|-) "(?<request>.*?)"(?: ".*|)$'
)
_ALB = rf"^(?:https?|h2|grpcs?|wss?) {_BALANCED}"
_ELB = rf"^{_BALANCED}"
_S3 = (
    r"^[0-9a-f]+ (?<bucket>[^ ]+) \[(?<time>[0-9]{2}/[A-Z][a-z]{2}/[0-9:]{13} [+-][0-9]{4})\] (?<client>[^ ]+) "
    r'[^ ]+ [^ ]+ (?<operation>[A-Z0-9]+\.[A-Z0-9_.]+) (?<key>[^ ]+) (?:"(?<request>[^"]*)"|-) '
    r"(?<status>[0-9]{3}|-) (?<error>[A-Za-z0-9]+|-) (?<size>[0-9]+|-) .*$"
)
_CLOUDFRONT = (
    r"^(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\t(?<clock>[0-9:]{8})\t[^\t]*\t(?<size>[0-9]+|-)\t(?<client>[^\t]*)\t"
    r"(?<method>[A-Z]+|-)\t[^\t]*\t(?<path>[^\t]*)\t(?<status>[0-9]{3}|-)\t[^\t]*\t[^\t]*\t(?<query>[^\t]*)"
    r"(?:\t[^\t]*){11}\t(?<protocol>[^\t]*)(?:\t.*)?$"
)
_FLOW = (
    r"^[2-9] (?:[0-9]{12}|unknown) (?<node>eni-[0-9a-f]+) (?<ends>[^ ]+ [^ ]+ [^ ]+ [^ ]+) (?<protocol>[0-9]+|-) "
    r"(?<packets>[0-9]+|-) (?<bytes>[0-9]+|-) (?<time>[0-9]{9,10}) [0-9]+ (?<action>ACCEPT|REJECT|-) "
    r"(?<status>OK|NODATA|SKIPDATA)(?: .*)?$"
)
_REASONS = {
    **{str(status.value): f"{status.value} {status.phrase}" for status in HTTPStatus},
    **{"000": "000 No Response", "460": "460 Client Closed Connection", "463": "463 Too Many Forwarded For"},
    **{"464": "464 Incompatible Protocol", "561": "561 Unauthorized"},
}


def formats(_settings: ParseParams | None) -> list[Format]:
    """Load balancers of both kinds, S3, CloudFront, and flow logs in their default layout."""
    return [
        Format("alb", "access log of AWS Application Load Balancers", parse_alb, is_dated=False),
        Format("elb", "access log of AWS Classic Load Balancers", parse_elb, is_dated=False),
        Format("s3-access", "access log of AWS S3", parse_s3, is_dated=False),
        Format(
            "cloudfront",
            "access log of AWS CloudFront",
            parse_cloudfront,
            is_dated=False,
            headers="^#(?:Version|Fields):",
        ),
        Format("vpc-flow", "flow log of AWS VPC", parse_flow, is_dated=False, headers="^version account-id "),
    ]


def parse_alb(lines: pl.DataFrame) -> pl.DataFrame:
    """As `parse_elb`, with the connection's type in front."""
    return _balanced(lines, _ALB)


def parse_elb(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client without its port, the logger the balancer, the message ``REQUEST STATUS REASON SIZE``.

    The status is the balancer's, for the target's is missing where it gave none. The reason phrase is added because
    the number is masked.
    """
    return _balanced(lines, _ELB)


def parse_s3(lines: pl.DataFrame) -> pl.DataFrame:
    """The logger is the bucket; where there was no request, the message begins with operation and key."""
    request = pl.coalesce("request", pl.concat_str("operation", "key", separator=" "))
    time = pl.col("time").str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="us", strict=False)
    return groups(lines, _S3).select(
        time=time.dt.convert_time_zone("UTC"),
        node=_address(pl.col("client")),
        logger="bucket",
        message=pl.concat_str(
            request, _status(), pl.col("error").replace("-", None), "size", separator=" ", ignore_nulls=True
        ).replace("", None),
    )


def parse_cloudfront(lines: pl.DataFrame) -> pl.DataFrame:
    """The message as of `parse_elb`; the head of a file (``#Version``, ``#Fields``) holds none."""
    query = pl.when(~pl.col("query").is_in(["-", ""])).then(pl.lit("?") + pl.col("query")).otherwise(pl.lit(""))
    return groups(lines, _CLOUDFRONT).select(
        time=iso_time(pl.col("date") + "T" + pl.col("clock")),
        node=_address(pl.col("client")),
        message=pl.concat_str("method", pl.col("path") + query, "protocol", _status(), "size", separator=" "),
    )


def parse_flow(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the network interface, the time the start of the flow.

    The message is ``ACTION STATUS PROTOCOL SOURCE DESTINATION SOURCE_PORT DESTINATION_PORT PACKETS BYTES``.
    """
    parts = ("action", "status", "protocol", "ends", "packets", "bytes")
    return groups(lines, _FLOW).select(
        "node", time=epoch_time(pl.col("time")), message=pl.concat_str(parts, separator=" ")
    )


def _balanced(lines: pl.DataFrame, pattern: str) -> pl.DataFrame:
    return groups(lines, pattern).select(
        time=iso_time(pl.col("time")),
        node=_address(pl.col("client").str.replace(r":[0-9]+$", "")),
        logger="balancer",
        message=pl.concat_str(pl.col("request").str.strip_chars(), _status(), "size", separator=" "),
    )


def _status() -> pl.Expr:
    return pl.col("status").replace(_REASONS)


def _address(clients: pl.Expr) -> pl.Expr:
    """An address without brackets; null for ``-``."""
    return clients.str.replace_all(r"[\[\]]", "").replace("-", None)
