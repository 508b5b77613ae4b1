"""One example of each log format, detection, and refusal of what fits none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.detection import detect
from rationanomaly.parse.formats.fields import NO_YEAR

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "simulated": (
        "POWER 2031-03-03T00:00:02.154Z r08-u01 power ERROR supply 2 lost",
        {
            "time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC),
            "node": "r08-u01",
            "alert": True,
            "level": "ERROR",
            "logger": "power",
            "message": "supply 2 lost",
        },
    ),
    "bgl": (
        "- 1117838570 2005.06.03 R01-M0 2005-06-03-15.42.50.675872 R01-M0 RAS KERNEL INFO cache is warm again",
        {"time": datetime(2005, 6, 3, 22, 42, 50, 675872, UTC), "node": "R01-M0", "alert": False}
        | {"message": "cache is warm again", "level": "INFO", "logger": "KERNEL"},
    ),
    "thunderbird": (
        "ECC 1131566461 2005.11.09 dn7 Nov 9 12:01:01 dn7/dn7 kernel: bank 3 corrected",
        {"time": datetime(2005, 11, 9, 20, 1, 1, 0, UTC), "node": "dn7", "alert": True}
        | {"logger": "kernel", "message": "bank 3 corrected"},
    ),
    "hdfs": (
        "081109 203615 148 INFO dfs.DataNode$PacketResponder: Block blk_-77 is safe",
        {"time": datetime(2008, 11, 9, 20, 36, 15, 0, UTC), "level": "INFO", "logger": "dfs.DataNode$PacketResponder"}
        | {"message": "Block blk_-77 is safe"},
    ),
    "docker": (
        '{"log":"half a \\"line","stream":"stdout","time":"2031-03-03T00:00:02.154000001Z"}',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "message": 'half a "line', "continues": True}
        | {"stream": "stdout"},
    ),
    "cri": (
        "2031-03-03T02:00:02.154000001+02:00 stderr F pool is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "message": "pool is empty", "continues": False}
        | {"stream": "stderr"},
    ),
    "iis": (
        "2031-03-03 00:00:02 10.0.0.1 GET /a id=3 443 - 10.0.0.9 Mozilla/5.0 - 404 0 2 15",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "node": "10.0.0.9"}
        | {"message": "GET /a id=3 404 Not Found 0 2 15"},
    ),
    "squid": (
        "1930262402.154     92 10.0.0.9 TCP_MISS/503 507 GET http://a.example/x - HIER_DIRECT/10.0.0.1 text/html",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "10.0.0.9"}
        | {"message": "GET http://a.example/x TCP_MISS 503 Service Unavailable 507"},
    ),
    "envoy": (
        '[2031-03-03T00:00:02.154Z] "GET /a HTTP/2" 0 DC 154 0 226 - "10.0.0.9" "curl" "7" "a" "-"',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "10.0.0.9"}
        | {"message": 'GET /a HTTP/2 - No Status DC 154 0 226 - "10.0.0.9" "curl" "7" "a" "-"'},
    ),
    "compose": (
        "web-1  | 2031-03-03T00:00:02.154000001Z pool is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "web-1", "stream": "web-1"}
        | {"message": "pool is empty"},
    ),
    "kubectl": (
        "[pod/web-0/app] 2031-03-03T00:00:02.154000001Z pool is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "web-0", "stream": "web-0/app"}
        | {"message": "pool is empty"},
    ),
    "auditd": (
        'node=gate type=SYSCALL msg=audit(1930262402.154:7): success=no exe="/bin/ls"',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "gate", "logger": "SYSCALL"}
        | {"message": 'success=no exe="/bin/ls"'},
    ),
    "dmesg": (
        "kern  :err   : [   12.154000] disk sda is full",
        {"time": None, "level": "ERROR", "logger": "kern", "message": "disk sda is full"},
    ),
    "syslog-5424": (
        '<165>1 2031-03-03T00:00:02.003Z gate evntslog - ID47 [a@1 b="x\\"]y" c="2"][d@1] an event',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 3000, UTC), "node": "gate", "message": "an event"}
        | {"level": "NOTICE", "logger": "evntslog"},
    ),
    "syslog": (
        "<34>Mar  3 22:14:15 gate su[12]: login failed for ada",
        {"time": datetime(NO_YEAR, 3, 3, 22, 14, 15, 0, UTC), "node": "gate", "message": "login failed for ada"}
        | {"level": "CRITICAL", "logger": "su", "thread": "12"},
    ),
    "rsyslog": (
        "2031-03-03T00:00:02.154+01:00 gate CRON[77]: job done",
        {"time": datetime(2031, 3, 2, 23, 0, 2, 154000, UTC), "node": "gate", "message": "job done"}
        | {"logger": "CRON", "thread": "77"},
    ),
    "access": (
        '10.0.0.9 - ada [03/Mar/2031:00:00:02 +0100] "GET /a?b=1 HTTP/1.1" 500 12 "-" "curl \\"8\\""',
        {"time": datetime(2031, 3, 2, 23, 0, 2, 0, UTC), "node": "10.0.0.9"}
        | {"message": "GET /a?b=1 HTTP/1.1 500 Internal Server Error 12"},
    ),
    "apache-error": (
        "[Mon Mar 03 00:00:02.902022 2031] [core:error] [pid 35:tid 43] [client 10.0.0.9:1] File does not exist: /x",
        {
            "time": datetime(2031, 3, 3, 0, 0, 2, 902022, UTC),
            "node": "10.0.0.9",
            "level": "ERROR",
            "logger": "core",
            "thread": "43",
            "message": "File does not exist: /x",
        },
    ),
    "nginx-error": (
        "2031/03/03 00:00:02 [crit] 77#0: *5 connect() failed",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "message": "connect() failed"}
        | {"level": "CRITICAL", "thread": "0"},
    ),
    "application": (
        "2031-03-03 00:00:02,154 [pool-1] WARN  org.shop.Cart - cart is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "message": "cart is empty"}
        | {"level": "WARN", "logger": "org.shop.Cart", "thread": "pool-1"},
    ),
    "json": (
        '{"timeUnixNano":"1929744002154000000","body":{"stringValue":"cart is empty"},"host":"h1"}',
        {"time": datetime(2031, 2, 25, 0, 0, 2, 154000, UTC), "node": "h1", "message": "cart is empty"},
    ),
    "logcat": (
        "03-03 00:00:02.154  1702  2395 W Cart Service: cart: empty",
        {"time": datetime(NO_YEAR, 3, 3, 0, 0, 2, 154000, UTC), "level": "WARNING", "logger": "Cart Service"}
        | {"thread": "1702-2395", "message": "cart: empty"},
    ),
    "logcat-year": (
        "2031-03-03 00:00:02.154  1702  2395 E Cart: empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "level": "ERROR", "logger": "Cart"}
        | {"thread": "1702-2395", "message": "empty"},
    ),
    "windows-servicing": (
        "2031-03-03 00:00:02, Info                  CBS    Loaded servicing stack",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "level": "INFO", "logger": "CBS"}
        | {"message": "Loaded servicing stack"},
    ),
    "windows-event": (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Disk'/>"
        "<EventID>7</EventID><Level>2</Level><TimeCreated SystemTime='2031-03-03T00:00:02.1540000Z'/>"
        "<Execution ProcessID='4' ThreadID='8'/><Computer>h1</Computer></System>"
        "<EventData><Data Name='Device'>D:</Data></EventData></Event>",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "h1", "level": "ERROR", "logger": "Disk"}
        | {"thread": "4-8", "message": "EventID 7 Device=D:"},
    ),
    "hpc": (
        "77 node-8 unix.hw state_change.up 1930262402 1 Component is up",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "node": "node-8", "logger": "unix.hw"}
        | {"message": "Component is up"},
    ),
    "healthapp": (
        "20310303-0:0:2:154|Step_LSC|302|onStandStepChanged 3579",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "logger": "Step_LSC", "thread": "302"}
        | {"message": "onStandStepChanged 3579"},
    ),
    "proxifier": (
        "[03.03 00:00:02] shop.exe *64 - shop.example:443 open directly",
        {"time": datetime(NO_YEAR, 3, 3, 0, 0, 2, 0, UTC), "logger": "shop.exe"}
        | {"message": "shop.example:443 open directly"},
    ),
    "openstack": (
        "2031-03-03 00:00:02.154 25 INFO nova.compute [req-1 a b - - -] [instance: x] VM started",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "level": "INFO", "logger": "nova.compute"}
        | {"thread": "25", "message": "[instance: x] VM started"},
    ),
    "postgresql-csv": (
        '2031-03-03 00:00:02.154 UTC,"app","db",77,"10.0.0.9:1",66.1,1,"SELECT",2031-03-03 00:00:01 UTC,3/4,0,ERROR,'
        '42P01,"no ""orders""","It is gone.",,,,,"select 1",15,,"psql"',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "10.0.0.9", "level": "ERROR", "thread": "77"}
        | {"message": 'no "orders" DETAIL: It is gone.'},
    ),
    "alb": (
        "h2 2031-03-03T00:00:02.154Z app/shop/6 10.0.0.9:1 - -1 -1 -1 502 - 29 12 "
        '"GET https://shop.example/a HTTP/2.0" "curl" - -',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "10.0.0.9", "logger": "app/shop/6"}
        | {"message": "GET https://shop.example/a HTTP/2.0 502 Bad Gateway 12"},
    ),
    "elb": (
        "2031-03-03T00:00:02.154Z shop 10.0.0.9:1 10.0.0.1:80 0.1 0.2 0.3 200 200 0 12 "
        '"GET http://shop.example/a HTTP/1.1" "curl" - -',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "10.0.0.9", "logger": "shop"}
        | {"message": "GET http://shop.example/a HTTP/1.1 200 OK 12"},
    ),
    "s3-access": (
        '7b shop [03/Mar/2031:00:00:02 +0000] 10.0.0.9 - R1 REST.GET.OBJECT a "GET /a HTTP/1.1" 404 NoSuchKey 12 - 7 -',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "node": "10.0.0.9", "logger": "shop"}
        | {"message": "GET /a HTTP/1.1 404 Not Found NoSuchKey 12"},
    ),
    "cloudfront": (
        "\t".join(
            ["2031-03-03", "00:00:02", "FRA56", "12", "10.0.0.9", "GET", "d1.example", "/a", "200", "-", "curl", "b=1"]
            + ["-"] * 11
            + ["HTTP/2.0"]
        ),
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "node": "10.0.0.9", "message": "GET /a?b=1 HTTP/2.0 200 OK 12"},
    ),
    "vpc-flow": (
        "2 123456789010 eni-1a 10.0.0.9 10.0.0.1 5000 22 6 20 4249 1930262402 1930262460 REJECT OK",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "node": "eni-1a"}
        | {"message": "REJECT OK 6 10.0.0.9 10.0.0.1 5000 22 20 4249"},
    ),
    "cloudwatch": (
        "2031-03-03T00:00:02.154Z [ERROR]\t2031-03-03T00:00:02.150Z\t01234567-89ab-cdef-0123-456789abcdef\tempty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "level": "ERROR", "message": "empty"}
        | {"thread": "01234567-89ab-cdef-0123-456789abcdef"},
    ),
    "timestamped": (
        "[2031-03-03 00:00:02] backup begins",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "message": "backup begins"},
    ),
    "klog": (
        "W0303 00:00:02.154000      77 cart.go:12] cart is empty",
        {"time": datetime(NO_YEAR, 3, 3, 0, 0, 2, 154000, UTC), "level": "WARNING", "logger": "cart.go"}
        | {"thread": "77", "message": "cart is empty"},
    ),
    "glog": (
        "W20310303 00:00:02.154000    77 cart.cc:12] cart is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "level": "WARNING", "logger": "cart.cc"}
        | {"thread": "77", "message": "cart is empty"},
    ),
    "journald": (
        '{"__REALTIME_TIMESTAMP":"1930262402154000","_HOSTNAME":"h1","PRIORITY":"4","SYSLOG_IDENTIFIER":"shop",'
        '"_PID":"77","MESSAGE":"cart is empty"}',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "h1", "level": "WARNING", "logger": "shop"}
        | {"thread": "77", "message": "cart is empty"},
    ),
    "logfmt": (
        'time=2031-03-03T00:00:02.154Z level=warn logger=cart msg="cart is empty" cart=17',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "level": "WARN", "logger": "cart"}
        | {"message": "cart is empty cart=17"},
    ),
    "otlp": (
        '{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"h1"}}]},'
        '"scopeLogs":[{"scope":{"name":"cart"},"logRecords":[{"timeUnixNano":"1930262402154000000",'
        '"severityNumber":13,"body":{"stringValue":"cart is empty"}}]}]}]}',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "node": "h1", "level": "WARN", "logger": "cart"}
        | {"message": "cart is empty"},
    ),
    "plain": ("whatever", {"message": "whatever"}),
}


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse


