"""Inputs that once failed, from ../shared/cases: what parse makes of each by now.

The cases of other steps are tested where those steps are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.params import Params
from rationanomaly.parse.preview import preview
from rationanomaly.parse.step import run
from rationanomaly.steps import Metrics, Outputs

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not on this machine")


@dataclass(frozen=True)
class Parsed:
    """What a run of parse left."""

    metrics: Metrics
    lines: pl.DataFrame
    templates: pl.DataFrame
    sessions: pl.DataFrame

    def messages(self) -> list[str]:
        """The template of each record, in order, with its parameters filled in."""
        texts = dict(self.templates.select("template_id", "template").iter_rows())
        return [
            _filled(texts[identity], values)
            for identity, values in self.lines.select("template_id", "parameters").iter_rows()
        ]

    @property
    def format(self) -> str:
        """The format that was found."""
        found: str = self.templates["dataset"][0]
        return found

    def column(self, name: str) -> list[Any]:
        """A column of the lines."""
        return self.lines[name].to_list()


def _filled(template: str, values: list[str]) -> str:
    words, left = template.split(" "), list(values)
    return " ".join(left.pop(0) if "<*>" in word else word for word in words)


Check = Callable[[Parsed], bool]


@dataclass(frozen=True)
class Case:
    """What is asked of a case.

    Attributes:
        checks: by what they say; all must hold.
        file: the input beside the README.
        form: name of its format.
        settings: of the params section ``parse``.
        sessions: of the params section ``parse.sessions``.
    """

    checks: Mapping[str, Check]
    file: str = "input.log"
    form: str = "auto"
    settings: Mapping[str, Any] = field(default_factory=dict)
    sessions: Mapping[str, Any] = field(default_factory=dict)


def number_of_records(number: int) -> Check:
    return lambda found: found.lines.height == number and found.metrics["rejects"] == 0


def number_of_templates(number: int) -> Check:
    return lambda found: found.templates.height == number


def nodes(*expected: str | None) -> Check:
    return lambda found: found.column("node") == list(expected)


def messages(*expected: str) -> Check:
    return lambda found: found.messages() == list(expected)


def found_format(*names: str) -> Check:
    return lambda found: found.format in names


def no_alerts(found: Parsed) -> bool:
    return found.column("alert") == [None] * found.lines.height


CLIENT, CLIENT_6 = "192.0.2.7", "2001:db8::7"
JAVA_TRACE = 'Exception in thread "main" java.lang.IllegalStateException: pool is closed'

PARSED: dict[str, Case] = {
    "access-ipv6": Case({"clients": nodes(CLIENT, CLIENT_6, "::1", "2001:db8::abcd", CLIENT_6)}),
    "apache-error-client": Case(
        {
            "clients": nodes(None, CLIENT, CLIENT, CLIENT, None, CLIENT, CLIENT, CLIENT_6),
            "all are read": number_of_records(8),
        },
        sessions={"kind": "key"},
    ),
    "auto-takes-simulated alb": Case(
        {"another format": lambda found: found.format != "simulated", "no alerts": no_alerts}, file="alb.log"
    ),
    "auto-takes-simulated level-first": Case(
        {"format": found_format("application"), "no alerts": no_alerts, "all are read": number_of_records(3)},
        file="level-first.log",
    ),
    "backslash-in-message": Case({"all are read": number_of_records(2)}),
    "cisco-and-year-syslog": Case(
        {
            "all are read": number_of_records(4),
            "year": lambda found: found.column("time")[0] == datetime(2024, 1, 2, 10, tzinfo=UTC),
            "milliseconds": lambda found: found.column("time")[1].microsecond == 123_000,
        },
        form="syslog",
    ),
    "cri-interleaved-streams": Case(
        {
            "pieces": messages(
                "service ready",
                "order 17 accepted, payload begins and ends here",
                "disk quota exceeded on volume data",
                "warning: cache miss rate above limit",
                "order 18 accepted",
            )
        }
    ),
    "cri-last-line-partial": Case({"all are read": number_of_records(2)}),
    "cri-stack-trace": Case(
        {
            "joined": number_of_records(3),
            "trace": lambda found: JAVA_TRACE in found.messages()[1] and "Caused by:" in found.messages()[1],
        }
    ),
    "custom-no-year": Case(
        {"times": lambda found: [time.year for time in found.column("time")] == [2023, 2023]},
        form="custom",
        settings={
            "pattern": r"^(?<time>\S+ \S+) +[0-9]+ +[0-9]+ [A-Z] (?<message>.*)$",
            "time_format": "%m-%d %H:%M:%S%.f",
            "year": 2023,
        },
    ),
    "drain3-48-match-after-learning": Case({"apart": number_of_templates(3)}),
    "go-panic": Case(
        {
            "joined": number_of_records(3),
            "panic": lambda found: (
                found.messages()[1].startswith("panic:") and found.messages()[1].endswith("exit status 2")
            ),
        }
    ),
    "ipv6-explosion": Case({"one template": number_of_templates(1)}),
    "java-blank-in-message": Case(
        {
            "joined": number_of_records(2),
            "thread": lambda found: found.column("thread") == ["main", "main"],
            "message": lambda found: found.messages()[1] == "request 2 served",
        }
    ),
    "journald-json": Case(
        {
            "nodes": nodes("node1", "node1"),
            "messages": messages("service started", "disk full"),
            "times": lambda found: found.column("time")[0] == datetime(2024, 5, 1, 10, tzinfo=UTC),
        },
        file="input.jsonl",
    ),
    "json-ecs-host-object": Case(
        {"nodes": nodes("web1", "web1", "web1"), "sessions": lambda found: found.sessions.height == 1},
        file="input.jsonl",
        sessions={"kind": "key"},
    ),
    "json-embedded-newline": Case(
        {
            "white space": lambda found: not any(set("\n\t") & set(text) for text in found.messages()),
            "templates": number_of_templates(2),
        },
        file="input.jsonl",
    ),
    "klog": Case(
        {
            "all are read": number_of_records(5),
            "header": lambda found: found.messages()[3] == "policy/v1beta1 is deprecated",
            "levels": lambda found: found.column("level") == ["INFO", "INFO", "ERROR", "WARNING", "FATAL"],
        }
    ),
    "leap-day": Case(
        {"time": lambda found: found.column("time")[3] == datetime(2024, 2, 29, 10, tzinfo=UTC)},
        settings={"year": 2023},
    ),
    "log4j-level-first": Case(
        {
            "one template": number_of_templates(1),
            "threads": lambda found: found.column("thread") == ["main", "worker", "IPC Server handler 5 on 62270"],
            "loggers": lambda found: found.column("logger") == ["org.example.Pool"] * 3,
        }
    ),
    "logfmt": Case(
        {
            "all are read": number_of_records(4),
            "templates": number_of_templates(2),
            "levels": lambda found: found.column("level") == ["INFO", "INFO", "ERROR", "INFO"],
            "times": lambda found: found.column("time")[0] == datetime(2024, 5, 1, 10, 0, 0, 123_000, UTC),
        }
    ),
    "loki-logfmt-inside": Case({"states": number_of_templates(2)}),
    "multiline-unindented": Case({"joined": number_of_records(3)}),
    "postgresql-stderr": Case({"joined": number_of_records(8)}),
    "python-carets-file": Case({"joined": number_of_records(2)}),
    "python-traceback-names": Case({"joined": number_of_records(4)}),
    "rfc5424-nil-time": Case({"all are read": number_of_records(4)}),
    "rfc5424-nil-time-first": Case(
        {"all are read": number_of_records(2), "one session": lambda found: found.sessions["lines"].to_list() == [2]},
        sessions={"kind": "time", "remainder": "keep"},
    ),
    "rotated-order": Case(
        {"oldest first": messages("oldest ten", "older two", "older one", "newest")}, file="app.log*"
    ),
    "thread-name-level": Case({"one template": messages(*(f"queue {number} drained" for number in (1, 2, 3)))}),
    "utf16-crlf": Case(
        {
            "lines": lambda found: found.column("line") == [1, 2, 3],
            "letters": lambda found: "Zürich" in found.messages()[0],
            "all are read": number_of_records(3),
        }
    ),
    "vault-iso-level": Case(
        {
            "format": found_format("application"),
            "no node": nodes(None, None, None, None),
            "message": lambda found: found.messages()[2] == "core: lease expiring",
        }
    ),
    "vm-lifecycle-four-states": Case({"states": number_of_templates(5)}),
    "vm-lifecycle-two-states": Case({"states": number_of_templates(2)}),
}

#: Case → the test module that holds it.
ELSEWHERE = {
    "dvc-glob-and-spaces",
    "label-studio-variants",
    "live-stack-trace",
    "preview-disagrees",
    "promote-nan",
    "register-alias-reserved",
    "teacher-own-think",
}


def parse(case: Case, folder: Path, output: Path, params: Params) -> Parsed:
    sessions = params.parse.sessions.model_copy(update=dict(case.sessions))
    section = params.parse.model_copy(update={"max_rejected_share": 1.0, "sessions": sessions, **case.settings})
    data = params.data.model_copy(update={"format": case.form})
    output.mkdir()
    own = params.model_copy(update={"data": data, "parse": section})
    metrics = run(own, {"logs": folder / case.file}, Outputs(output, output / "state"))
    return Parsed(
        metrics,
        records.read_table(output / records.LINES, records.LINES_SCHEMA),
        records.read_table(output / records.TEMPLATES, records.TEMPLATES_SCHEMA),
        records.read_table(output / records.SESSIONS, records.SESSIONS_SCHEMA),
    )


def test_every_case_is_tested() -> None:
    tested = {name.split()[0] for name in PARSED} | ELSEWHERE
    assert {folder.name for folder in CASES.iterdir() if folder.is_dir()} == tested


@pytest.mark.parametrize("name", PARSED)
def test_case_of_parse(name: str, tmp_path: Path, params: Params) -> None:
    case = PARSED[name]
    found = parse(case, CASES / name.split()[0], tmp_path / "out", params)
    failed = [said for said, check in case.checks.items() if not check(found)]
    assert not failed, f"{failed}: {found.format}, {found.metrics}, {found.lines}, {found.messages()}"


def test_preview_and_parse_agree(tmp_path: Path, params: Params) -> None:
    folder = CASES / "preview-disagrees"
    found = parse(Case({}), folder, tmp_path / "out", params)
    seen = preview(folder / "input.log", "auto", params.parse)
    assert (seen.format, seen.records) == (found.format, found.lines.height)
