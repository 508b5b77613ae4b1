"""What is safe to drop: reviewed as normal, frequent, never in an incident; and its filter matches no other line."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.decisions.ledger import Decision, write_decision
from rationanomaly.detection.verdict_store import VerdictStore
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.incidents.book import IncidentBook
from rationanomaly.params import load_params
from rationanomaly.params.watch import IncidentParams
from rationanomaly.records import template_id
from rationanomaly.signals.alert import Alert
from rationanomaly.signals.judged_lines import JUDGED_LINES
from rationanomaly.sinks.drop_filters import filter_file
from rationanomaly.sinks.line_pattern import LinePattern
from rationanomaly.sinks.safe_to_drop import Choice, choose
from rationanomaly.stream.database import NAME
from tests.sink_incidents import HOSTILE

UP, DOWN = "link <*> is up", "link <*> is down"
START = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def settings() -> IncidentParams:
    return load_params("defaults").watch.incidents


class Stream:
    """A stream's database and a ledger, as the other parts write them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ledger = folder, folder / "decisions.jsonl"
        self.ledger.touch()
        self.book = IncidentBook(settings())
        self.connection = sqlite3.connect(folder / NAME)
        IncidentBook.prepare(self.connection)
        VerdictStore.prepare(self.connection)

    def lines(self, template: str, count: int, message: str | None = None, answer: str = "normal") -> None:
        identity = template_id(template)
        row = {
            "source": "a", "line": 1, "time": START, "node": "n", "level": None, "message": message or template,
            "template": template, "template_id": identity, "parameters": [], "sessions": None, "answer": answer,
            "score": 0.1,
        }  # fmt: skip
        with self.connection:
            self.book.observe(self.connection, pl.DataFrame([row] * count, schema=JUDGED_LINES))

    def alert(self, template: str) -> None:
        alert = Alert("line", "s", START.timestamp(), 0.9, "text", (), template_id(template), template)
        with self.connection:
            self.book.add(self.connection, [alert])

    def says(self, template: str, answer: str) -> None:
        values = (template_id(template), "m", "p", "reasoned", json.dumps({"answer": answer}), 1, 0.0)
        with self.connection:
            self.connection.execute("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def decided(self, template: str, decision: str, reviewer: str = "ada", round_: str = "senior") -> None:
        line = Decision(template_id(template), template, reviewer, decision, None, "", "2026-01-01T00:00:00Z", round_)  # type: ignore[arg-type]
        with self.ledger.open("a") as file:
            file.write(write_decision(line) + "\n")

    def choose(self, min_lines: int = 10, limit: int = 100) -> Choice:
        return choose(self.folder / NAME, self.ledger, min_lines, limit)


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """One template that is safe, and one that is not."""
    stream = Stream(tmp_path)
    stream.lines(UP, 90, "link 7 is up")
    stream.decided(UP, "normal")
    stream.says(UP, "normal")
    stream.lines(DOWN, 10, "link 7 is down", "abnormal")
    return stream


def templates(choice: Choice) -> list[str]:
    return [one.template for one in choice.safe]


def test_what_is_normal_reviewed_and_frequent_is_chosen(stream: Stream) -> None:
    choice = stream.choose()
    assert templates(choice) == [UP]
    assert choice.share == pytest.approx(0.9)


@pytest.mark.parametrize("answer", ["abnormal", "invalid"])
def test_a_template_of_which_a_model_says_otherwise_is_kept(stream: Stream, answer: str) -> None:
    with stream.connection:
        stream.connection.execute("UPDATE verdicts SET model = 'older', verdict = ?", (json.dumps({"answer": answer}),))
    stream.says(UP, "normal")
    choice = stream.choose()
    assert (templates(choice), choice.kept) == ([], {"a model says otherwise": 1})


def test_a_template_that_was_in_an_incident_is_kept(stream: Stream) -> None:
    stream.alert(UP)
    assert stream.choose().kept == {"part of an incident": 1}


def test_what_nobody_has_settled_is_kept(stream: Stream) -> None:
    stream.decided(UP, "unsure")
    assert templates(stream.choose()) == []
    stream.decided(UP, "abnormal")
    assert templates(stream.choose()) == []
    stream.lines("new thing <*> seen", 1000)
    assert templates(stream.choose()) == []


def test_what_reviewers_are_at_odds_about_is_kept(tmp_path: Path) -> None:
    stream = Stream(tmp_path)
    stream.lines(UP, 90, "link 7 is up")
    stream.decided(UP, "normal", "ada", "independent")
    assert templates(stream.choose()) == [UP]
    stream.decided(UP, "abnormal", "bob", "independent")
    assert templates(stream.choose()) == []


def test_what_is_not_frequent_is_kept(stream: Stream) -> None:
    assert stream.choose(min_lines=91).kept == {"not frequent": 1}


def test_of_many_the_most_frequent_are_chosen(stream: Stream) -> None:
    for number in range(5):
        text = f"job {'abcde'[number] * 3} of <*> done"
        stream.lines(text, 100 + number)
        stream.decided(text, "normal")
    choice = stream.choose(limit=2)
    assert templates(choice) == ["job eee of <*> done", "job ddd of <*> done"]
    assert choice.kept == {"beyond the limit of templates": 4}


@pytest.mark.parametrize("other", ["link <*> is <*>", "<*> <*> is up", "link port7 is up", "link eth<*> is u<*>"])
def test_a_template_whose_words_fit_another_one_is_kept(stream: Stream, other: str) -> None:
    stream.lines(other, 1)
    assert stream.choose().kept == {"its words fit another template, too": 1}


def test_a_template_that_fits_a_line_of_another_one_is_kept(stream: Stream) -> None:
    stream.lines("multi word <*>", 1, "link 9 is up", "abnormal")
    assert stream.choose().kept == {"its words fit another line, too": 1}


@pytest.mark.parametrize("template", ["<*> <*>", "up <*>", "<*>", "12 34 <*>"])
def test_a_template_without_words_is_kept(stream: Stream, template: str) -> None:
    stream.lines(template, 50)
    stream.decided(template, "normal")
    assert stream.choose().kept["too few words"] == 1


def test_a_folder_that_is_no_stream_says_so(tmp_path: Path) -> None:
    ledger = tmp_path / "decisions.jsonl"
    ledger.touch()
    with pytest.raises(InputError, match="there is no database of a stream"):
        choose(tmp_path / "none.db", ledger, 1, 1)
    (tmp_path / "text.db").write_text("no database" * 1000)
    with pytest.raises(InputError, match="can't be read as a database"):
        choose(tmp_path / "text.db", ledger, 1, 1)
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(InputError, match="has judged lines"):
        choose(tmp_path / "empty.db", ledger, 1, 1)


# ---------------------------------------------------------------- patterns and files


def matches(pattern: LinePattern | None, *lines: str) -> list[bool]:
    """By the regular expressions of Rust, which are Vector's."""
    assert pattern is not None
    return pl.Series(lines).str.contains(pattern.regex).to_list()


def test_a_wildcard_stands_for_values_and_for_no_words() -> None:
    pattern = LinePattern.of("link <*> on eth<*>: rate=<*>% is $fine")
    lines = ["link 7 on eth0: rate=97.5% is $fine", " link\ta7  on eth0-1: rate=9% is $fine "]
    assert matches(pattern, *lines) == [True, True]
    wrong = [
        "link x on eth0: rate=9% is $fine",
        "link 7 on eth0: rate=nan% is $fine",
        f"{lines[0]} failed",
        f"x{lines[0]}",
    ]
    assert matches(pattern, *wrong, f"{lines[0]}\nkernel panic") == [False] * 5


def test_hostile_words_become_an_expression_of_themselves() -> None:
    pattern = LinePattern.of("alpha beta " + "".join(HOSTILE.replace("\ud800", "").split()) + "'\"\\E$1.*")
    assert pattern is not None
    assert matches(pattern, " ".join(pattern.words), "alpha beta anything") == [True, False]
    assert re.fullmatch(r"[A-Za-z0-9\\{}\[\]^* \t+]+", pattern.regex)


def test_a_template_that_costs_too_much_has_no_pattern() -> None:
    assert LinePattern.of("link is up " + "<*> " * 21) is None
    assert LinePattern.of("word " * 200) is None


def expressions(text: str, target: str) -> Sequence[str]:
    """What a collector reads out of its filter file."""
    document = yaml.safe_load(text)
    if target == "otel":
        conditions = document["processors"]["filter/safe_to_drop"]["logs"]["log_record"]
        found = [re.fullmatch(r'IsMatch\(body, "((?:\\.|[^\\"])*)"\)', one) for one in conditions]
        return [re.sub(r"\\(.)", r"\1", one[1]) for one in found if one]
    condition = document["transforms"]["safe_to_drop"]["condition"]
    assert condition["type"] == "vrl"
    return re.findall(r"r'([^']*)'", condition["source"])


@pytest.mark.parametrize("target", ["otel", "vector"])
def test_a_filter_file_drops_what_is_safe_and_nothing_else(stream: Stream, target: str) -> None:
    strange = 'it\'s "quoted" ${env:HOME} #1 {{ <*> }}'
    stream.lines(strange, 50, strange.replace("<*>", "7"))
    stream.decided(strange, "normal")
    text = filter_file(stream.choose().safe, target)  # type: ignore[arg-type]
    assert len(expressions(text, target)) == 2
    lines = pl.Series(["link 8 is up", strange.replace("<*>", "7"), "link 8 is down", "link down is up", "other"])
    dropped = pl.Series([False] * 5)
    for one in expressions(text, target):
        dropped |= lines.str.contains(one)
    assert dropped.to_list() == [True, True, False, False, False]
    assert "$" not in text
    assert text.isascii()


@pytest.mark.parametrize("target", ["otel", "vector"])
def test_a_filter_of_nothing_drops_nothing(target: str) -> None:
    text = filter_file([], target)  # type: ignore[arg-type]
    document = yaml.safe_load(text)
    if target == "otel":
        assert document["processors"]["filter/safe_to_drop"]["logs"]["log_record"] == []
    else:
        assert document["transforms"]["safe_to_drop"]["condition"]["source"].strip() == "true"


def test_a_field_is_a_path_and_nothing_else(stream: Stream) -> None:
    assert 'IsMatch(attributes["message"], ' in filter_file(stream.choose().safe, "otel", 'attributes["message"]')
    for field in ('body, "x") or true or IsMatch(body', "", "a'b", "a\nb"):
        with pytest.raises(ParamsError, match="is no field"):
            filter_file([], "otel", field)


def test_the_command_writes_the_file_and_says_what_is_kept(stream: Stream, tmp_path: Path) -> None:
    stream.lines("rare <*> but fine", 1)
    stream.decided("rare <*> but fine", "normal")
    output = tmp_path / "filter.yaml"
    arguments = ["--state", str(stream.folder), "--ledger", str(stream.ledger), "--output", str(output)]
    result = CliRunner().invoke(app, ["safe-to-drop", *arguments, "--min-lines", "10"])
    assert result.exit_code == 0, result.output
    assert expressions(output.read_text(), "otel") == [stream.choose().safe[0].pattern.regex]
