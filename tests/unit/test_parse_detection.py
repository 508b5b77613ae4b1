"""Detection: each sample of tests/log_samples has its own format or none, and what is too unsure is asked for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from rationanomaly.errors import InputError
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.detection import LEAST, Weight, best_of, detect, weigh
from rationanomaly.parse.formats import Format
from tests.conftest import ROOT
from tests.modules import module_at

SAMPLES = sorted((ROOT / "tests" / "log_samples").glob("*.log"))
AT = "2031-03-03 00:00:02,154"
UNKNOWN = "unknown"


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse


def matrix() -> ModuleType:
    return module_at(ROOT / "docs" / "format_matrix.py")


def detectable(settings: ParseParams) -> Mapping[str, Format]:
    return {name: form for name, form in formats.formats(settings).items() if form.detectable}


def weights_of(lines: list[str], settings: ParseParams) -> dict[str, Weight]:
    return weigh(pl.Series(lines), detectable(settings))


def found(lines: list[str], settings: ParseParams) -> str:
    return detect(pl.Series(lines), settings, Path("x.log")).format.name


@pytest.mark.parametrize("sample", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_a_sample_has_its_own_format_or_none(sample: Path, settings: ParseParams) -> None:
    known, right = detectable(settings), sample.name.split(".")[0]
    weights = matrix().fits(sample)
    best = best_of(weights, known)
    assert right == (best.format.name if best.confidence >= LEAST else UNKNOWN)
    # What is as sure of it is less particular.
    order = list(known)
    sure = [name for name in order if weights[name].confidence == 1]
    assert [name for name in sure if order.index(name) < order.index(best.format.name)] == []
    assert right != UNKNOWN or sure == []


def test_there_are_samples_of_many_kinds() -> None:
    names = [path.name.split(".")[0] for path in SAMPLES]
    assert len(names) >= 60
    assert names.count("application") >= 15
    assert names.count(UNKNOWN) >= 8


def test_the_page_has_the_tables_of_today() -> None:
    page = matrix().PAGE.read_text(encoding="utf-8")
    assert page == matrix().with_tables(page), "run `python docs/format_matrix.py --write`"


def test_the_page_names_every_format(settings: ParseParams) -> None:
    page = matrix().PAGE.read_text(encoding="utf-8")
    assert [name for name in formats.formats(settings) if f"`{name}`" not in page] == []


RECORD, PROSE = f"{AT} INFO request served", "and then nothing happened for a while"


@pytest.mark.parametrize(
    "lines",
    [
        [RECORD, *["SELECT id", "FROM carts", "WHERE id = 7"]] * 3,
        [RECORD, PROSE] * 5,
        [RECORD, *[PROSE] * 20] * 5,
        [RECORD, "panic: closed", "", "goroutine 1 [running]:", "main.go()", "\t/app/main.go:18 +0x9", RECORD],
        [*["\tat a.B.c(B.java:1)"] * 20, RECORD],
        [*["Traceback (most recent call last):", '  File "x.py", line 1', "ValueError: no"] * 9, RECORD],
        ["shop 1.2 starts"] + [RECORD] * 3,
    ],
    ids=["statements", "one line behind each", "many lines behind each", "panic", "end of a trace", "traces", "banner"],
)
def test_lines_that_belong_to_records_do_not_speak_against_a_format(lines: list[str], settings: ParseParams) -> None:
    assert found(lines, settings) == "application"


@pytest.mark.parametrize(
    "lines",
    [
        [PROSE] * 4 + [RECORD] + [PROSE] * 4,
        [RECORD] + [PROSE] * 9,
        [PROSE] * 3 + [RECORD] * 2,
        [f"{AT},17,idle"] * 5,
        ["{", '  "level": "INFO"', "}"],
    ],
    ids=["a record in prose", "prose behind a record", "prose before records", "table", "one object"],
)
def test_what_shows_too_little_is_of_no_format(lines: list[str], settings: ParseParams) -> None:
    with pytest.raises(InputError, match="fits no known log format surely enough"):
        found(lines, settings)


def test_lines_that_another_format_claims_are_no_continuation(settings: ParseParams) -> None:
    access = '10.0.0.9 - - [03/Mar/2031:00:00:02 +0000] "GET / HTTP/1.1" 200 12'
    weights = weights_of([RECORD, access] * 10, settings)
    assert (weights["application"].confidence, weights["access"].confidence) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("INFO 2031-03-03T00:00:02.154Z main ERROR job 1", "simulated"),
        ("h2 2031-03-03T00:00:02.154Z app/lb/6 power ERROR supply lost", "simulated"),
        ("wss 2031-03-03T00:00:02.154Z app/lb/6 power ERROR supply lost", "simulated"),
        ("HTTP 2031-03-03T00:00:02.154Z n1 10.0.0.1:80 0.000 0.003", "simulated"),
        ("ERROR 1930262402 2031.03.03 n1 2031-03-03-00.00.02.154000 n1 RAS KERNEL INFO x", "bgl"),
        ("- 1930262402 17 n1 2031-03-03-00.00.02.154000 n1 RAS KERNEL INFO x", "bgl"),
        ("INFO 1930262402 2031.03.03 n1 Mar 3 00:00:02 n1 kernel: x", "thunderbird"),
        ("310303 000002 148 job shop.Pool: x", "hdfs"),
        ("2031-03-03T00:00:02.154Z [INFO]  core: x", "rsyslog"),
    ],
)
def test_an_alert_column_or_a_host_is_believed_only_where_it_looks_like_one(
    line: str, wrong: str, settings: ParseParams
) -> None:
    assert weights_of([line] * 4, settings)[wrong].confidence == 0


def test_of_equally_good_formats_the_more_particular_is_taken_and_the_next_named(settings: ParseParams) -> None:
    known = detectable(settings)
    weights = dict.fromkeys(known, Weight(0.0, 0.0, 0.0))
    weights |= {"application": Weight(1.0, 1.0, 1.0), "rsyslog": Weight(0.99, 0.9, 1.0)}
    best = best_of(weights, known)
    assert (best.format.name, best.confidence, best.runner_up) == ("rsyslog", 0.99, "application")
    assert list(best.shares)[:2] == ["application", "rsyslog"]
    weights["rsyslog"] = Weight(0.7, 0.7, 1.0)
    assert best_of(weights, known).format.name == "application"


def test_a_time_and_a_text_are_taken_only_where_nothing_else_fits(settings: ParseParams) -> None:
    bare = f"{AT} nightly backup began"
    assert found([bare] * 4, settings) == "timestamped"
    assert found([bare, bare, RECORD] * 4, settings) == "application"


def test_of_endless_lines_a_few_are_enough(settings: ParseParams) -> None:
    long = f"{RECORD} {'x=1; ' * 2**18}"
    other = '{"time":"2026-03-01T10:00:00Z","msg":"a"}'
    best = detect(pl.Series([*[long] * 4, *[other] * 900]), settings, Path("x.log"))
    assert (best.format.name, best.confidence) == ("application", 1.0)


def test_without_another_format_there_is_no_runner_up(settings: ParseParams) -> None:
    best = detect(pl.Series(["Mar  3 22:14:15 gate cron[1]: done"] * 3), settings, Path("x.log"))
    assert (best.format.name, best.runner_up) == ("syslog", None)
    assert str(best) == "syslog, confidence 100%"


def test_the_error_names_three_commands_that_can_be_pasted(settings: ParseParams) -> None:
    lines = [f"{AT} first line", *[PROSE] * 9, RECORD]
    with pytest.raises(InputError) as caught:
        detect(pl.Series(lines), settings, Path("my logs/x.log"))
    commands = [part for part in str(caught.value).split("`") if part.startswith("rationanomaly parse ")]
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command)
        assert words[2:4] == ["--input", "logs=my logs/x.log"]
        assert words[5].removeprefix("data.format=") in formats.formats(settings)
    assert "data.format=application" in commands[0] or "data.format=timestamped" in commands[0]


def test_an_empty_sample_fits_nothing(settings: ParseParams) -> None:
    assert {weight.confidence for weight in weigh(pl.Series([], dtype=pl.String), detectable(settings)).values()} == {0}
