"""Lines that were written to harm a reader of logs, in every format: rejected with a reason or read, and counted.

Years 0 and 9999, days that no calendar has, numbers of thousands of digits, JSON of great depth and size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.errors import InputError
from rationanomaly.params import load_params
from rationanomaly.parse.formats import formats
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.step import run
from rationanomaly.steps import Outputs

ROOT = Path(__file__).parents[2]
SETTINGS = load_params(ROOT / "params.yaml").parse.model_copy(update={"max_rejected_share": 1.0})
SAMPLES = sorted((ROOT / "tests" / "log_samples").glob("*.log"))
#: One of each format; `auto` for what is none.
ONE_EACH = list({sample.name.partition(".")[0]: sample for sample in SAMPLES}.values())
LINES = 2
DEPTH, SIZE, DIGITS = 100_000, 1_200_000, "9" * 5000
YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")
DEEP = ('{"a":' * DEPTH + "1" + "}" * DEPTH, "[" * DEPTH + "]" * DEPTH, '{"a":' * DEPTH, "[" * DEPTH)


def format_of(sample: Path) -> str:
    name = sample.name.partition(".")[0]
    return name if name in formats() else "auto"


def mutated(lines: list[str]) -> Iterator[str]:
    """The lines with other times and numbers, and with JSON inside, behind and around."""
    for line in lines:
        for year in ("0000", "0001", "1677", "2263", "9999", "10000"):
            yield YEAR.sub(year, line)
        yield re.sub(r"\d", "0", line)
        yield re.sub(r"\d", "9", line)
        for found in list(re.finditer(r"\d+", line))[:8]:
            for number in ("0000", "99", "9999", "9" * 30, DIGITS):
                yield line[: found.start()] + number + line[found.end() :]
    for line in lines[:1]:
        inside = [*DEEP, DIGITS, f'"{"y" * SIZE}"', "1e999", "-1e-999", "NaN"]
        for value in inside:
            yield f'{line[:-1]},"x":{value}}}' if line.endswith("}") else f"{line} {value}"
    yield from DEEP


def read(log: Path, form: str) -> Counts:
    counts, rejected = Counts(), list[pl.DataFrame]()
    try:
        for _ in LogReader(log, form, SETTINGS, counts, rejected.append):
            pass
    except InputError:
        return counts
    own = counts.records - counts.added_records  # Of a line of OTLP that holds several.
    assert counts.lines == own + counts.joined_lines + counts.empty_lines + counts.rejects
    return counts


def assert_reads(sample: Path, tmp_path: Path) -> None:
    whole = sample.read_text(encoding="utf-8", errors="replace").splitlines()[:10]
    lines = [line for line in whole if line.strip() and not line.startswith("#")][:LINES]
    log = tmp_path / "hostile.log"
    for around in (whole, []):
        log.write_text("\n".join([*around, *mutated(lines), *around]) + "\n", encoding="utf-8", errors="replace")
        counts = read(log, format_of(sample))
        assert not around or counts.records or format_of(sample) == "auto"


@pytest.mark.parametrize("sample", ONE_EACH, ids=lambda sample: sample.name)
def test_hostile_lines_are_read_or_rejected_in_each_format(sample: Path, tmp_path: Path) -> None:
    assert_reads(sample, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample not in ONE_EACH], ids=lambda one: one.name)
def test_hostile_lines_are_read_or_rejected_in_each_notation(sample: Path, tmp_path: Path) -> None:
    assert_reads(sample, tmp_path)


Parse = Callable[[list[str]], tuple[pl.DataFrame, list[dict[str, object]]]]


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """The step `parse` on lines of JSON: its lines, and those that it rejects."""

    def parse(lines: list[str]) -> tuple[pl.DataFrame, list[dict[str, object]]]:
        params = load_params(ROOT / "params.yaml", ["data.format=json", "parse.max_rejected_share=1"])
        log, output = tmp_path / "app.log", tmp_path / "parse"
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        output.mkdir()
        run(params, {"logs": log}, Outputs(output, tmp_path / "state", "key", journals=tmp_path))
        rejects = [json.loads(line) for line in (output / records.REJECTS).read_text(encoding="utf-8").splitlines()]
        return records.read_table(output / records.LINES, records.LINES_SCHEMA), rejects

    return parse


def test_deep_and_huge_json_is_rejected_with_its_reason(parse: Parse) -> None:
    good = '{"time":"2031-03-03T00:00:00Z","level":"info","msg":"supply feeds"}'
    huge = f'{good[:-1]},"x":"{"y" * SIZE}"}}'
    lines, rejects = parse([good, *DEEP, huge, good])
    assert lines.height == 2
    assert [(row["line"], row["reason"]) for row in rejects] == [
        *((number, "is nested too deeply") for number in range(2, 6)),
        (6, "was cut at 1048576 bytes (parse.max_line_bytes), and fits no record of the format"),
    ]


@pytest.mark.parametrize("year", ["0000", "0001", "9999", "10000"])
def test_years_at_the_ends_of_the_calendar_go_through_the_whole_step(year: str, parse: Parse) -> None:
    good = '{{"time":"{}-12-31T23:59:59.999999Z","level":"info","msg":"supply {} feeds"}}'
    given = [good.format(year if number % 2 else "2031", number) for number in range(8)]
    lines, rejects = parse(given)
    assert lines.height + len(rejects) == len(given)
