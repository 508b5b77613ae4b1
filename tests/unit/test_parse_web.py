"""Access and error logs of web servers: the client wherever it stands, levels, and odd requests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format

SAMPLES = sorted(
    path
    for path in (Path(__file__).parents[1] / "log_samples").glob("*.log")
    if path.name.startswith(("access", "apache", "nginx"))
)
TIME = "[03/Feb/2026:07:15:00 +0100]"
TAIL = f'{TIME} "GET /a HTTP/1.1" 200 5 "-" "curl/8"'
APACHE = "[Tue Feb 03 07:15:00.5 2026] "
NGINX = "2026/02/03 07:15:00 [error] 7#8: *5 "


def read(name: str, line: str) -> dict[str, Any]:
    return _formats()[name].read(pl.DataFrame({"raw": [line]})).row(0, named=True)


def _formats() -> dict[str, Format]:
    return dict(formats.formats())


@pytest.mark.parametrize(
    ("front", "node"),
    [
        ("198.51.100.7 - - ", "198.51.100.7"),
        ("198.51.100.7 - ada lovelace ", "198.51.100.7"),
        ("client.example.net - - ", "client.example.net"),
        ("2001:db8:5::77 - - ", "2001:db8:5::77"),
        ("2001:db8:0:1:2:3:4:5 - - ", "2001:db8:0:1:2:3:4:5"),
        ("::1 - - ", "::1"),
        ("::ffff:198.51.100.7 - - ", "::ffff:198.51.100.7"),
        ("fe80::1%eth0 - - ", "fe80::1%eth0"),
        ("shop.example:443 2001:db8:5::77 - - ", "2001:db8:5::77"),
        ("shop.example:443 198.51.100.7 - - ", "198.51.100.7"),
        ("shop.example:443 client7 - - ", "client7"),
        ("shop.example 198.51.100.7 - - ", "198.51.100.7"),
        ("[::1]:443 ::1 - - ", "::1"),
        ("[::1]:443 198.51.100.7 - - ", "198.51.100.7"),
        ("198.51.100.7:40112 - - ", "198.51.100.7"),
        ("[2001:db8:5::77]:40112 - - ", "2001:db8:5::77"),
        ("198.51.100.7, 10.0.0.8, 10.0.0.9 - - ", "198.51.100.7"),
        ("2001:db8:5::77, 10.0.0.8 - - ", "2001:db8:5::77"),
        ("unknown, 198.51.100.7 - - ", "198.51.100.7"),
        ('"198.51.100.7, 10.0.0.8" 10.0.0.9 - - ', "198.51.100.7"),
        ("- 198.51.100.7 - - ", "198.51.100.7"),
        ("198.51.100.7 - [198.51.100.7] - - ", "198.51.100.7"),
        ("unix: - - ", "unix:"),
    ],
)
def test_the_node_of_an_access_log_is_the_client(front: str, node: str) -> None:
    row = read("access", front + TAIL)
    assert (row["node"], row["message"]) == (node, "GET /a HTTP/1.1 200 OK 5")
    assert row["time"] == datetime(2026, 2, 3, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "front",
    [
        "?! - - ",
        "- - - ",
        "<b> - - ",
        "Feb 13 07:15:00 web1 nginx: 1.2.3.4 - - ",
        "2026-02-03T07:15:00Z web1 x: a - - ",
    ],
)
def test_what_is_no_client_makes_no_access_log(front: str) -> None:
    assert read("access", front + TAIL)["message"] is None


@pytest.mark.parametrize(
    ("remainder", "message"),
    [
        ('"-" 408 - "-" "-"', "- 408 Request Timeout -"),
        ('"" 400 0', "- 400 Bad Request 0"),
        (r'"\x16\x03\x01\x00" 400 157 "-" "-"', r"\x16\x03\x01\x00 400 Bad Request 157"),
        (r'"GET /\"q\" HTTP/1.1" 404 9', r"GET /\"q\" HTTP/1.1 404 Not Found 9"),
        ('"GET /a"b HTTP/1.1" 404 9 "-" "x"', 'GET /a"b HTTP/1.1 404 Not Found 9'),
        ('"GET / HTTP/1.1" 499 0', "GET / HTTP/1.1 499 Client Closed Request 0"),
        ('"GET / HTTP/1.1" 200 12 "-" "k" 78 0.001 [shop-80] [] 10.0.0.1:80 6 0.0 200 ab', "GET / HTTP/1.1 200 OK 12"),
    ],
)
def test_a_request_and_its_status_are_the_message(remainder: str, message: str) -> None:
    assert read("access", f"198.51.100.7 - - {TIME} {remainder}")["message"] == message


def test_an_access_log_may_have_iso_times_and_fractions() -> None:
    iso = read("access", TAIL.replace(TIME, "2001:db8::7 - - [2026-02-03T07:15:00+01:00]"))
    fraction = read("access", TAIL.replace(TIME, "::1 - - [03/Feb/2026:07:15:00.250 +0000]"))
    assert iso["time"] == datetime(2026, 2, 3, 6, 15, tzinfo=UTC)
    assert fraction["time"].microsecond == 250_000


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "[core:notice] [pid 1:tid 2] AH1: up",
            {"level": "NOTICE", "logger": "core", "thread": "2", "message": "AH1: up"},
        ),
        ("[a:error] [pid 1:tid 2] [client 198.51.100.7:5] no", {"node": "198.51.100.7", "message": "no"}),
        (
            "[core:error] [pid 1] (13)Permission denied: [client 198.51.100.7:5] AH2: no",
            {"node": "198.51.100.7", "thread": "1", "message": "(13)Permission denied: AH2: no"},
        ),
        (
            "[p:error] [pid 1] (111)Connection refused: AH3: x",
            {"node": None, "message": "(111)Connection refused: AH3: x"},
        ),
        ("[-:error] [pid 1] [client 198.51.100.7:5] late", {"node": "198.51.100.7", "logger": None, "level": "ERROR"}),
        ("[:error] [pid 1] [client ::1:44] php", {"node": "::1", "logger": None, "message": "php"}),
        ("[wsgi:error] [pid 1:tid 2] [remote 198.51.100.7:5] gone", {"node": "198.51.100.7", "message": "gone"}),
        ("[a:error] [client 2001:db8::7:51005] no", {"node": "2001:db8::7"}),
        ("[a:error] [client [2001:db8::7]:51005] no", {"node": "2001:db8::7", "message": "no"}),
        ("[a:error] [client 2001:db8:1:2:3:4:5:6:80] no", {"node": "2001:db8:1:2:3:4:5:6"}),
        ("[a:error] [client 2001:db8::7] no", {"node": "2001:db8::7"}),
        ("[error] [client 2001:db8::7:80] 2.2 writes no port", {"node": "2001:db8::7:80", "logger": None}),
        ("[error] [client host7.example.net] no", {"node": "host7.example.net", "message": "no"}),
        ("[ssl:trace6] [pid 1] deep", {"level": "TRACE", "message": "deep"}),
        (
            "[notice] workerEnv.init() ok /etc/w",
            {"level": "NOTICE", "node": None, "message": "workerEnv.init() ok /etc/w"},
        ),
    ],
)
def test_an_apache_error_has_client_level_and_module(line: str, expected: dict[str, Any]) -> None:
    row = read("apache-error", APACHE + line)
    assert {name: row[name] for name in expected} == expected
    assert row["time"] == datetime(2026, 2, 3, 7, 15, 0, 500_000, UTC)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ('open() "/x" failed (2: No such file), client: 198.51.100.7, server: a, request: "GET /x"', "198.51.100.7"),
        ("SSL_do_handshake() failed, client: 2001:db8::7, server: [::]:443", "2001:db8::7"),
        ("client closed connection, client: 198.51.100.8, server: 0.0.0.0:80", "198.51.100.8"),
        ('sent in stderr: "x, client: 6.6.6.6, y", client: 198.51.100.9, server: a, request: "GET /"', "198.51.100.9"),
        ("using the epoll event method", None),
        ("a client request body is buffered", None),
        ("signal received, client: unix:, server: _", "unix:"),
    ],
)
def test_the_node_of_an_nginx_error_is_the_client_in_its_text(text: str, node: str | None) -> None:
    row = read("nginx-error", NGINX + text)
    assert (row["node"], row["level"], row["thread"], row["message"]) == (node, "ERROR", "8", text)


@pytest.mark.parametrize("path", SAMPLES, ids=str)
def test_each_line_of_a_sample_is_read(path: Path) -> None:
    lines = pl.DataFrame({"raw": path.read_text(encoding="utf-8").splitlines()})
    found = _formats()[path.name.split(".")[0]].read(lines)
    assert found.select("time", "message").null_count().row(0) == (0, 0)
