"""JSON lines: the fields of common loggers, odd values, and broken lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.params import ParseParams, load_params
from rationanomaly.parse import formats
from rationanomaly.parse.formats.json_objects import one_line, read_names, read_schema

SAMPLES = Path(__file__).parents[1] / "log_samples"
NOON = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
ISO = "2026-02-03T12:00:00Z"
SECONDS = 1_770_120_000


@pytest.fixture(scope="module")
def settings() -> ParseParams:
    return load_params("defaults").parse


def frame(settings: ParseParams, *lines: Any) -> pl.DataFrame:
    raw = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return formats.find("json", settings).read(pl.DataFrame({"raw": raw}))


def one(settings: ParseParams, line: Any) -> dict[str, Any]:
    return frame(settings, line).row(0, named=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            {"@timestamp": ISO, "host": {"name": "w1", "ip": ["::1"]}, "log": {"level": "info"}, "message": "a"},
            {"time": NOON, "node": "w1", "level": "INFO", "message": "a"},
        ),
        ({"host": {"hostname": "w2"}, "message": "a"}, {"node": "w2"}),
        ({"host": {"ip": ["::1"]}, "message": "a"}, {"node": None}),
        ({"host.name": "w3", "log.level": "error", "message": "a"}, {"node": "w3", "level": "ERROR"}),
        (
            {"process": {"thread": {"name": "t"}}, "log": {"logger": "a.B"}, "message": "a"},
            {"thread": "t", "logger": "a.B"},
        ),
        (
            {"hostname": "w", "level": 50, "time": SECONDS * 1000, "msg": "a"},
            {"time": NOON, "level": "ERROR", "node": "w"},
        ),
        ({"level": 30, "name": "gate", "msg": "a"}, {"level": "INFO", "logger": "gate"}),
        (
            {"level": "warn", "ts": SECONDS + 0.25, "caller": "a/b.go:7", "msg": "a"},
            {"level": "WARN", "logger": "a/b.go"},
        ),
        ({"event": "a", "level": "critical", "logger": "x"}, {"message": "a", "level": "CRITICAL", "logger": "x"}),
        (
            {"severity": "NOTICE", "textPayload": "a", "timestamp": ISO},
            {"message": "a", "level": "NOTICE", "time": NOON},
        ),
        ({"severity": "ERROR", "jsonPayload": {"message": "a"}}, {"message": "a", "level": "ERROR"}),
        (
            {"t": {"$date": ISO}, "s": "E", "c": "STORAGE", "ctx": "conn7", "msg": "a", "attr": {"s": "x"}},
            {"time": NOON, "level": "ERROR", "logger": "STORAGE", "thread": "conn7", "message": "a"},
        ),
        ({"t": {"$date": ISO}, "s": "D2", "msg": "a"}, {"level": "DEBUG"}),
        ({"@t": ISO, "@mt": "b {N}", "@m": "b 7"}, {"time": NOON, "message": "b 7", "level": "INFORMATION"}),
        ({"@t": ISO, "@mt": "b {N}", "@l": "Warning"}, {"message": "b {N}", "level": "WARNING"}),
        (
            {"version": "1.1", "host": "w", "short_message": "a", "level": 3},
            {"message": "a", "level": "ERROR", "node": "w"},
        ),
        ({"level": 3, "msg": "a"}, {"level": None}),
        ({"level": "INFO+2", "msg": "a"}, {"level": "INFO"}),
        ({"level": "/var/log", "msg": "a"}, {"level": None}),
        ({"severityNumber": 17, "body": {"stringValue": "a"}}, {"level": "ERROR", "message": "a"}),
        ({"instant": {"epochSecond": SECONDS}, "loggerName": "a.B", "message": "a"}, {"time": NOON, "logger": "a.B"}),
        ({"record": {"message": "a", "level": {"name": "INFO"}}, "text": "x | a\n"}, {"message": "a", "level": "INFO"}),
        ({"log": "a\n", "stream": "stderr", "kubernetes": {"host": "n1"}}, {"stream": "stderr", "node": "n1"}),
        ({"msg": "a", "stream": "movies"}, {"stream": None}),
    ],
    ids=lambda value: json.dumps(value)[:50] if isinstance(value, dict) and "time" not in value else None,
)
def test_the_fields_of_a_logger_are_known(line: Any, expected: dict[str, Any], settings: ParseParams) -> None:
    row = one(settings, line)
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    "value",
    [
        *(ISO, "2026-02-03T13:00:00+0100", "2026-02-03 12:00:00,000", SECONDS, float(SECONDS), str(SECONDS)),
        *(SECONDS * 1000, SECONDS * 10**6, SECONDS * 10**9, "1.77012E9"),
    ],
)
def test_times_are_iso_or_numbers_of_any_unit(value: Any, settings: ParseParams) -> None:
    assert one(settings, {"time": value, "msg": "a"})["time"] == NOON


def test_a_time_that_is_none_gives_way_to_the_next(settings: ParseParams) -> None:
    assert one(settings, {"timestamp": "soon", "ts": SECONDS, "msg": "a"})["time"] == NOON


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a\nb.C: d\n\tat e", "a b.C: d  at e"),
        ("a\r\nb", "a  b"),
        ("a\tb\u2028c", "a b c"),
        ("a\n", "a"),
        ("\x1b[31mred\x1b[0m \x00\x07x", "red x"),
        ('C:\\new "q" é 😀', 'C:\\new "q" é 😀'),
        (7, "7"),
        (True, "true"),
        ("", ""),
        (None, None),
    ],
)
def test_a_message_is_one_line_of_text(value: Any, message: str | None, settings: ParseParams) -> None:
    assert one(settings, {"time": ISO, "msg": value})["message"] == message


def test_a_message_that_is_an_object_is_its_text_unless_there_is_a_better_one(settings: ParseParams) -> None:
    assert one(settings, {"msg": {"op": "read"}})["message"] == '{"op": "read"}'
    assert one(settings, {"message": {"op": "read"}, "msg": "b"})["message"] == "b"
    assert one(settings, {"log": {"level": "info"}, "event": "b"})["message"] == "b"
    assert one(settings, {"message": "", "msg": "b"})["message"] == "b"
    assert one(settings, {"msg": "[main] b"})["message"] == "[main] b"


def test_alerts_are_taken_only_from_fields_that_the_user_names(settings: ParseParams) -> None:
    line = {"msg": "a", "alert": "yes"}
    named = settings.json_fields.model_copy(update={"alert": ["alert"]})
    own = settings.model_copy(update={"json_fields": named})
    assert one(settings, line)["alert"] is None
    assert [one(own, {**line, "alert": value})["alert"] for value in ("yes", "No", 0, None)] == [
        True,
        False,
        False,
        None,
    ]


def test_names_may_be_paths_and_have_dots(settings: ParseParams) -> None:
    named = settings.json_fields.model_copy(update={"message": ["$.a[1].b", "x.y.z"]})
    own = settings.model_copy(update={"json_fields": named})
    lines = [{"a": [0, {"b": "1"}]}, {"x": {"y": {"z": "2"}}}, {"x.y": {"z": "3"}}, {"x": {"y.z": "4"}}, {"x.y.z": "5"}]
    assert frame(own, *lines)["message"].to_list() == ["1", "2", "3", "4", "5"]


BROKEN = [
    '{"msg": "cut off',
    '{"msg": "a"}}',
    '{"msg": "a"} {"msg": "b"}',
    '{"msg": "\\q"}',
    '{"msg": 1e999}',
    '{"a":' * 3000 + "1" + "}" * 3000,
    "[1, 2]",
    '"text"',
    "null",
    "",
]


@pytest.mark.parametrize("line", BROKEN, ids=lambda line: line[:12])
def test_a_broken_line_is_refused_and_spoils_no_other(line: str, settings: ParseParams) -> None:
    assert frame(settings, {"msg": "a"}, line, {"msg": "b"})["message"].to_list() == ["a", None, "b"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"loss": NaN, "msg": "a", "top": -Infinity}', "a"),
        ('{"msg": "tab\there"}', "tab here"),
        ('{"msg": "half \\ud83d pair"}', "half \ufffd pair"),
        ('{"msg": "\\ud83d\\ude00 whole"}', "😀 whole"),
        ('  {"msg": "a"},', "a"),
        ('\x1e{"msg": "a"}', "a"),
        ('{"msg": "a", "msg": "a"}', "a"),
    ],
)
def test_what_is_almost_json_is_read(line: str, message: str, settings: ParseParams) -> None:
    """Alone and beside a broken line, for what a line means may not depend on those beside it."""
    assert one(settings, line)["message"] == message
    assert frame(settings, line, BROKEN[1], BROKEN[3])["message"].to_list() == [message, None, None]


def test_a_line_means_the_same_in_any_batch(settings: ParseParams) -> None:
    lines = [
        {"host": {"name": "w", "path": "C:\\"}, "msg": "a"},
        {"host": "w2", "msg": {"b": [1, "x"]}},
        *({"host": {"os": {"name": "x"}}, "body": {"c": 1}}, "{", {"log": {"level": "info"}}, {"msg": "\n"}),
    ]
    whole = frame(settings, *lines)
    assert whole.equals(pl.concat([frame(settings, line) for line in lines]))


def test_typed_fields_are_null_where_a_line_has_others() -> None:
    kind = pl.List(pl.Struct({"n": pl.String()}))
    raw = pl.Series(['{"a": [{"n": "x"}, {"n": 2}]}', '{"a": 5}', "junk", '{"b": 1}'])
    assert read_schema(raw, {"a": kind})["a"].to_list() == [[{"n": "x"}, {"n": "2"}], None, None, None]
    assert read_schema(raw[:1], {"a": kind}).equals(read_schema(raw, {"a": kind})[:1])


def test_no_names_and_no_lines_are_no_error() -> None:
    assert read_names(pl.Series([], dtype=pl.String), ["a.b"]).shape == (0, 1)
    assert read_names(pl.Series(["{}"]), ["a", "b.c"]).row(0) == (None, None)


def test_one_line_leaves_what_has_no_break_as_it_is() -> None:
    texts = pl.Series(["a b", None, "c\td\n"])
    assert one_line(texts).to_list() == ["a b", None, "c d"]
    assert one_line(texts, keep_tabs=True).to_list() == ["a b", None, "c\td"]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("json.*.log")), ids=lambda path: path.name)
def test_each_line_of_a_sample_has_time_level_and_message(path: Path, settings: ParseParams) -> None:
    found = frame(settings, *path.read_text(encoding="utf-8").splitlines())
    assert found.select("time", "level", "message").null_count().row(0) == (0, 0, 0)


@pytest.mark.parametrize(
    ("fields", "template"),
    [
        ({"@m": "user eve left", "@mt": "user {name} left"}, "user {name} left"),
        ({"RenderedMessage": "user eve left", "MessageTemplate": "user {name} left"}, "user {name} left"),
        ({"msg": "user eve left", "log.record.template": "user {name} left"}, "user {name} left"),
        ({"@mt": "user {name}\nleft"}, "user {name} left"),
        ({"msg": "user eve left"}, None),
    ],
)
def test_the_template_that_a_program_names(settings: ParseParams, fields: dict[str, str], template: str | None) -> None:
    form = formats.find("json", settings)
    assert form.read(pl.DataFrame({"raw": [json.dumps(fields)]}))["message_template"].to_list() == [template]


@pytest.mark.parametrize(
    ("line", "message", "node"),
    [
        ({"method": "GET", "path": "/a", "status": 200, "remote_ip": "10.0.0.1"}, "GET /a 200 OK", "10.0.0.1"),
        (
            {"request": "POST /b HTTP/1.1", "status": "503", "remote_addr": "10.0.0.2"},
            "POST /b HTTP/1.1 503 Service Unavailable",
            "10.0.0.2",
        ),
        (
            {"msg": "", "RequestMethod": "GET", "RequestPath": "/c", "DownstreamStatus": 404, "ClientHost": "::1"},
            "GET /c 404 Not Found",
            "::1",
        ),
        (
            {"http": {"request": {"method": "PUT"}, "response": {"status_code": 500}}, "url": {"path": "/d"}},
            "PUT /d 500 Internal Server Error",
            None,
        ),
        (
            {"httpRequest": {"requestMethod": "GET", "requestUrl": "/e", "status": 301}, "host": "w1"},
            "GET /e 301 Moved Permanently",
            "w1",
        ),
        ({"msg": "handled", "method": "GET", "path": "/a", "status": 200, "remote_ip": "10.0.0.1"}, "handled", None),
        ({"method": "GET", "path": "/a", "status": "ok"}, None, None),
        ({"status": 200}, None, None),
        ({"msg": "", "status": 200}, "", None),
    ],
)
def test_a_request_without_a_message(
    settings: ParseParams, line: dict[str, Any], message: str | None, node: str | None
) -> None:
    row = frame(settings, line).row(0, named=True)
    assert (row["message"], row["node"]) == (message, node)