def read(name: str, line: str, settings: ParseParams) -> dict[str, Any]:
    return formats.find(name, settings).read(pl.DataFrame({"raw": [line]})).row(0, named=True)


@pytest.mark.parametrize("name", EXAMPLES)
def test_format_reads_its_example(name: str, settings: ParseParams) -> None:
    line, expected = EXAMPLES[name]
    assert read(name, line, settings) == dict.fromkeys(formats.FIELDS) | expected


def test_every_format_has_an_example(settings: ParseParams) -> None:
    assert set(formats.formats(settings)) - {"spirit", "liberty"} == set(EXAMPLES)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "plain"])
@pytest.mark.parametrize(
    "line", ["", "nonsense", "- - - - - - - - - - -", "{", "[" * 500, '{"a":' * 500, "\u202e<x>", "é" * 99]
)
def test_format_refuses_other_lines(name: str, line: str, settings: ParseParams) -> None:
    assert read(name, line, settings)["message"] is None


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "plain"])
def test_format_is_detected(name: str, settings: ParseParams) -> None:
    found = detect(pl.Series([EXAMPLES[name][0]] * 3 + ["odd one"]), settings, Path("x.log"))
    assert found.format.name == name
    assert 0.75 <= found.confidence < 1
    assert found.shares[name] == found.confidence


