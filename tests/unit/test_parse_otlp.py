"""Batches of OpenTelemetry log records: a row a record."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.params import Params
from rationanomaly.parse import formats
from rationanomaly.parse.formats.otlp import expand
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.reading import LogReader

SAMPLES = Path(__file__).parents[1] / "log_samples"
NOON = datetime(2026, 2, 3, 12, 0, tzinfo=UTC)
NANOS = "1770120000000000000"


def attributes(**values: str) -> list[dict[str, Any]]:
    return [{"key": name.replace("_", "."), "value": {"stringValue": value}} for name, value in values.items()]


def scope(*records: Any, name: str | None = "shop.cart") -> dict[str, Any]:
    return {"scope": {} if name is None else {"name": name}, "logRecords": records}


def batch(*scopes: Any, **resource: str) -> str:
    return json.dumps({"resourceLogs": [{"resource": {"attributes": attributes(**resource)}, "scopeLogs": scopes}]})


def record(text: str = "a", **fields: Any) -> dict[str, Any]:
    return {"timeUnixNano": NANOS, "body": {"stringValue": text}} | fields


def read(*lines: str) -> pl.DataFrame:
    rows = expand(pl.DataFrame({"line": range(1, len(lines) + 1), "raw": lines}))
    return rows.select("line").hstack(formats.formats()["otlp"].read(rows))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"time": NOON, "node": "w1", "logger": "shop.cart", "message": "a", "level": None}),
        ({"severityText": "Warning", "severityNumber": 13}, {"level": "WARNING"}),
        ({"severityNumber": 18}, {"level": "ERROR"}),
        ({"severityText": "", "severityNumber": 1}, {"level": "TRACE"}),
        ({"timeUnixNano": "0", "observedTimeUnixNano": NANOS}, {"time": NOON}),
        ({"timeUnixNano": int(NANOS)}, {"time": NOON}),
        ({"attributes": attributes(thread_name="main", other="x")}, {"thread": "main"}),
        ({"body": {"stringValue": "a\n\tb"}}, {"message": "a  b"}),
        ({"body": {"intValue": "7"}}, {"message": "7"}),
        ({"body": {"kvlistValue": {"values": attributes(a="x", msg="y")}}}, {"message": "y"}),
        ({"body": {"kvlistValue": {"values": attributes(a="x", b="y")}}}, {"message": "a=x b=y"}),
        ({"body": {"arrayValue": {"values": []}}}, {"message": '{"values": []}'}),
        ({"body": None}, {"message": None}),
    ],
)
def test_a_record(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    row = read(batch(scope(record(**fields)), host_name="w1")).row(0, named=True)
    assert {name: row[name] for name in expected} == expected


def test_each_record_is_a_row_in_the_order_of_the_log() -> None:
    first = batch(scope(record("a"), record("b"), name="x"), scope(record("c"), name=None), service_name="s")
    lines = ("junk", first, '{"resourceSpans":[]}', batch(scope(record("d"))))
    found = read(*lines)
    assert found["line"].to_list() == [1, 2, 2, 2, 3, 4]
    assert found["message"].to_list() == [None, "a", "b", "c", None, "d"]
    assert found["logger"].to_list() == [None, "x", "x", "s", None, "shop.cart"]


@pytest.mark.parametrize(
    "line",
    [
        *('{"resourceLogs":[]}', '{"resourceLogs":5}', '{"resourceLogs":[{"scopeLogs":[]}]}', '{"resourceLogs":['),
        *(batch(scope()), '{"resourceLogs":[{"scopeLogs":[{"logRecords":"x"}]}]}'),
    ],
)
def test_a_line_without_a_record_is_not_lost(line: str) -> None:
    lines = pl.DataFrame({"line": [1, 2, 3], "raw": [batch(scope(record("a"))), line, batch(scope(record("b")))]})
    assert expand(lines)["line"].to_list() == [1, 2, 3]
    assert expand(lines)["raw"][1] == line
    assert read(*lines["raw"])["message"].to_list() == ["a", None, "b"]


def test_to_expand_twice_changes_nothing() -> None:
    once = expand(pl.DataFrame({"raw": [batch(scope(record("a"), record('"b" \\ é'))), "junk"]}))
    assert expand(once).equals(once)


def test_a_line_that_was_not_expanded_counts_as_its_first_record() -> None:
    lines = pl.DataFrame({"raw": ["junk", batch(scope(record("a"), record("b"))), batch(scope(record("c")))]})
    assert formats.formats()["otlp"].read(lines)["message"].to_list() == [None, "a", "c"]


def test_the_template_of_a_record_is_kept_in_its_row() -> None:
    line = batch(scope(record("order 7", attributes=attributes(log_record_template="order {id}"))))
    assert json.loads(expand(pl.DataFrame({"raw": [line]}))["raw"][0])["otlp.template"] == "order {id}"


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("otlp.*.log")), ids=str)
def test_each_record_of_a_sample_is_read(path: Path) -> None:
    found = read(*path.read_text(encoding="utf-8").splitlines())
    assert found.height > 5
    assert found.select("time", "node", "level", "logger", "message").null_count().row(0) == (0, 0, 0, 0, 0)


def test_a_log_of_batches_has_a_record_for_each(params: Params) -> None:
    counts = Counts()
    found = pl.concat(list(LogReader(SAMPLES / "otlp.batches.log", "auto", params.parse, counts)))
    raw = (SAMPLES / "otlp.batches.log").read_text(encoding="utf-8").splitlines()
    expected = expand(pl.DataFrame({"line": range(1, len(raw) + 1), "raw": raw})).height
    assert found.height == counts.records == expected > counts.lines
    assert counts.lines + counts.added_records == counts.records + counts.joined_lines + counts.rejects
