"""Access and error logs of Apache and Nginx."""

from __future__ import annotations

from http import HTTPStatus

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import c_time, groups, iso_time
from rationanomaly.parse.formats.levels import full_level

_V4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
_V6 = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:\.[0-9]{1,3}){0,3}(?:%[A-Za-z0-9._-]+)?"
_ADDRESS = rf"(?:{_V4}|{_V6})"
#: A letter in its last part tells a name from an address.
_NAME = r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*[A-Za-z][A-Za-z0-9_-]*\.?"
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?"
_PORT = r"(?::[0-9]{1,5})?"
#: The remainder of a list of proxies, whose first is the client.
_UNKNOWN, _PROXIES = r"(?:(?:unknown|-), ?)*", r"(?:, ?[^ ,\"]+)*"
#: A virtual host, or nothing in the place of an address, in front of the client's address; else the client first.
_FRONT = (
    rf"(?:(?:{_NAME}|-|\[{_V6}\]:[0-9]+|{_HOST}:[0-9]+) \[?(?<behind>{_ADDRESS})\]?"
    rf"|(?:(?:{_HOST}|\[{_V6}\]|\*):[0-9]+ )?"
    rf'"?{_UNKNOWN}(?:\[(?<bracketed>{_V6})\]{_PORT}|(?<v4>{_V4}){_PORT}|(?<node>{_V6}|unix:|{_HOST})){_PROXIES}"?)'
)
_CLF = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:.]{8,15} [+-][0-9]{4}"
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,Z+-]{8,24}"
#: A request with a quote that is not escaped ends at the status.
_ACCESS = (
    rf"^{_FRONT} (?:(?:-|{_ADDRESS}|[^ 0-9\[][^ \[]*) (?:\[[^\]]*\] - )?(?:[^\[]* )?)?"
    rf"\[(?:(?<time>{_CLF})|(?<iso>{_ISO}))\] "
    r'"(?<request>(?:[^"\\]|\\.)*|.*?)" (?<status>[0-9]{3}|-) (?<size>[0-9]+|-)(?:[ ,].*)?$'
)
_APACHE = (
    r"^\[(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} +[0-9]{1,2} [0-9:.]{8,15} [0-9]{4})\] "
    r"\[(?:(?<module>[A-Za-z0-9_.-]*):)?(?<level>[a-z]+)[0-9]?\]"
    r"(?: \[(?:pid (?<process>[0-9]+)(?::tid (?<thread>[0-9]+))?|tid (?<alone>[0-9]+))\])?(?: (?<text>.*))?$"
)
_CLIENT = r"\[(?:client|remote) (\[[^\] ]*\](?::[0-9]+)?|[^\] ]+)\] ?"
_NGINX = r"^(?<time>[0-9/]{10} [0-9:]{8}) \[(?<level>[a-z]+)\] [0-9]+#(?<thread>[0-9]+): (?:\*[0-9]+ )?(?<message>.*)$"
#: What the server itself writes of the client, rather than what a program behind it may say.
_NGINX_CLIENTS = (r", client: ([^ ,]+)(?:, server: |$)", r"(?:^|, | )client: ([^ ,]+)")
_REASONS = {str(status.value): f"{status.value} {status.phrase}" for status in HTTPStatus} | {
    "444": "444 No Response",
    "494": "494 Request Header Too Large",
    "495": "495 Certificate Error",
    "496": "496 No Certificate",
    "497": "497 HTTP Request Sent To HTTPS Port",
    "499": "499 Client Closed Request",
    "-": "- No Status",
}


def formats(_settings: ParseParams | None) -> list[Format]:
    """Access logs (common and combined), a record a line, and the error logs of both servers."""
    return [
        Format("access", "access log of Apache or Nginx", parse_access, is_dated=False),
        Format("apache-error", "error log of Apache", parse_apache),
        Format("nginx-error", "error log of Nginx", parse_nginx),
    ]


def parse_access(lines: pl.DataFrame) -> pl.DataFrame:
    """The node is the client, of several in a row the first; the message is ``REQUEST STATUS REASON SIZE``.

    The reason phrase is added because the number is masked: ``500`` and ``200`` must not share a template.
    """
    found = groups(lines, _ACCESS)
    time = pl.col("time").str.to_datetime("%d/%b/%Y:%H:%M:%S%.f %z", time_unit="us", strict=False)
    request = pl.when(pl.col("request") == "").then(pl.lit("-")).otherwise("request")
    return found.select(
        time=pl.coalesce(time.dt.convert_time_zone("UTC"), iso_time(pl.col("iso"))),
        node=pl.coalesce("behind", "bracketed", "v4", "node"),
        message=pl.concat_str(request, with_reason(pl.col("status")), "size", separator=" "),
    )


def with_reason(status: pl.Expr) -> pl.Expr:
    """Status codes with their reason phrases: ``404 Not Found``."""
    return status.replace(_REASONS)


def parse_apache(lines: pl.DataFrame) -> pl.DataFrame:
    """The time is taken for UTC. The node is the client without its port, the logger the module.

    The client may stand behind the text of an error of the system, which remains in the message.
    """
    found = groups(lines, _APACHE).with_columns(client=pl.col("text").str.extract(_CLIENT))
    text = pl.col("text").fill_null("")
    return found.select(
        time=c_time(pl.col("time")),
        node=_without_port(found),
        level=full_level(pl.col("level")),
        logger=pl.when(~pl.col("module").is_in(["", "-"])).then("module"),
        thread=pl.coalesce("thread", "alone", "process"),
        message=pl.when(pl.col("time").is_not_null()).then(text.str.replace_all(_CLIENT, "").str.strip_chars_end(" ")),
    )


def parse_nginx(lines: pl.DataFrame) -> pl.DataFrame:
    """The time is taken for UTC. The node is the client that the message names."""
    client = pl.coalesce(pl.col("message").str.extract(pattern) for pattern in _NGINX_CLIENTS)
    return groups(lines, _NGINX).select(
        "message",
        "thread",
        time=pl.col("time").str.to_datetime("%Y/%m/%d %H:%M:%S", time_unit="us", time_zone="UTC", strict=False),
        node=client.str.strip_chars("[]"),
        level=full_level(pl.col("level")),
    )


def _without_port(found: pl.DataFrame) -> pl.Series:
    """The column ``client`` of addresses and names without the port behind.

    It is ``192.0.2.7:51005``, ``[2001:db8::7]:51005`` or ``2001:db8::7:51005``. Where a module is named, a port is sure
    to follow an address; else ``2001:db8::7:80`` is an address by itself.
    """
    clients = found["client"].str.replace(r"^([^:]*):[0-9]{1,5}$", "$1")
    places = clients.str.contains(":", literal=True).fill_null(False).arg_true()
    if not places.len():
        return clients
    client, remainder = pl.col("client"), pl.col("client").str.extract(r"^(.*):[0-9]{1,5}$")
    has_nine = client.str.count_matches(":", literal=True) == 8
    is_whole = (remainder.str.contains("::", literal=True) & ~remainder.str.contains("(?:^|[^:]):$")) | has_nine
    # No group of an address has five digits.
    is_port = pl.col("module").is_not_null() | has_nine | client.str.contains(":[0-9]{5}$")
    bare = pl.coalesce(client.str.extract(r"^\[([^\]]*)\]"), pl.when(is_whole & is_port).then(remainder), client)
    return clients.scatter(places, found[places].select(bare).to_series())
