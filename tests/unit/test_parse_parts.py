"""Parts of a log that several machines read are, put together, what one machine makes of the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.artifacts import sha256
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.parse.merging import merge
from rationanomaly.parse.parts import open_part, read_part

LINES = st.sampled_from(
    [
        "- 2031-03-03T00:00:01.000Z n1 power INFO supply 1234 is fine",
        "PSU 2031-03-03T00:00:02.000Z n2 power ERROR supply 5678 lost its input",
        "- 2031-03-03T00:00:03.000Z n1 auth INFO session opened for ada",
        "- 2031-03-03T00:00:04.000Z n1 auth INFO session opened for bob",
        "- 2031-03-03T00:00:05.000Z n3 auth INFO session opened for eve",
        "- 2031-03-03T00:00:06.000Z n3 auth INFO session opened for joe",
        "what is this",
        "  a line that goes on",
        "",
    ]
)
FILES = st.lists(st.lists(LINES, min_size=1, max_size=12), min_size=1, max_size=5)


@settings(max_examples=10, deadline=None)
@given(FILES, st.randoms(use_true_random=False), st.sampled_from(["lines", "time", "key"]))
def test_the_order_of_parts_does_not_matter(
    params: Params, tmp_path_factory: pytest.TempPathFactory, files: list[list[str]], draw: object, kind: str
) -> None:
    sessions = params.parse.sessions.model_copy(update={"kind": kind, "lines": 3, "remainder": "keep"})
    section = params.parse.model_copy(update={"sessions": sessions, "max_rejected_share": 1.0})
    home = tmp_path_factory.mktemp("parts")
    begin = "- 2031-03-03T00:00:00.000Z n1 power INFO start"
    for number, rows in enumerate(files):
        (home / f"{number}.log").write_text("\n".join([begin, *rows]), encoding="utf-8")
    order = list(range(len(files)))
    draw.shuffle(order)  # type: ignore[attr-defined]
    for number in order:
        read_part(home / f"{number}.log", "simulated", section, home / f"part{number}", number)
    whole = read_part(home / "*.log", "simulated", section, home / "whole")
    for name, parts in (("one", [whole]), ("many", [open_part(home / f"part{number}") for number in order])):
        (home / name).mkdir()
        metrics = merge(parts, section, home / name)
        assert metrics["lines"] == sum(len(rows) + 1 for rows in files) - sum(not rows[-1] for rows in files)
    assert sha256(home / "one") == sha256(home / "many")


def test_parts_of_different_formats_are_refused(params: Params, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("Mar  3 22:14:15 gate cron: tick\n", encoding="utf-8")
    (tmp_path / "b.log").write_text("2031-03-03T00:00:02Z gate cron: tick\n", encoding="utf-8")
    parts = [
        read_part(tmp_path / f"{name}.log", "auto", params.parse, tmp_path / name, number)
        for number, name in enumerate("ab")
    ]
    with pytest.raises(InputError, match=r"b\.log: has the format rsyslog, but .*a\.log has syslog"):
        merge(parts, params.parse, tmp_path)


def test_a_syslog_in_parts_goes_on_into_the_next_year(params: Params, tmp_path: Path) -> None:
    for number, day in enumerate(["Dec 31", "Jan  1"]):
        (tmp_path / f"{number}.log").write_text(f"{day} 10:00:00 gate cron: tick\n", encoding="utf-8")
    parts = [
        read_part(tmp_path / f"{number}.log", "syslog", params.parse, tmp_path / f"part{number}", number)
        for number in range(2)
    ]
    assert merge(parts, params.parse, tmp_path)["clock_jumps"] == 0
