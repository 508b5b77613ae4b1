"""Notations of times, hosts and loggers that few programs use, each in a log of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.parse.reading import LogReader

TEN = datetime(2024, 5, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "form", "expected"),
    [
        (
            ["[01-May-2024 12:00:00 Europe/Berlin] PHP Notice:  a b", "[01-May-2024 06:00:00 America/New_York] a b"],
            "timestamped",
            {"time": [TEN, TEN], "message": ["PHP Notice:  a b", "a b"]},
        ),
        (["[01-May-2024 12:00:00 Mars/Olympus] a b"], "timestamped", {"time": [None], "message": ["a b"]}),
        (
            ["Wed May  1 10:00:00 2024 Server started", "Wed May  1 10:00:00 2024 Connection from x"],
            "timestamped",
            {"time": [TEN, TEN], "node": [None, None], "message": ["Server started", "Connection from x"]},
        ),
        (
            ["2024-05-01 10:00:00 AM ERROR a.b.C - x", "2024-05-01 10:00:00 PM ERROR a.b.C - x"],
            "application",
            {"time": [TEN, TEN.replace(hour=22)], "level": ["ERROR"] * 2, "message": ["x", "x"]},
        ),
        (["2024-05-01 10:00:00|INFO|a b", "2024-05-01 10:00:00,INFO,a b"], "application", {"message": ["a b"] * 2}),
        (
            ["[2024-05-01 10:00:00] [INFO] [main] [a.b.C] done"],
            "application",
            {"thread": ["main"], "logger": ["a.b.C"], "message": ["done"]},
        ),
        (
            ["01-May-2024 10:00:00.000 INFO [main] org.apache.a.VersionListener.log Server version"],
            "application",
            {"logger": ["org.apache.a.VersionListener.log"], "message": ["Server version"]},
        ),
        (
            ["2024-05-01 10:00:00 INFO [main] jenkins.a.Setup#start: up and running"],
            "application",
            {"logger": ["jenkins.a.Setup"], "message": ["up and running"]},
        ),
        (
            ["[2024-05-01T10:00:00.000000+00:00] request.INFO: Matched route [] []"],
            "application",
            {"level": ["INFO"], "logger": ["request"], "message": ["Matched route [] []"]},
        ),
        (
            ["2024-05-01T10:00:00.000Z pid=1 tid=abc class=HardJob jid=12ab INFO: start"],
            "application",
            {"time": [TEN], "level": ["INFO"], "message": ["start"]},
        ),
        (
            ["[2024-05-01T10:00:00.000+0000][1.123s][info][gc,heap   ] GC(1) Eden regions"],
            "application",
            {"level": ["INFO"], "logger": ["gc,heap"], "thread": [None], "message": ["GC(1) Eden regions"]},
        ),
        (
            [
                "May  1 10:00:00 h kernel: [    1.000000] eth0: link up",
                "May  1 10:00:00 h kernel: [10001.000000][   T12] eth0: link up",
            ],
            "syslog",
            {"node": ["h", "h"], "message": ["eth0: link up"] * 2},
        ),
        (
            ["\ufeff2024-05-01T10:00:00Z INFO [main] a.b.C - x", "\ufeff2024-05-01T10:00:00Z INFO [main] a.b.C - x"],
            "application",
            {"time": [TEN, TEN], "message": ["x", "x"]},
        ),
        (
            ["--------- beginning of main", "05-01 10:00:00.000  12  34 I app: x"],
            "logcat",
            {"message": ["x"], "logger": ["app"]},
        ),
        (
            ['{"__REALTIME_TIMESTAMP":"60000000","_HOSTNAME":"h","MESSAGE":"x","PRIORITY":"6","_PID":"1"}'],
            "journald",
            {"time": [datetime(1970, 1, 1, 0, 1, tzinfo=UTC)]},
        ),
    ],
)
def test_what_a_line_says(
    params: Params, tmp_path: Path, lines: list[str], form: str, expected: dict[str, list[object]]
) -> None:
    log = tmp_path / "a.log"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    reader = LogReader(log, "auto", params.parse)
    found = [row for batch in reader for row in batch.iter_rows(named=True)]
    assert reader.format.name == form
    assert {name: [row[name] for row in found] for name in expected} == expected
    assert reader.counts.rejects == 0


def test_the_first_word_of_a_message_is_no_host(params: Params, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("May  1 10:00:00 Starting up\nMay  1 10:00:01 Listening on 5\nMay  1 10:00:02 Stopping\n")
    with pytest.raises(InputError, match="fits no known log format surely enough"):
        list(LogReader(log, "auto", params.parse))
