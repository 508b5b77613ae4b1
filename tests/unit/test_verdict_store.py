"""Verdicts in a stream's database."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from rationanomaly.detection.answered import Answered, ModelVersion
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.verdict_record import read_verdict, write_verdict
from rationanomaly.detection.verdict_store import VerdictStore
from rationanomaly.records import template_id
from rationanomaly.text.evidence import Span

MODEL = ModelVersion("d1", "3", "grpo")


def verdict(template: str, score: float = 0.1 + 0.2) -> Verdict:
    spans = (Span("disk", 0, 4),)
    return Verdict(template, "abnormal", score, 1 / 3, "abnormal", True, 'It says "disk".', spans, grounded=True)


def answered(template: str, final: bool = True, model: ModelVersion = MODEL, score: float = 0.3) -> Answered:
    return Answered(template_id(template), template, verdict(template, score), final, model)


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    VerdictStore.prepare(connection)
    VerdictStore.prepare(connection)
    return connection


@pytest.mark.parametrize(
    "template",
    ["disk <*> failed", "", "\ud800 half", "quote ' \"; DROP TABLE verdicts", "x" * 10**6],
    ids=["plain", "empty", "half", "quotes", "long"],
)
def test_what_is_stored_is_what_is_read(connection: sqlite3.Connection, template: str) -> None:
    store = VerdictStore(10)
    store.put(connection, [answered(template, score=0.1 + 0.2)], now=1.0)
    (found,) = store.find(connection, [template_id(template), "unknown"], MODEL).values()
    assert found.verdict == verdict(template, 0.1 + 0.2)
    assert found.final


@pytest.mark.parametrize(
    "other",
    [replace(MODEL, digest="d2"), replace(MODEL, prompt="4"), replace(MODEL, verdict="direct")],
    ids=["model", "prompt", "kind"],
)
def test_another_model_has_said_nothing(connection: sqlite3.Connection, other: ModelVersion) -> None:
    store = VerdictStore(10)
    store.put(connection, [answered("disk failed")], now=1.0)
    assert store.find(connection, [template_id("disk failed")], other) == {}
    store.put(connection, [answered("disk failed", model=other, score=0.9)], now=1.0)
    for model, score in ((MODEL, 0.3), (other, 0.9)):
        (found,) = store.find(connection, [template_id("disk failed")], model).values()
        assert found.verdict.score == score


def test_a_name_is_no_part_of_the_key(connection: sqlite3.Connection) -> None:
    store = VerdictStore(10)
    store.put(connection, [answered("disk failed")], now=1.0)
    assert store.find(connection, [template_id("disk failed")], replace(MODEL, name="champion", number="7"))


def test_a_final_verdict_stays(connection: sqlite3.Connection) -> None:
    store = VerdictStore(10)
    key = template_id("disk failed")
    store.put(connection, [answered("disk failed", final=False, score=0.6)], now=1.0)
    assert not store.find(connection, [key], MODEL)[key].final
    store.put(connection, [answered("disk failed", score=0.8)], now=2.0)
    store.put(connection, [answered("disk failed", final=False, score=0.6)], now=3.0)
    found = store.find(connection, [key], MODEL)[key]
    assert (found.final, found.verdict.score) == (True, 0.8)


def test_the_longest_unused_are_deleted(connection: sqlite3.Connection) -> None:
    store = VerdictStore(3)
    for number in range(3):
        store.put(connection, [answered(f"event {number}")], now=float(number))
    store.touch(connection, [template_id("event 0")], MODEL, now=10.0)
    store.put(connection, [answered("event 3"), answered("event 4")], now=11.0)
    kept = [found.verdict.template for _, found in store.newest(connection, MODEL, 10)]
    assert kept == ["event 4", "event 3", "event 0"]
    assert store.count(connection) == 3


def test_more_ids_than_a_statement_has_variables(connection: sqlite3.Connection) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)
    store = VerdictStore(5_000)
    store.put(connection, [answered(f"event {number}") for number in range(4_000)], now=1.0)
    ids = [template_id(f"event {number}") for number in range(4_000)]
    assert len(store.find(connection, ids, MODEL)) == 4_000
    assert store.find(connection, [], MODEL) == {}


def test_nothing_is_committed_by_itself(connection: sqlite3.Connection) -> None:
    store = VerdictStore(10)
    connection.execute("BEGIN IMMEDIATE")
    store.put(connection, [answered("disk failed")], now=1.0)
    store.touch(connection, [template_id("disk failed")], MODEL, now=2.0)
    connection.execute("ROLLBACK")
    assert store.count(connection) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"template": 1}'])
def test_a_damaged_row_counts_as_missing(
    connection: sqlite3.Connection, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = VerdictStore(10)
    store.put(connection, [answered("disk failed"), answered("fan failed")], now=1.0)
    connection.execute("UPDATE verdicts SET verdict = ? WHERE template_id = ?", (text, template_id("disk failed")))
    found = store.find(connection, [template_id("disk failed"), template_id("fan failed")], MODEL)
    assert list(found) == [template_id("fan failed")]
    assert "damaged" in caplog.text


def test_a_verdict_of_an_unknown_answer_is_none() -> None:
    with pytest.raises(ValueError, match="no"):
        read_verdict(write_verdict(verdict("disk failed")).replace('"answer": "abnormal"', '"answer": "fine"'))


def test_a_model_is_shown_by_number_or_digest() -> None:
    assert str(replace(MODEL, number="4")) == "grpo/4"
    assert str(ModelVersion("0123456789abcdef", "3", "grpo")) == "grpo@0123456789ab"
