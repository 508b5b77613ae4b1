"""Syslog in its three kinds: headers of all makes, hosts, tags, levels, and what is none of it."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.parse import formats
from rationanomaly.parse.formats.fields import NO_YEAR
from rationanomaly.parse.formats.syslog import without_tag

SAMPLES = sorted((Path(__file__).parents[1] / "log_samples").glob("*syslog*.log"))
FIELDS = ("node", "level", "logger", "thread", "message")


def read(name: str, *lines: str) -> list[dict[str, Any]]:
    return formats.find(name).read(pl.DataFrame({"raw": lines})).rows(named=True)


def fields(name: str, line: str) -> tuple[Any, ...]:
    row = read(name, line)[0]
    return tuple(row[field] for field in FIELDS)


def marked(name: str, line: str) -> bool:
    marks = formats.find(name).marks
    assert marks is not None
    return bool(marks(pl.DataFrame({"raw": [line]}))[0])


@pytest.mark.parametrize(
    ("remainder", "expected"),
    [
        ("gate sshd[12]: login failed", ("gate", None, "sshd", "12", "login failed")),
        ("gate sshd(pam_unix)[12]: check pass; unknown", ("gate", None, "sshd(pam_unix)", "12", "check pass; unknown")),
        ("gate kernel: [ 12.5] eth0: down", ("gate", None, "kernel", None, "[ 12.5] eth0: down")),
        ("gate kernel:  BIOS-e820: usable ", ("gate", None, "kernel", None, "BIOS-e820: usable")),
        ("gate (systemd)[7]: session opened", ("gate", None, "(systemd)", "7", "session opened")),
        ("gate postfix/smtpd[7]: connect", ("gate", None, "postfix/smtpd", "7", "connect")),
        ("gate su[7]:no blank", ("gate", None, "su", "7", "no blank")),
        ("gate audit(1131.234:0): initialized", ("gate", None, "audit(1131.234:0)", None, "initialized")),
        ("gate syslogd 1.4.1: restart.", ("gate", None, "syslogd", None, "restart.")),
        ("gate  -- root[24]: ROOT LOGIN", ("gate", None, "root", "24", "ROOT LOGIN")),
        ("gate from 10.0.0.1: timeout", ("gate", None, None, None, "from 10.0.0.1: timeout")),
        ("gate last message repeated 2 times", ("gate", None, None, None, "last message repeated 2 times")),
        ("gate a::b is no tag", ("gate", None, None, None, "a::b is no tag")),
        ('gate level=info msg="x: y"', ("gate", None, None, None, 'level=info msg="x: y"')),
        ("gate cron:", ("gate", None, "cron", None, "")),
        ("2001:db8::7 sshd[1]: hi", ("2001:db8::7", None, "sshd", "1", "hi")),
        ("U7PG2,f09fc2,v4.3.28 mcad[1]: hi", ("U7PG2,f09fc2,v4.3.28", None, "mcad", "1", "hi")),
        # No host.
        ("kernel: usb 1-1: gone", (None, None, "kernel", None, "usb 1-1: gone")),
        ("crond[8]: started", (None, None, "crond", "8", "started")),
        ("rebooted", (None, None, None, None, "rebooted")),
        ("--- last message repeated 1 time ---", (None, None, None, None, "--- last message repeated 1 time ---")),
        ("[INFO] http: up", (None, None, None, None, "[INFO] http: up")),
        ('"a b" http: up', (None, None, None, None, '"a b" http: up')),
        ("ERROR disk failed", (None, "ERROR", None, None, "ERROR disk failed")),
        ("gate Warning: disk is full", ("gate", "WARNING", None, None, "Warning: disk is full")),
        # macOS.
        ("mac Photo Viewer[14]: no", ("mac", None, "Photo Viewer", "14", "no")),
        ("mac com.a.launchd[1] (com.a.look[22]): Endpoint", ("mac", None, "com.a.launchd", "1", "Endpoint")),
        ("mac login[2] <Notice>: DEAD_PROCESS: 2", ("mac", "NOTICE", "login", "2", "DEAD_PROCESS: 2")),
        ("mac bird[2] (com.a.bird) <Error>: no", ("mac", "ERROR", "bird", "2", "no")),
        # Facility and severity.
        ("nas daemon.err smbd[3]: no share", ("nas", "ERROR", "smbd", "3", "no share")),
        ("daemon.warn dnsmasq[1]: late", (None, "WARNING", "dnsmasq", "1", "late")),
        # Cisco behind a relay.
        ("10.0.0.1 %SYS-5-CONFIG_I: Configured", ("10.0.0.1", "NOTICE", "%SYS-5-CONFIG_I", None, "Configured")),
        ("r1 45: *Mar  1 18:46:11.9 CET: %LINK-3-UPDOWN: down", ("r1", "ERROR", "%LINK-3-UPDOWN", None, "down")),
        ("fw : %ASA-session-6-302013: Built", ("fw", "INFO", "%ASA-session-6-302013", None, "Built")),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "header"), [("syslog", "Mar  3 10:00:00 "), ("rsyslog", "2031-03-03T10:00:00.5+01:00 ")]
)
def test_hosts_tags_and_messages(name: str, header: str, remainder: str, expected: tuple[Any, ...]) -> None:
    assert fields(name, header + remainder) == expected


@pytest.mark.parametrize(
    ("header", "time", "node"),
    [
        ("Mar  3 10:00:00 gate", datetime(NO_YEAR, 3, 3, 10, tzinfo=UTC), "gate"),
        ("Mar 03 10:00:00 gate", datetime(NO_YEAR, 3, 3, 10, tzinfo=UTC), "gate"),
        ("Feb 29 10:00:00 gate", datetime(NO_YEAR, 2, 29, 10, tzinfo=UTC), "gate"),
        ("Mar  3 10:00:00.123 gate", datetime(NO_YEAR, 3, 3, 10, 0, 0, 123000, UTC), "gate"),
        ("Mar  3 10:00:00,5 gate", datetime(NO_YEAR, 3, 3, 10, 0, 0, 500000, UTC), "gate"),
        ("Mar  3 10:00:00 UTC gate", datetime(NO_YEAR, 3, 3, 10, tzinfo=UTC), "gate"),
        ("Mar  3 10:00:00 CET gate", datetime(NO_YEAR, 3, 3, 9, tzinfo=UTC), "gate"),
        ("Mar  3 10:00:00+02:00 gate", datetime(NO_YEAR, 3, 3, 8, tzinfo=UTC), "gate"),
        ("Mar  3 10:00:00 -0330 gate", datetime(NO_YEAR, 3, 3, 13, 30, tzinfo=UTC), "gate"),
        ("Mar  3 10:00:00 NAS", datetime(NO_YEAR, 3, 3, 10, tzinfo=UTC), "NAS"),
        ("Mar  3 2031 10:00:00 gate", datetime(2031, 3, 3, 10, tzinfo=UTC), "gate"),
        ("2031 Mar  3 10:00:00.5 gate", datetime(2031, 3, 3, 10, 0, 0, 500000, UTC), "gate"),
        ("Mar  3 10:00:00 2031 gate", datetime(2031, 3, 3, 10, tzinfo=UTC), "gate"),
        ("Mon Mar  3 10:00:00 2031 gate", datetime(2031, 3, 3, 10, tzinfo=UTC), "gate"),
        ("Mar  3 2031 10:00:00 CET:", datetime(2031, 3, 3, 9, tzinfo=UTC), None),
        ("*Mar  3 10:00:00.007:", datetime(NO_YEAR, 3, 3, 10, 0, 0, 7000, UTC), None),
        ("000022: .Mar  3 10:00:00 UTC:", datetime(NO_YEAR, 3, 3, 10, tzinfo=UTC), None),
        ("29: edge1: Mar  3 10:00:00:", datetime(NO_YEAR, 3, 3, 10, tzinfo=UTC), "edge1"),
        ("Mar 45 10:00:00 gate", None, "gate"),
    ],
)
def test_headers_of_rfc_3164_and_its_kin(header: str, time: datetime | None, node: str | None) -> None:
    for line in (f"{header} %SYS-4-LOW: text", f"<12>{header} %SYS-4-LOW: text"):
        assert read("syslog", line)[0]["time"] == time
        assert fields("syslog", line) == (node, "WARNING", "%SYS-4-LOW", None, "text")


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2031-03-03T10:00:00Z", datetime(2031, 3, 3, 10, tzinfo=UTC)),
        ("2031-03-03T10:00:00.123456+05:30", datetime(2031, 3, 3, 4, 30, 0, 123456, UTC)),
        ("2031-03-03T10:00:00.123456789-0330", datetime(2031, 3, 3, 13, 30, 0, 123456, UTC)),
        ("2031-03-03T10:00:00+02", datetime(2031, 3, 3, 8, tzinfo=UTC)),
        ("2031-03-03 10:00:00 +0200", datetime(2031, 3, 3, 8, tzinfo=UTC)),
        ("2031-03-03 10:00:00,5 UTC", datetime(2031, 3, 3, 10, 0, 0, 500000, UTC)),
        ("2031-03-03T10:00:00", datetime(2031, 3, 3, 10, tzinfo=UTC)),
        ("2031-03-03t10:00:00z", datetime(2031, 3, 3, 10, tzinfo=UTC)),
    ],
)
def test_iso_headers(time: str, expected: datetime) -> None:
    row = read("rsyslog", f"<11>{time} gate CRON[7]: job failed")[0]
    assert (row["time"], row["node"], row["level"]) == (expected, "gate", "ERROR")
    assert (row["logger"], row["thread"], row["message"]) == ("CRON", "7", "job failed")


@pytest.mark.parametrize(
    ("priority", "level"),
    [
        *(("0", "EMERGENCY"), ("33", "ALERT"), ("34", "CRITICAL"), ("3", "ERROR"), ("12", "WARNING")),
        *(("165", "NOTICE"), ("14", "INFO"), ("191", "DEBUG"), ("192", None), ("999", None)),
    ],
)
def test_the_level_is_the_severity_of_the_priority(priority: str, level: str | None) -> None:
    for name, line in (
        ("syslog", f"<{priority}>Mar  3 10:00:00 gate a[1]: x"),
        ("rsyslog", f"<{priority}>2031-03-03T10:00:00Z gate a[1]: x"),
        ("syslog-5424", f"<{priority}>1 2031-03-03T10:00:00Z gate a 1 - - x"),
    ):
        assert fields(name, line) == ("gate", level, "a", "1", "x")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<14>Switch 74c,SW-1.8: NETDEV: done", (None, "INFO", None, None, "Switch 74c,SW-1.8: NETDEV: done")),
        ("<11>sshd[7]: no time", (None, "ERROR", "sshd", "7", "no time")),
        ("<11>the device started: fine", (None, "ERROR", None, None, "the device started: fine")),
        ("<189>29: %SYS-5-RESTART: System restarted", (None, "NOTICE", "%SYS-5-RESTART", None, "System restarted")),
    ],
)  # fmt: skip
def test_a_line_with_a_priority_alone_is_a_record_without_time(line: str, expected: tuple[Any, ...]) -> None:
    assert read("syslog", line)[0]["time"] is None
    assert fields("syslog", line) == expected
    assert not marked("syslog", line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<14>1 - - - - - -", (None, "INFO", None, None, "")),
        ("<14>1 - h a 1 - - x y", ("h", "INFO", "a", "1", "x y")),
        ('<11>1 - h a - ID4 [a@1 b="\\"]" c="\\\\"][d@1] x', ("h", "ERROR", "a", None, "x")),
        ("<14>1 - h a 1 - [a@1]", ("h", "INFO", "a", "1", "")),
        ("<14>1 - h a 1 - - \ufefftext", ("h", "INFO", "a", "1", "text")),
        ("61 <40>1 - h app web.3 - State changed", ("h", "EMERGENCY", "app", "web.3", "State changed")),
        ("<14>1 noon h a 1 - - x", ("h", "INFO", "a", "1", "x")),
    ],
)
def test_rfc_5424(line: str, expected: tuple[Any, ...]) -> None:
    assert read("syslog-5424", line)[0]["time"] is None
    assert fields("syslog-5424", line) == expected


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("syslog", "<14>1 2031-03-03T10:00:00Z h a 1 - - x"),
        ("syslog", "2031-03-03T10:00:00Z h a[1]: x"),
        ("syslog", "once upon a time"),
        ("syslog", "<14>"),
        ("rsyslog", "Mar  3 10:00:00 h a[1]: x"),
        ("rsyslog", "<14>1 2031-03-03T10:00:00Z h a 1 - - x"),
        ("syslog-5424", "<14>Mar  3 10:00:00 h a[1]: x"),
        ("syslog-5424", "<14>1 2031-03-03T10:00:00Z h a"),
    ],
)
def test_what_is_of_another_kind_is_refused(name: str, line: str) -> None:
    assert read(name, line)[0]["message"] is None
    assert name == "syslog-5424" or not marked(name, line)


@pytest.mark.parametrize(
    "line",
    [
        "2031-03-03T10:00:00.595Z [INFO]  http: TLS handshake error",
        "2031-03-03T10:00:00Z INFO main started job 1",
        "2031-03-03T10:00:00Z INFO main: started job 1",
        "2031-03-03T10:00:00Z main ERROR: no job",
        "2031-03-03T10:00:00Z 4711 pool: no job",
        "2031-03-03T10:00:00Z main started a job",
        '2031-03-03T10:00:00Z level=info msg="a: b"',
        "2031-03-03 10:00:00 main Server: started",
        "2031-03-03T10:00:00Z (main) Server: started",
    ],
)
def test_an_application_is_no_rsyslog(line: str) -> None:
    assert not marked("rsyslog", line)
    assert read("rsyslog", line)[0]["message"] is not None


def test_lines_are_read_alike_alone_and_among_others() -> None:
    for path in SAMPLES:
        lines = path.read_text(encoding="utf-8").splitlines()
        name = path.name.split(".")[0]
        assert read(name, *lines) == [read(name, line)[0] for line in lines], path.name


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_bear_the_marks_of_their_format(path: Path) -> None:
    lines = pl.DataFrame({"raw": path.read_text(encoding="utf-8").splitlines()})
    form = formats.find(path.name.split(".")[0])
    found = form.read(lines)
    assert found["message"].null_count() == 0
    assert form.marks is None or form.marks(lines).sum() > 0.8 * lines.height
    assert found["time"].null_count() < lines.height / 2


def test_a_tag_goes_from_a_message_alone() -> None:
    messages = ["crond(pam_unix)[2]: closed", "ioctl32(fdisk:515): Unknown cmd", "- User ID: x", "no tag"]
    found = pl.DataFrame({"m": messages}).select(without_tag(pl.col("m"))).to_series().to_list()
    assert found == ["closed", "Unknown cmd", "- User ID: x", "no tag"]


@pytest.mark.parametrize("log", ["Linux", "OpenSSH"])
def test_messages_are_the_content_that_loghub_gives(log: str, shared_data: Path) -> None:
    path = shared_data / "loghub" / log / f"{log}_2k.log"
    lines = path.read_text(encoding="utf-8").splitlines()
    with path.with_name(f"{path.name}_structured.csv").open(encoding="utf-8", newline="") as file:
        content = [row["Content"] for row in csv.DictReader(file)]
    assert [row["message"] for row in read("syslog", *lines)] == content
