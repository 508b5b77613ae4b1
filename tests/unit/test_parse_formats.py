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

EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "simulated": (
        "POWER 2031-03-03T00:00:02.154Z r08-u01 power ERROR supply 2 lost",
        {
            "time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC),
            "node": "r08-u01",
            "alert": True,
            "message": "supply 2 lost",
        },
    ),
    "bgl": (
        "- 1117838570 2005.06.03 R01-M0 2005-06-03-15.42.50.675872 R01-M0 RAS KERNEL INFO cache is warm again",
        {"time": datetime(2005, 6, 3, 22, 42, 50, 675872, UTC), "node": "R01-M0", "alert": False}
        | {"message": "cache is warm again"},
    ),
    "thunderbird": (
        "ECC 1131566461 2005.11.09 dn7 Nov 9 12:01:01 dn7/dn7 kernel: bank 3 corrected",
        {"time": datetime(2005, 11, 9, 20, 1, 1, 0, UTC), "node": "dn7", "alert": True, "message": "bank 3 corrected"},
    ),
    "hdfs": (
        "081109 203615 148 INFO dfs.DataNode$PacketResponder: Block blk_-77 is safe",
        {"time": datetime(2008, 11, 9, 20, 36, 15, 0, UTC), "message": "Block blk_-77 is safe"},
    ),
    "docker": (
        '{"log":"half a \\"line","stream":"stdout","time":"2031-03-03T00:00:02.154000001Z"}',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "message": 'half a "line', "continues": True},
    ),
    "cri": (
        "2031-03-03T02:00:02.154000001+02:00 stderr F pool is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "message": "pool is empty", "continues": False},
    ),
    "syslog-5424": (
        '<165>1 2031-03-03T00:00:02.003Z gate evntslog - ID47 [a@1 b="x\\"]y" c="2"][d@1] an event',
        {"time": datetime(2031, 3, 3, 0, 0, 2, 3000, UTC), "node": "gate", "message": "an event"},
    ),
    "syslog": (
        "<34>Mar  3 22:14:15 gate su[12]: login failed for ada",
        {"time": datetime(2000, 3, 3, 22, 14, 15, 0, UTC), "node": "gate", "message": "login failed for ada"},
    ),
    "rsyslog": (
        "2031-03-03T00:00:02.154+01:00 gate CRON[77]: job done",
        {"time": datetime(2031, 3, 2, 23, 0, 2, 154000, UTC), "node": "gate", "message": "job done"},
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
            "node": "10.0.0.9:1",
            "message": "File does not exist: /x",
        },
    ),
    "nginx-error": (
        "2031/03/03 00:00:02 [crit] 77#0: *5 connect() failed",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 0, UTC), "message": "connect() failed"},
    ),
    "application": (
        "2031-03-03 00:00:02,154 [pool-1] WARN  org.shop.Cart - cart is empty",
        {"time": datetime(2031, 3, 3, 0, 0, 2, 154000, UTC), "message": "cart is empty"},
    ),
    "json": (
        '{"timeUnixNano":"1929744002154000000","body":{"stringValue":"cart is empty"},"host":"h1"}',
        {"time": datetime(2031, 2, 25, 0, 0, 2, 154000, UTC), "node": "h1", "message": "cart is empty"},
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
    assert found.confidence == 0.75


def test_a_log_of_no_known_format_is_an_error_that_names_the_best(settings: ParseParams) -> None:
    with pytest.raises(InputError, match=r"x.log:1: fits no known log format \(best: .*custom"):
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


@pytest.mark.parametrize("pattern", ["(", r"(?<message>a)\1", "(?<text>.*)", "(?<message>.*)(?<level>x)"])
def test_a_custom_format_that_can_not_work_is_refused(pattern: str, settings: ParseParams) -> None:
    with pytest.raises(ParamsError, match=r"parse\.pattern"):
        formats.find("custom", settings.model_copy(update={"pattern": pattern}))