def test_a_log_of_no_known_format_is_an_error_that_names_the_best(settings: ParseParams) -> None:
    with pytest.raises(InputError, match=r"x.log:1: fits no known log format surely .*data.format=plain .*`; custom"):
        detect(pl.Series(["once upon a time", "there was a log"]), settings, Path("x.log"))


def test_an_unknown_format_is_an_error_that_lists_the_known(settings: ParseParams) -> None:
    with pytest.raises(ParamsError, match=r"no format klingon.*bgl.*simulated"):
        formats.find("klingon", settings)


def test_python_logging_and_spark_are_applications(settings: ParseParams) -> None:
    assert read("application", "2031-03-03 00:00:02,154 - shop - ERROR - no cart", settings)["message"] == "no cart"
    spark = read("application", "31/03/03 00:00:02 INFO storage.Block: kept", settings)
    assert (spark["message"], spark["time"]) == ("kept", datetime(2031, 3, 3, 0, 0, 2, 0, UTC))


def test_an_access_log_tells_failure_from_success_after_masking(settings: ParseParams) -> None:
    fine = EXAMPLES["access"][0].replace("500", "200")
    assert "200 OK" in read("access", fine, settings)["message"]


def test_json_fields_are_configurable(settings: ParseParams) -> None:
    fields = settings.json_fields.model_copy(update={"message": ["was.hier"], "alert": ["bad"]})
    own = settings.model_copy(update={"json_fields": fields})
    line = '{"was":{"hier":"pool is empty"},"bad":"yes","ts":1929744002.5}'
    row = read("json", line, own)
    assert (row["message"], row["alert"], row["time"].microsecond) == ("pool is empty", True, 500_000)


def test_custom_format_takes_named_groups(settings: ParseParams) -> None:
    pattern = r"^(?<time>[0-9.]+ [0-9:]+);(?<node>\w+);(?<alert>[^;]*);(?<message>.*)$"
    own = settings.model_copy(update={"pattern": pattern, "time_format": "%d.%m.%Y %H:%M:%S"})
    row = read("custom", "03.03.2031 00:00:02;h1;;pool is empty", own)
    expected = {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "node": "h1", "alert": False, "message": "pool is empty"}
    assert row == dict.fromkeys(formats.FIELDS) | expected


@pytest.mark.parametrize("pattern", ["(", r"(?<message>a)\1", "(?<text>.*)", "(?<message>.*)(?<colour>x)"])
def test_a_custom_format_that_can_not_work_is_refused(pattern: str, settings: ParseParams) -> None:
    with pytest.raises(ParamsError, match=r"parse\.pattern"):
        formats.find("custom", settings.model_copy(update={"pattern": pattern}))
