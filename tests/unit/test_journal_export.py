"""Exported journals of systemd: their entries as JSON lines, whatever is in them and wherever chunks end."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import struct
import sys
import threading
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rationanomaly.params import Params, ParseParams
from rationanomaly.parse.cutting import cut, find_format
from rationanomaly.parse.encoding import HEAD
from rationanomaly.parse.file_order import pieces_in_time_order
from rationanomaly.parse.formats.journald import NAMES
from rationanomaly.parse.journal_export import as_json_lines, is_export, is_undecided
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.preview import preview
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.source import Piece, is_whole
from rationanomaly.raw_inputs import STDIN

LIMIT = 2**20
TIME = 1770120000000007
READ = datetime(2026, 2, 3, 12, 0, 0, 7, UTC)

Fields = Sequence[tuple[str, bytes]]


def field(name: str, value: bytes) -> bytes:
    """A field as systemd writes it: as text where the value is printable and of one line."""
    try:
        is_text = all(character >= " " or character == "\t" for character in value.decode())
    except UnicodeDecodeError:
        is_text = False
    return name.encode() + b"=" + value + b"\n" if is_text else in_bytes(name, value)


def in_bytes(name: str, value: bytes, length: int | None = None) -> bytes:
    return name.encode() + b"\n" + struct.pack("<Q", len(value) if length is None else length) + value + b"\n"


def entry(*fields: tuple[str, bytes], number: int = 0) -> bytes:
    """An entry with its metadata, without its empty line."""
    metadata = b"__CURSOR=s=1;i=%x\n__REALTIME_TIMESTAMP=%d\n_BOOT_ID=77\n" % (number, TIME + number)
    return metadata + b"".join(field(*one) for one in fields)


def message(text: str | bytes, number: int = 0) -> bytes:
    return entry(("MESSAGE", text.encode() if isinstance(text, str) else text), number=number) + b"\n"


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[place : place + size] for place in range(0, len(data), size))


def lines(data: bytes, limit: int = LIMIT, size: int = LIMIT) -> list[str]:
    return b"".join(as_json_lines(pieces(data, size), limit)).decode().removesuffix("\n").split("\n")


def objects(data: bytes, limit: int = LIMIT) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(data, limit)]


def messages(data: bytes, limit: int = LIMIT) -> list[Any]:
    return [one.get("MESSAGE") for one in objects(data, limit)]


@pytest.fixture
def parse(params: Params) -> ParseParams:
    return params.parse.model_copy(update={"max_rejected_share": 1.0})


def read(path: Path, parse: ParseParams, name: str = "auto") -> tuple[pl.DataFrame, Counts, list[str]]:
    counts, rejected = Counts(), list[str]()
    reader = LogReader(path, name, parse, counts, lambda found: rejected.extend(found["raw"]))
    return pl.concat(list(reader)), counts, rejected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("MESSAGE", b"disk full"), ("PRIORITY", b"3")], {"MESSAGE": "disk full", "PRIORITY": "3"}),
        ([("MESSAGE", b"a=b=c")], {"MESSAGE": "a=b=c"}),
        ([("MESSAGE", b"")], {"MESSAGE": ""}),
        ([("MESSAGE", b'say "no" \\ \ttab')], {"MESSAGE": 'say "no" \\ \ttab'}),
        ([("MESSAGE", "größer 服务器 😀".encode())], {"MESSAGE": "größer 服务器 😀"}),
        ([("MESSAGE", b"first\nsecond\n")], {"MESSAGE": "first\nsecond\n"}),
        ([("MESSAGE", b"\n" * 10)], {"MESSAGE": "\n" * 10}),
        ([("MESSAGE", b"\n" * 0x0A0A)], {"MESSAGE": "\n" * 0x0A0A}),
        ([("MESSAGE", b"ends\n\n__CURSOR=forged\n__REALTIME_TIMESTAMP=1\nMESSAGE=forged\n\n")], {"PRIORITY": None}),
        ([("MESSAGE", b"caf\xe9"), ("_PID", b"7")], {"MESSAGE": "caf\ufffd", "_PID": "7"}),
        ([("MESSAGE", b"\xf0\x9f\x98")], {"MESSAGE": "\ufffd"}),
        ([("MESSAGE", b"nul \0 and \x1b[31mred")], {"MESSAGE": "nul \0 and \x1b[31mred"}),
        ([("MESSAGE", b"one"), ("MESSAGE", b"two")], {"MESSAGE": ["one", "two"]}),
        ([("MESSAGE", b"one"), ("_PID", b"1"), ("MESSAGE", b"2\n")], {"MESSAGE": ["one", "2\n"], "_PID": "1"}),
        ([("_UDEV_DEVLINK", b"/dev/a"), ("_UDEV_DEVLINK", b"/dev/b"), ("MESSAGE", b"a")], {"MESSAGE": "a"}),
        ([("COREDUMP", Random(0).randbytes(5000)), ("MESSAGE", b"a")], {"MESSAGE": "a"}),
        ([("__SEQNUM", b"1"), ("__SEQNUM_ID", b"2"), ("MESSAGE", b"a")], {"MESSAGE": "a"}),
    ],
)
def test_an_entry_has_its_fields(fields: Fields, expected: dict[str, Any]) -> None:
    first, last = objects(entry(*fields) + b"\n" + message("last", 1))
    assert {name: first.get(name) for name in expected} == expected
    assert first["__REALTIME_TIMESTAMP"] == str(TIME)
    assert last == {"MESSAGE": "last", "__REALTIME_TIMESTAMP": str(TIME + 1)}
    assert set(first) <= set(NAMES)


def test_the_order_of_fields_and_empty_lines_between_entries_do_not_matter() -> None:
    data = b"\n\nMESSAGE=a\n_BOOT_ID=7\n__REALTIME_TIMESTAMP=5\n\n\n\n" + message("b") + b"\n\n"
    assert messages(data) == ["a", "b"]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (b"", ["a"]),
        (b"__CURSOR=s=1;i=1\n", ["a", {}]),
        (entry(("MESSAGE", b"b"), number=1), ["a", "b"]),
        (entry(("MESSAGE", b"b"), number=1)[:-1], ["a", "b"]),
        (entry(("MESSAGE", b"two\nlines"), number=1)[:-1], ["a", "two\nlines"]),
        (entry(("MESSAGE", b"two\nlines"), number=1)[:-3], ["a", "two\nlin"]),
        (entry(number=1) + in_bytes("MESSAGE", b"short\n", 5000), ["a", "short\n\n"]),
        (entry(("MESSAGE", b"b"), number=1) + b"_SYSTEMD_UN", ["a", "b", "_SYSTEMD_UN"]),
        (entry(("MESSAGE", b"b"), number=1) + b"_CMDLINE\n\x05\0\0", ["a", "b", "_CMDLINE", "\x05\0\0"]),
    ],
)
def test_a_cut_log_gives_what_there_is(end: bytes, expected: list[Any]) -> None:
    *found, last = lines(message("a") + end)
    found = [json.loads(line)["MESSAGE"] if line.startswith("{") else line for line in found]
    found.append(json.loads(last).get("MESSAGE", {}) if last.startswith("{") else last)
    assert found == expected


@pytest.mark.parametrize(
    ("garbage", "passed"),
    [
        (b"-- cursor: none\n", ["-- cursor: none"]),
        (b"2031-03-03 10:00:00 INFO a=b\nlower=case\n\n", ["2031-03-03 10:00:00 INFO a=b", "lower=case", ""]),
        (b"=no name\n\n", ["=no name", ""]),
        (b"NAME\nis text\n", ["NAME", "is text"]),
        (in_bytes("MESSAGE", b"hostile", 2**60), ["MESSAGE", "\0\0\0\0\0\0\0\x10hostile"]),
        (in_bytes("MESSAGE", b"too short", 3), ["MESSAGE", "\3\0\0\0\0\0\0\0too short"]),
        (b"x" * 70 + b"=long name\n\n", ["x" * 70 + "=long name", ""]),
        (b"half a line without an end", ["half a line without an end" + message("b", 2).decode().split("\n")[0]]),
    ],
)
def test_what_is_no_entry_is_passed_on_and_loses_no_other(garbage: bytes, passed: list[str]) -> None:
    found = lines(message("a") + garbage + message("b", 2) + message("c", 3))
    assert [line for line in found if not line.startswith("{")] == passed
    assert [json.loads(line)["MESSAGE"] for line in found if line.startswith("{")] == ["a", "b", "c"]


def test_garbage_inside_of_an_entry_ends_it() -> None:
    broken = entry(("MESSAGE", b"a"), number=0) + b"\xff\xfe garbage\n_PID=7\n\n"
    found = b"".join(as_json_lines([broken + message("b", 1)], LIMIT)).split(b"\n")
    assert json.loads(found[0])["MESSAGE"] == "a"
    assert found[1:4] == [b"\xff\xfe garbage", b"_PID=7", b""]
    assert json.loads(found[4])["MESSAGE"] == "b"


def test_two_entries_without_an_empty_line_between_them_are_two() -> None:
    assert messages(entry(("MESSAGE", b"a")) + message("b", 1)) == ["a", "b"]


@pytest.mark.parametrize("size", [1, 13, 100, 4096])
@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("x" * 5000, b""),
        ("ü😀" * 1000, b""),
        ("two\nlines" * 1000, b""),
        ('"\n' * 400, b""),
        ("x" * 990, field("_COMM", b"y" * 20)),
        ("x" * 600, field("_COMM", b"y" * 600)),
        ("first", b"".join(field("MESSAGE", b"%d" % number) for number in range(3000))),
    ],
)
def test_an_entry_that_is_too_long_is_cut_and_still_one(text: str, more: bytes, size: int) -> None:
    cuts: list[None] = []
    data = entry(("MESSAGE", text.encode())) + more + b"PRIORITY=3\n\n" + message("b", 1)
    found = b"".join(as_json_lines(pieces(data, size), 1000, lambda: cuts.append(None))).splitlines()
    first, last = map(json.loads, found)
    assert (first["PRIORITY"], last["MESSAGE"], len(cuts)) == ("3", "b", 1)
    assert len(found[0]) <= 1000
    assert first["MESSAGE"] == text[: len(first["MESSAGE"])]
    assert len(found[0]) > 990 or first["MESSAGE"] == text


def test_a_value_that_just_fits_is_not_cut() -> None:
    cuts: list[None] = []
    length = len(lines(message("x" * 500))[0])
    for limit, expected in ((length, 0), (length - 1, 1)):
        list(as_json_lines([message("x" * 500)], limit, lambda: cuts.append(None)))
        assert len(cuts) == expected


X = b"x" * 1000


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        (b"MESSAGE=", X * 1000),
        (b"MESSAGE\n" + struct.pack("<Q", 2**29), X * 1000),
        (b"MESSAGE\n" + struct.pack("<Q", 2**29), b"\n" * 2**20),
        (b"MESSAGE\n" + struct.pack("<Q", 2**60), X * 1000),
        (b"", (b"MESSAGE=" + X + b"\n") * 1000),
        (b"", b"".join(b"F%d=" % number + X + b"\n" for number in range(1000))),
        (b"", b"".join(b"F%d=" % number + X + b"\n\n" for number in range(1000))),
        (b"", (b"__CURSOR=" + X + b"\n") * 1000),
        (b"", b"\n" * 2**20),
        (b"garbage ", X * 1000),
    ],
)
def test_hostile_input_takes_little_memory(start: bytes, repeated: bytes) -> None:
    tracemalloc.start()
    try:
        for _ in as_json_lines(chain((entry() + start,), repeat(repeated, 32)), 2**16):
            pass
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


VALUES = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(str.encode),
    st.sampled_from([b"\n", b"\n\n", b"a\n\nb", b"\n" * 10, b"\n__CURSOR=x\n", b"x" * 300, b"=", b"\r\n"]),
)
FIELDS = st.lists(
    st.tuples(st.sampled_from(["MESSAGE", "PRIORITY", "_PID", "_COMM", "OTHER", "_BOOT_ID"]), VALUES), max_size=6
)
GARBAGE = st.sampled_from(
    [b"", b"", b"garbage\n", b"no=field\n\n", b"NAME\n", b"\n", b"\xff", b"F\n\1\0\0\0\0\0\0\0xy\n"]
)


@settings(max_examples=80, deadline=None)
@given(entries=st.lists(FIELDS, max_size=6))
def test_each_entry_comes_back(entries: list[Fields]) -> None:
    data = b"".join(entry(*fields, number=number) + b"\n" for number, fields in enumerate(entries))
    expected = []
    for number, fields in enumerate(entries):
        values: dict[str, list[str]] = {"__REALTIME_TIMESTAMP": [str(TIME + number)]}
        for name, value in fields:
            values.setdefault(name, []).append(value.decode(errors="replace"))
        expected.append({name: some if len(some) > 1 else some[0] for name, some in values.items() if name in NAMES})
    assert (objects(data) if data else []) == expected


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(st.tuples(FIELDS, GARBAGE, st.booleans()), max_size=5),
    limit=st.sampled_from([120, 200, LIMIT]),
    data=st.data(),
)
@example(parts=[([("MESSAGE", b"\n\n")], b"NAME\n", True)] * 2, limit=200, data=None)
def test_lines_do_not_depend_on_chunks(parts: list[tuple[Fields, bytes, bool]], limit: int, data: Any) -> None:
    log = b"".join(
        garbage + entry(*fields, number=number) + b"\n" * has_end
        for number, (fields, garbage, has_end) in enumerate(parts)
    )
    cuts = [] if data is None else sorted(data.draw(st.lists(st.integers(0, len(log)), max_size=8)))
    chunks = [log[start:end] for start, end in zip([0, *cuts], [*cuts, len(log)], strict=True)]
    whole = b"".join(as_json_lines([log], limit))
    assert b"".join(as_json_lines(chunks, limit)) == whole
    assert b"".join(as_json_lines(pieces(log, 1), limit)) == whole


def test_an_entry_is_given_out_as_soon_as_its_empty_line_has_come() -> None:
    came: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (message("a"), entry(("MESSAGE", b"b\n")), b"", b"\n", b"", message("c") + b"__CUR"):
            came.append(chunk)
            yield chunk

    found = [(len(came), chunk[:13]) for chunk in as_json_lines(chunks(), LIMIT)]
    assert found == [
        (1, b'{"MESSAGE":"a'),
        (3, b""),
        (4, b'{"MESSAGE":"b'),
        (5, b""),
        (6, b'{"MESSAGE":"c'),
        (6, b"__CUR"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        message("a"),
        b"\n\n" + message("a"),
        b"__REALTIME_TIMESTAMP=1770102900000000\n",
        b"_SOURCE_REALTIME_TIMESTAMP=5\nMESSAGE=sent by a program of its own\n\n",
        b"__CURSOR=s=1;i=1\n_MACHINE_ID=3c\n_BOOT_ID=77\n__REALTIME_TIMESTAMP=5\n",
        # Cut out of a larger one.
        b"SYSLOG_IDENTIFIER=cron\n_PID=7\n\n" + message("a"),
        in_bytes("MESSAGE", b"two\n\nlines = \0") + b"__REALTIME_TIMESTAMP=5\n",
        (message("a") * 100)[:HEAD],
    ],
)
def test_an_export_is_one(head: bytes) -> None:
    assert is_export(head)
    assert not is_undecided(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n\n",
        b"__",
        b"__CURSOR=s=1;i=1\n",
        b"__REALTIME_TIMESTAMP=now\n",
        b"PATH=/usr/bin\nHOME=/root\nTERM=dumb\n",
        b"_=/usr/bin/env\nSHLVL=1\n",
        b"__CFBundleIdentifier=com.apple.Terminal\nPATH=/usr/bin\n",
        b"level=info ts=5 __REALTIME_TIMESTAMP=5\n",
        b"2031-03-03 10:00:00 INFO dump of an entry\n" + message("a"),
        b'{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1770102900000000","MESSAGE":"a"}\n',
        b"MESSAGE\n" + b"\xff" * 8 + b"\n__REALTIME_TIMESTAMP=5\n",
        b"MESSAGE\n\1\0\0\0\0\0\0\0no end\n__REALTIME_TIMESTAMP=5\n",
        b"    __CURSOR=s=1\n    __REALTIME_TIMESTAMP=5\n",
        message("a").decode().encode("utf-16-le"),
        b"X" * 65 + b"=1\n__REALTIME_TIMESTAMP=5\n",
    ],
)
def test_no_other_log_is_taken_for_an_export(head: bytes) -> None:
    assert not is_export(head)


@pytest.mark.parametrize(
    "first", [b"OK\n", b"E", b"TEMPERATURE=31\n", b"2031", b"_x", b"__init__.py:3: warning\n", b"\0_"]
)
def test_a_live_line_that_begins_no_export_does_not_wait(first: bytes) -> None:
    assert not is_undecided(first)


def test_only_the_first_bytes_are_waited_for() -> None:
    assert is_undecided(b"__CURSOR=" + b"x" * 1000)
    assert not is_undecided(b"__CURSOR=" + b"x" * HEAD)


def sample_log() -> bytes:
    texts = ["started", "two\nlines = \0", "größer", "connection 7 lost", "\n" * 10, "stopped"]
    return b"".join(
        entry(
            ("PRIORITY", b"3"),
            ("SYSLOG_IDENTIFIER", b"shop"),
            ("_PID", b"812"),
            ("_HOSTNAME", b"node3"),
            ("MESSAGE", text.encode()),
            number=number,
        )
        + b"\n"
        for number, text in enumerate(texts)
    )


SAMPLE = ["started", "two lines =", "größer", "connection 7 lost", "", "stopped"]


@pytest.mark.parametrize("name", ["auto", "journald"])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_file_is_read(compress: Any, name: str, tmp_path: Path, parse: ParseParams, caplog: Any) -> None:
    path = tmp_path / "system.export"
    path.write_bytes(compress(sample_log()))
    with caplog.at_level(logging.INFO, logger="rationanomaly.parse.source"):
        found, counts, rejected = read(path, parse, name)
    assert found["message"].str.strip_chars().to_list() == SAMPLE
    assert found.row(0, named=True) | {"message": "started"} == found.row(0, named=True)
    first = found.row(0, named=True)
    assert (first["time"], first["node"], first["level"]) == (READ, "node3", "ERROR")
    assert (first["logger"], first["thread"], first["line"]) == ("shop", "812", 1)
    assert (counts.lines, counts.records, counts.rejects, counts.nul_lines, rejected) == (6, 6, 0, 0, [])
    assert "is an exported journal" in caplog.text


def test_it_reads_as_the_json_of_the_same_journal(tmp_path: Path, parse: ParseParams) -> None:
    (tmp_path / "a.export").write_bytes(sample_log())
    rows = [json.loads(line) for line in lines(sample_log())]
    # journalctl writes what is not printable as numbers.
    rows[1]["MESSAGE"] = list(rows[1]["MESSAGE"].encode())
    (tmp_path / "a.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read(tmp_path / "a.export", parse)[0].equals(read(tmp_path / "a.json", parse)[0])


def test_what_is_no_entry_is_rejected_and_counted(tmp_path: Path, parse: ParseParams) -> None:
    path = tmp_path / "system.export"
    path.write_bytes(message("a") + b"-- two lines\n-- of no entry\n" + message("b") + message("c")[:-30])
    found, counts, rejected = read(path, parse)
    assert found["message"].to_list() == ["a", "b"]
    assert rejected[:2] == ["-- two lines", "-- of no entry"]
    assert (counts.rejects, counts.joined_lines) == (len(rejected), 0)
    assert counts.lines == counts.records + counts.rejects + counts.empty_lines


def test_an_entry_that_is_cut_is_counted(tmp_path: Path, parse: ParseParams) -> None:
    path = tmp_path / "system.export"
    path.write_bytes(message("x" * 5000) + message("b\n" * 5000) + message("c"))
    found, counts, _ = read(path, parse.model_copy(update={"max_line_bytes": 1000}))
    assert found["message"].str.slice(0, 3).to_list() == ["xxx", "b b", "c"]
    assert (counts.cut_lines, counts.rejects) == (2, 0)


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, parse: ParseParams) -> None:
    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(7)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(sample_log())))
    found, counts, _ = read(STDIN, parse)
    assert found["message"].str.strip_chars().to_list() == SAMPLE
    assert counts.records == 6


def test_a_live_entry_does_not_wait_for_the_next_one(tmp_path: Path, parse: ParseParams) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    may_continue, waited = threading.Event(), list[bool]()

    def write() -> None:
        with path.open("wb") as pipe:
            pipe.write(message("a"))
            pipe.flush()
            waited.append(may_continue.wait(120))
            pipe.write(message("b\n", 1))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        batches = iter(LogReader(path, "journald", parse.model_copy(update={"hold_seconds": 0.1})))
        assert next(batches)["message"].to_list() == ["a"]
        may_continue.set()
        assert [text for batch in batches for text in batch["message"]] == ["b"]
    finally:
        may_continue.set()
        writer.join()
    assert waited == [True], "it came while the next one was still to be written"


def test_it_is_read_from_its_beginning_only(tmp_path: Path, parse: ParseParams) -> None:
    path = tmp_path / "system.export"
    path.write_bytes(b"".join(message(f"job {number} done", number) for number in range(500)))
    assert is_whole(path)
    form = find_format(path, "auto", parse)
    assert form.name == "journald"
    shards = cut(path, 3, form, parse)
    assert [piece for shard in shards for piece in shard] == [Piece(path, 0, path.stat().st_size)]


def test_rotated_exports_are_read_oldest_first(tmp_path: Path, parse: ParseParams) -> None:
    for name, number in (("a.export", 20), ("b.export", 10), ("c.export", 30)):
        (tmp_path / name).write_bytes(message(name, number))
    ordered = pieces_in_time_order([Piece(path) for path in sorted(tmp_path.iterdir())], None, parse)
    assert [piece.file.name for piece in ordered] == ["b.export", "a.export", "c.export"]
    assert read(tmp_path, parse)[0]["message"].to_list() == ["b.export", "a.export", "c.export"]


def test_an_export_beside_other_files_is_read_as_one(tmp_path: Path, parse: ParseParams) -> None:
    (tmp_path / "a.json").write_text('{"__REALTIME_TIMESTAMP":"5","MESSAGE":"json"}\n')
    (tmp_path / "b.export").write_bytes(message("export"))
    assert read(tmp_path, parse)[0]["message"].to_list() == ["json", "export"]


def test_a_preview_shows_its_entries(tmp_path: Path, parse: ParseParams) -> None:
    path = tmp_path / "system.export"
    path.write_bytes(sample_log())
    seen = preview(path, "auto", parse)
    assert (seen.format, seen.records, seen.rejects) == ("journald", 6, 0)
