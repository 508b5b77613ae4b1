"""Shards of a log that several machines read are, put together, what one machine makes of the whole."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.artifacts import sha256
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.parse import cutting, formats, joining, source
from rationanomaly.parse.cutting import cut
from rationanomaly.parse.merging import merge
from rationanomaly.parse.shards import open_shard, read_shard
from rationanomaly.parse.source import Piece
from rationanomaly.raw_inputs import STDIN

LINES = st.sampled_from(
    [
        "- 2031-03-03T00:00:01.000Z n1 power INFO supply 1234 is fine",
        "PSU 2031-03-03T00:00:02.000Z n2 power ERROR supply 5678 lost its input",
        "- 2031-03-03T00:00:03.000Z n1 auth INFO session opened for ada",
        "- 2031-03-03T00:00:04.000Z n1 auth INFO session opened for bob",
        "- 2031-03-03T00:00:05.000Z n3 auth INFO session opened for eve",
        "- 2031-03-03T00:00:06.000Z n3 auth INFO session opened for joe",
        "what is this",
        "  a line that continues",
        "panic: boom",
        "",
    ]
)
FILES = st.lists(st.lists(LINES, min_size=1, max_size=12), min_size=1, max_size=5)


@settings(max_examples=10, deadline=None)
@given(FILES, st.randoms(use_true_random=False), st.sampled_from(["lines", "time", "key"]))
def test_the_order_of_shards_does_not_matter(
    params: Params, tmp_path_factory: pytest.TempPathFactory, files: list[list[str]], draw: object, kind: str
) -> None:
    sessions = params.parse.sessions.model_copy(update={"kind": kind, "lines": 3, "remainder": "keep"})
    section = params.parse.model_copy(update={"sessions": sessions, "max_rejected_share": 1.0})
    home = tmp_path_factory.mktemp("shards")
    begin = "- 2031-03-03T00:00:00.000Z n1 power INFO start"
    for number, rows in enumerate(files):
        (home / f"{number}.log").write_text("\n".join([begin, *rows]), encoding="utf-8")
    order = list(range(len(files)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    for number in order:
        read_shard(home / f"{number}.log", "simulated", section, home / f"shard{number}", number)
    whole = read_shard(home / "*.log", "simulated", section, home / "whole")
    for name, shards in (("one", [whole]), ("many", [open_shard(home / f"shard{number}") for number in order])):
        (home / name).mkdir()
        metrics = merge(shards, section, home / name)
        assert metrics["lines"] == sum(len(rows) + 1 for rows in files) - sum(not rows[-1] for rows in files)
    assert sha256(home / "one") == sha256(home / "many")


#: Format → lines that make cutting hard: records of several lines, pieces, lines that fit nothing.
HARD = {
    "simulated": [
        "- 2031-03-03T00:00:01.000Z n1 power INFO supply 1234 is fine",
        "PSU 2031-03-03T00:00:02.000Z n2 power ERROR supply 5678 lost its input",
        "  at some.Place(line:7)",
        "Caused by: nobody",
        "junk",
        "",
        "\ufeff- 2031-03-03T00:00:03.000Z n1 power INFO supply marked",
    ],
    "cri": [
        "2031-03-03T00:00:01.000000001Z stdout F a whole line",
        "2031-03-03T00:00:02.000000001Z stdout P a piece, ",
        "2031-03-03T00:00:02.000000002Z stderr F a whole line",
        "2031-03-03T00:00:02.000000003Z stderr P a piece, ",
        "2031-03-03T00:00:02.000000003Z stdout F \tat a.B.c(B.java:1)",
        "2031-03-03T00:00:02.000000003Z stderr F a.b.Missing: 7",
        "junk",
    ],
    "cri+application": [
        "2031-03-03T00:00:01.000000001Z stdout F 2031-03-03 00:00:01,000 ERROR call failed",
        "2031-03-03T00:00:01.000000001Z stderr F 2031-03-03 00:00:01,000 ERROR call failed",
        "2031-03-03T00:00:01.000000001Z stderr P 2031-03-03 00:00:01,0",
        "2031-03-03T00:00:01.000000001Z stderr F text",
        "2031-03-03T00:00:01.000000001Z stdout F text",
        "2031-03-03T00:00:01.000000001Z stdout F panic: boom",
        "junk",
    ],
    "application": [
        "2031-03-03 00:00:01,000 ERROR call failed",
        "text",
        "panic: boom",
        "  at once",
        "Mar 03, 2031 1:00:00 AM shop.Cart take",
        "SEVERE: no cart",
    ],
    "plain": ["one", "  two", "", "\ufeffthree"],
}


@settings(max_examples=50, deadline=None)
@given(
    st.data(), st.sampled_from(sorted(HARD)), st.integers(1, 5), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans()
)
def test_shards_cut_anywhere_are_put_together_what_the_whole_is(
    params: Params,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    form: str,
    count: int,
    end: str,
    join: bool,
) -> None:
    files = data.draw(st.lists(st.lists(st.sampled_from(HARD[form]), max_size=25), min_size=1, max_size=3))
    section = params.parse.model_copy(update={"max_rejected_share": 1.0, "multiline": join})
    home = tmp_path_factory.mktemp("cut")
    for number, rows in enumerate(files):
        with (home / f"{number}.log").open("w", encoding="utf-8", newline="") as file:
            file.write(end.join([HARD[form][0], *rows]))
    log, reader = home / "*.log", formats.find(form, section)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "_MAX_SILENCE", data.draw(st.sampled_from([1, 3, 1000])))
        patch.setattr(cutting, "_WINDOW", data.draw(st.sampled_from([300, 1000, 2**22])))
        whole = read_shard(log, form, section, home / "whole")
        patch.setattr(source, "CHUNK", data.draw(st.integers(20, 200)))
        pieces = cut(log, count, reader, section)
        shards = [read_shard(log, form, section, home / f"{n}", n, pieces[n]) for n in range(count)]
    for name, made in (("one", [whole]), ("many", shards)):
        (home / name).mkdir()
        merge(made, section, home / name)
    assert sha256(home / "one") == sha256(home / "many")


def test_before_the_first_line_that_is_read_any_stream_may_be_open(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that begins with such lines doesn't show that the stream of the line behind them was silent."""
    trace = "2031-03-03T00:00:02.000000003Z stdout F \tat a.B.c(B.java:1)"
    (tmp_path / "a.log").write_text("\n".join([HARD["cri"][0], "junk", trace]), encoding="utf-8")
    monkeypatch.setattr(joining, "_MAX_SILENCE", 1)
    pieces = cut(tmp_path / "a.log", 3, formats.find("cri", params.parse), params.parse)
    assert [(piece.start, piece.end) for part in pieces for piece in part] == [(0, (tmp_path / "a.log").stat().st_size)]


