"""Records whose text has line breaks before their format can read it."""

from __future__ import annotations

import gzip
import os
import threading
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.params import Params
from rationanomaly.parse import formats
from rationanomaly.parse.cutting import cut
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.preview import preview
from rationanomaly.parse.raw_records import RawJoiner
from rationanomaly.parse.reading import LogReader

FORM = formats.formats()["postgresql-csv"]


def csv(second: int, message: str, query: str = "") -> str:
    quoted = message.replace('"', '""')
    tail = f',,,,,,"{query}",1,,"psql","client backend",,0' if query else ',,,,,,,,,"psql","client backend",,0'
    return (
        f'2026-03-01 10:00:{second:02} UTC,"app","shop",42,"10.0.0.5:5123",65e1.10,1,"SELECT",2026-03-01 09:59:00 UTC,'
        f'3/7,0,ERROR,42P01,"{quoted}"{tail}\n'
    )


def event(second: int, text: str) -> str:
    return f"""  <Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event">
    <System>
      <Provider Name="Disk" />
      <EventID>7</EventID>
      <Level>2</Level>
      <TimeCreated SystemTime="2026-03-01T10:00:{second:02}.000Z" />
      <Computer>w1</Computer>
    </System>
    <EventData>
      <Data Name="what">{text}</Data>
    </EventData>
  </Event>
"""


def read(params: Params, log: Path, form: str = "auto") -> tuple[list[tuple[int, str]], Counts, str]:
    reader = LogReader(log, form, params.parse)
    rows = [row for batch in reader for row in batch.select("line", "message").iter_rows()]
    return rows, reader.counts, reader.format.name


@pytest.mark.parametrize(
    ("text", "form", "expected", "rejects"),
    [
        (
            csv(0, 'no table "a"', "select *\nfrom a,\n  b\n;") + csv(1, "two\nlines"),
            "postgresql-csv",
            [(1, 'no table "a"'), (5, "two lines")],
            0,
        ),
        (csv(0, "one") + csv(1, "cut off\n here")[:-30], "postgresql-csv", [(1, "one"), (2, "cut off here")], 0),
        (
            "<Events>\n" + event(0, "bad\nblock") + event(1, "x") + "</Events>\n",
            "windows-event",
            [(2, "EventID 7 what=bad block"), (15, "EventID 7 what=x")],
            0,
        ),
        (
            "".join(event(n, "x") for n in range(40)),
            "windows-event",
            [(1 + 12 * n, "EventID 7 what=x") for n in range(40)],
            0,
        ),
        (
            event(0, "x").replace("\n", "") + "\n" + event(1, "y"),
            "windows-event",
            [(1, "EventID 7 what=x"), (2, "EventID 7 what=y")],
            0,
        ),
    ],
)
def test_a_record_over_several_lines_is_one(
    params: Params, tmp_path: Path, text: str, form: str, expected: list[tuple[int, str]], rejects: int
) -> None:
    log = tmp_path / "a.log"
    log.write_text(text)
    rows, counts, name = read(params, log)
    assert (name, rows) == (form, expected)
    assert counts.rejects == rejects
    assert counts.lines == counts.records + counts.joined_lines + counts.rejects + counts.empty_lines
    seen = preview(log, "auto", params.parse)
    assert (seen.format, seen.records, seen.rejects) == (form, len(expected), rejects)


def test_without_joining_each_line_stands_for_itself(params: Params, tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text("".join(csv(n, "one\ntwo") for n in range(20)))
    settings = params.parse.model_copy(update={"multiline": False, "max_rejected_share": 1.0})
    reader = LogReader(log, "postgresql-csv", settings)
    assert sum(batch.height for batch in reader) == 20
    assert reader.counts.joined_lines == 0


@given(st.lists(st.sampled_from(["B one", "B two'", "more", "end'", "'a'"]), min_size=1, max_size=30), st.data())
def test_batches_make_no_difference(lines: list[str], data: st.DataObject) -> None:
    form = formats.Format("b", "", lambda rows: rows, begins="^B ", pairs="'")
    frame = pl.DataFrame({"line": pl.int_range(1, len(lines) + 1, dtype=pl.Int64, eager=True), "raw": lines})
    counts = Counts()
    joiner, parts, start = RawJoiner(True, 1000, counts), [], 0
    while start < frame.height:
        size = data.draw(st.integers(1, frame.height - start))
        parts.append(joiner.join(frame[start : start + size], form))
        start += size
    if (last := joiner.finish()) is not None:
        parts.append(last)
    expected: list[tuple[int, str]] = []
    is_open = False
    for number, line in enumerate(lines, start=1):
        if is_open and not line.startswith("B "):
            first, text = expected.pop()
            expected.append((first, f"{text}\n{line}"))
        else:
            expected.append((number, line))
        text_so_far = expected[-1][1]
        is_open = text_so_far.startswith("B ") and text_so_far.count("'") % 2 == 1
    assert pl.concat(parts).rows() == expected
    assert counts.joined_lines == len(lines) - len(expected)


def test_a_record_without_an_end_stays_small() -> None:
    joiner = RawJoiner(True, 100, Counts())
    for number in range(50):
        raw = [csv(0, "first\n").split("\n")[0] if not number else "x" * 50] * (1 if not number else 100)
        joiner.join(pl.DataFrame({"line": range(1, len(raw) + 1), "raw": raw}), FORM)
    held = joiner.finish()
    assert held is not None
    assert held.height == 1
    assert len(held["raw"][0]) == 100


def test_shards_are_cut_between_such_records(params: Params, tmp_path: Path) -> None:
    log = tmp_path / "a.csv"
    log.write_text("".join(csv(n % 60, f"first {n}\nsecond\nthird") for n in range(300)))
    whole, _, _ = read(params, log, "postgresql-csv")
    pieces = cut(log, 4, FORM, params.parse)
    assert sum(map(len, pieces)) == 4, "each has its part"
    rows: list[str] = []
    for number, piece in enumerate(pieces):
        reader = LogReader(log, "postgresql-csv", params.parse, shard=number, pieces=piece)
        rows += [message for batch in reader for message in batch["message"]]
    assert rows == [message for _, message in whole]


def test_rotated_files_are_put_in_order_by_such_records(params: Params, tmp_path: Path) -> None:
    for name, minute in (("a.1.xml.gz", 0), ("a.2.xml.gz", 30)):
        with gzip.open(tmp_path / name, "wt") as file:
            file.write("<Events>\n" + event(minute, name[2]) + event(minute + 1, name[2]) + "</Events>\n")
    rows, _, _ = read(params, tmp_path / "a.*.xml.gz")
    assert [message[-1] for _, message in rows] == ["1", "1", "2", "2"]


def test_live_input_holds_such_a_record_for_a_set_time(params: Params, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    settings = params.parse.model_copy(update={"hold_seconds": 0.5})
    seen: list[tuple[float, str]] = []

    def write() -> None:
        with pipe.open("w") as file:
            file.write(csv(0, "one\ntwo") + csv(1, "three"))
            file.flush()
            while len(seen) < 2 and time.monotonic() < start + 60:
                time.sleep(0.05)

    start = time.monotonic()
    writer = threading.Thread(target=write)
    writer.start()
    for batch in LogReader(pipe, "postgresql-csv", settings):
        seen += [(time.monotonic(), message) for message in batch["message"]]
    writer.join()
    assert [message for _, message in seen] == ["one two", "three"]
    assert seen[-1][0] < start + 60, "it did not wait for the end"