def test_a_log_is_cut_in_shards_of_about_equal_size(params: Params, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("a line of a log\n" * 1000, encoding="utf-8")
    (tmp_path / "b.log").write_text("a line of a log\n" * 2000, encoding="utf-8")
    (tmp_path / "c.log.gz").write_bytes(gzip.compress(b"a line of a log\n" * 10, mtime=0))
    shards = cut(tmp_path / "*.log*", 6, formats.find("plain"), params.parse)
    sizes = [sum(piece.size for piece in shard) for shard in shards]
    assert max(sizes) - min(sizes) < 100
    assert sum(sizes) == sum(file.stat().st_size for file in tmp_path.iterdir())


def container_log(lines: int, form: str) -> str:
    """Two streams, in one of which a line in ten is a trace's."""
    message = "2031-03-03 00:00:00,000 INFO served" if form == "cri+application" else "served"
    return "".join(
        f"2031-03-03T00:00:00.5Z {'stderr' if number % 7 == 0 else 'stdout'} F "
        f"{'  at once' if number % 10 == 9 else message} {number}\n"
        for number in range(lines)
    )


@pytest.mark.parametrize("form", ["cri", "cri+application"])
def test_a_log_of_a_container_is_cut_where_no_stream_is_open(params: Params, tmp_path: Path, form: str) -> None:
    text = container_log(10_000, form)
    (tmp_path / "a.log").write_text(text, encoding="utf-8")
    shards = cut(tmp_path / "a.log", 4, formats.find(form), params.parse)
    sizes = [sum(piece.size for piece in shard) for shard in shards]
    assert max(sizes) - min(sizes) < 5000
    for shard in shards[1:]:
        first, *others = text.encode()[shard[0].start :].decode().splitlines()
        other = next(line for line in others if line.split()[1] != first.split()[1])
        assert "at once" not in first and "at once" not in other


def test_what_is_inside_a_container_is_part_of_the_plan(params: Params, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(container_log(3000, "cri+application"), encoding="utf-8")
    assert cutting.find_format(tmp_path / "a.log", "auto", params.parse).name == "cri+application"
    shard = read_shard(tmp_path / "a.log", "auto", params.parse, tmp_path / "shard")
    assert shard.format == "cri+application"
    (tmp_path / "merged").mkdir()
    assert merge([shard], params.parse, tmp_path / "merged")["lines"] == 3000


def test_a_log_without_a_place_to_cut_is_one_shard(params: Params, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("x" * 100, encoding="utf-8")
    shards = cut(tmp_path / "a.log", 3, formats.find("plain"), params.parse)
    assert shards == [[Piece(tmp_path / "a.log", 0, 100)], [], []]


def test_a_pipe_is_not_cut(params: Params, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for log in (tmp_path / "pipe", STDIN):
        with pytest.raises(InputError, match="is a pipe, which can't be read in shards"):
            cut(log, 2, formats.find("plain"), params.parse)


def test_shards_of_different_formats_are_refused(params: Params, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("Mar  3 22:14:15 gate cron: tick\n", encoding="utf-8")
    (tmp_path / "b.log").write_text("2031-03-03T00:00:02Z gate cron: tick\n", encoding="utf-8")
    shards = [
        read_shard(tmp_path / f"{name}.log", "auto", params.parse, tmp_path / name, number)
        for number, name in enumerate("ab")
    ]
    with pytest.raises(InputError, match=r"b\.log: has the format rsyslog, but .*a\.log has syslog"):
        merge(shards, params.parse, tmp_path)


def test_a_syslog_in_shards_continues_into_the_next_year(params: Params, tmp_path: Path) -> None:
    for number, day in enumerate(["Dec 31", "Jan  1"]):
        (tmp_path / f"{number}.log").write_text(f"{day} 10:00:00 gate cron: tick\n", encoding="utf-8")
    shards = [
        read_shard(tmp_path / f"{number}.log", "syslog", params.parse, tmp_path / f"shard{number}", number)
        for number in range(2)
    ]
    assert merge(shards, params.parse, tmp_path)["clock_jumps"] == 0
