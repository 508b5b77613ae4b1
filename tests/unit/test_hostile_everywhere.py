"""A hostile template on every way to a terminal, a CSV, a page and a report: nothing acts, nothing hides.

The commands run as a shell starts them, in this process. What renders is tested in `test_untrusted`, the whole report
in `test_report`, all routes of the pages in `test_review_pages` and `test_incidents_pages`.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from starlette.testclient import TestClient

from pipelines.__main__ import app as pipelines_app
from rationanomaly import artifacts, records
from rationanomaly.cli import console
from rationanomaly.cli.app import app, run_app
from rationanomaly.decisions.ledger import Decision, write_decision
from rationanomaly.detection import log_lines
from rationanomaly.detection.verdict import LineVerdict, Verdict
from rationanomaly.evaluate.report import REPORT, write_report
from rationanomaly.incidents.launch import build_app as build_incidents
from rationanomaly.parse.mining import Miner
from rationanomaly.records import template_id
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Member
from rationanomaly.stream.engine import Engine
from tests.evaluate_folder import write_evaluate_folder
from tests.hostile import HOSTILE, unsafe_in
from tests.incident_stream import HOSTILE as HOSTILE_INCIDENT
from tests.incident_stream import write_day
from tests.streaming import ScriptedService, model_folder, stream_params
from tests.template_table import template_table
from tests.unit.test_review_pages import Room

Call = Callable[..., tuple[int, str]]
#: As names of files can hold it: no slash, and a shell would put it in a glob's place.
NAME = HOSTILE.replace("/", "|")[:60]
#: A line of a log of it; a line break or a carriage return would end the line.
LINE = HOSTILE.replace("\x85", "").replace("\u2028", "").replace("\u2029", "")


class ScriptedDetector:
    """Calls everything abnormal, with hostile words of its own."""

    precedents = None

    @classmethod
    def open(cls, _model: str) -> ScriptedDetector:
        return cls()

    def judge(self, templates: Sequence[str], *_: Any) -> Iterator[Verdict]:
        for text in templates:
            yield Verdict(text, "abnormal", 0.9, 0.9, "abnormal", True, HOSTILE, (), True)

    def judge_log(self, *_: Any) -> Iterator[LineVerdict]:
        for verdict in self.judge([HOSTILE]):
            yield LineVerdict(1, HOSTILE, HOSTILE, verdict)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Outputs of parse and correct, the state of a stream, a log and a ledger, all of strangers."""
    folder = tmp_path_factory.mktemp("site")
    with artifacts.writing(folder / "parse", "parse") as place:
        table = template_table([(HOSTILE, HOSTILE, "normal"), (HOSTILE, "job done", "normal")])
        records.write_table(place / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
        Miner.new(stream_params().parse).save(place / records.MINER)
    row = {
        "template_id": template_id(HOSTILE), "template": HOSTILE, "dataset": HOSTILE, "original_label": "normal",
        "label": "abnormal", "corrected": True, "category": "other", "history": [f"panel: {HOSTILE}"], "mixed": False,
        "lines": 1, "first_line": 1, "group": 0, "split": "train",
    }  # fmt: skip
    with artifacts.writing(folder / "correct", "correct") as place:
        labelled = pl.DataFrame([row], schema_overrides={"history": pl.List(pl.String)})
        records.write_table(place / records.LABELLED, labelled, records.LABELLED_SCHEMA)
    (folder / "state").mkdir()
    write_day(folder / "state" / "stream.db")
    (folder / NAME).write_text(f"Mar  3 22:14:15 gate cron[1]: {LINE}\n{LINE} fits nothing\n", encoding="utf-8")
    (folder / "templates.txt").write_text(f"{LINE}\n", encoding="utf-8")
    decided = Decision(template_id(HOSTILE), HOSTILE, "ada", "normal", None, HOSTILE, None, "senior", HOSTILE)
    (folder / "ledger.jsonl").write_text(f"{write_decision(decided)}\nno JSON {HOSTILE}\n", encoding="utf-8")
    return folder


@pytest.fixture
def call(site: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Exit code of a command, and all that it wrote to the terminal."""
    monkeypatch.chdir(site)
    for name, stream in (("STDOUT", False), ("STDERR", True)):
        monkeypatch.setattr(console, name, Console(stderr=stream, highlight=False, width=300))

    def run(*arguments: object, program: Any = app) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["program", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as exited:
            run_app(program)
        said = capfd.readouterr()
        return int(exited.value.code or 0), said.out + said.err

    return run


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["preview", NAME], 0), (["preview", NAME, "--format", "syslog"], 0), (["preview", f"no {NAME}"], 3),
        (["ledger", "why", HOSTILE, "--correct", "correct"], 0),
        (["ledger", "why", template_id(HOSTILE), "--correct", "correct"], 0),
        (["ledger", "why", f"no {HOSTILE}", "--correct", "correct"], 3),
        (["ledger", "merge", "ledger.jsonl", "--output", NAME + ".merged"], 3),
        (["ledger", "import", "ledger.jsonl", "--ledger", "other.jsonl"], 3),
        (["templates", "export", "--parse", "parse", "--output", NAME + ".json"], 0),
        (["templates", "import", NAME, "--into", "own.json"], 3),
        (["incidents", "--state", "state"], 0), (["incidents", "--state", "state", "--json"], 0),
        (["incidents", "--state", NAME], 3), (["incidents", "--state", "state", HOSTILE], 3),
        (["drift", "--state", NAME], 3), (["safe-to-drop", "--state", NAME, "--ledger", NAME, "--output", NAME], 3),
        (["summary", NAME], 4), (["params", NAME], 2), (["params", "defaults", "--set", HOSTILE], 2),
        (["clean-state", "--state", NAME + ".none"], 0), (["detect", "--model", NAME, NAME], 4),
        (["review", "--parse", NAME, "--reviewer", HOSTILE], 2), (["parse", "--input", NAME], 2),
        # What typer itself says of arguments, for which a shell may have put file names.
        (["preview", NAME, NAME], 2), (["detect", "--model", "m", "--view", NAME, NAME], 2), ([NAME], 2),
        (["ledger", NAME], 2), (["preview", f"--{NAME}"], 2), (["review", "--port", NAME], 2),
    ],
    ids=lambda value: " ".join(value[:2]).encode("ascii", "replace").decode()[:20] if isinstance(value, list) else None,
)  # fmt: skip
def test_a_command_in_a_terminal(call: Call, command: list[str], code: int) -> None:
    found, said = call(*command)
    assert found == code, said
    assert said
    assert not unsafe_in(said), said.encode("unicode-escape")


def test_an_incident_in_a_terminal(call: Call) -> None:
    _, said = call("incidents", "--state", "state", "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    hostile = [row["id"] for row in rows if row["first_cause"]["template"] == HOSTILE_INCIDENT]
    assert hostile
    for identity in hostile:
        _, said = call("incidents", "--state", "state", identity)
        assert "\\u202e" in said
        assert not unsafe_in(said)


def test_a_command_of_pipelines_that_is_called_wrongly(call: Call) -> None:
    for command in (["compile", NAME, NAME, NAME], [NAME], ["run", f"--{NAME}"]):
        code, said = call(*command, program=pipelines_app)
        assert code == 2
        assert not unsafe_in(said)


@pytest.mark.parametrize("source", [["--templates", "templates.txt"], [NAME]])
def test_detect_escapes_json_on_a_terminal_and_not_in_a_file(
    call: Call, source: list[str], site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "Detector", ScriptedDetector)
    monkeypatch.setattr(log_lines, "open_precedents", lambda *_: None)
    code, said = call("detect", "--model", "m", *source)
    assert code == 0, said
    assert "\\u202e" in said
    assert not unsafe_in(said)
    code, noted = call("detect", "--model", "m", *source, "--output", "verdicts.jsonl")
    assert (code, unsafe_in(noted)) == (0, set())
    written = (site / "verdicts.jsonl").read_text(encoding="utf-8")
    assert "\u202e" in written
    shown = next(line for line in said.splitlines() if line.startswith("{"))
    assert json.loads(shown) == json.loads(written.split("\n")[0]), "both mean the same"


@pytest.mark.parametrize("view", ["json", "text", "alerts"])
def test_a_stream_in_a_terminal(call: Call, view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Engine.open

    def load(name: str, *others: Any, **options: Any) -> Engine:
        return opened(ScriptedService(Path(name)), *others, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "open", load)
    log = tmp_path / NAME
    log.write_text("".join(f"disk {n} failed {LINE}\n" for n in range(3)), encoding="utf-8")
    model = model_folder(tmp_path / "model")
    code, said = call("detect", "--model", model, "--view", view, "--format", "plain", log)
    assert code == 0, said
    assert "\\u202e" in said
    assert not unsafe_in(said)
    if view == "json":
        rows = tmp_path / "rows"
        call("detect", "--model", model, "--view", view, "--format", "plain", log, "--output", rows)
        assert "\u202e" in rows.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["csv", "patch"])
def test_an_export(call: Call, kind: str, site: Path) -> None:
    code, said = call("ledger", "export", "--as", kind, "--correct", "correct", "--output", f"labels.{kind}")
    assert (code, unsafe_in(said)) == (0, set())
    written = (site / f"labels.{kind}").read_text(encoding="utf-8")
    if kind == "csv":
        assert not unsafe_in(written)
        assert "'=cmd" in written
    else:
        assert json.loads(written)[0]["template"] == HOSTILE


def test_pages(tmp_path: Path, site: Path) -> None:
    room = Room(tmp_path, [HOSTILE, f"{HOSTILE} twice"], dataset=HOSTILE)
    ada, bob = room.enter("ada"), room.enter("bob")
    room.decide(ada, 0, "abnormal", comment=HOSTILE)
    room.decide(bob, 0, "normal", comment=HOSTILE)
    access = Access([Member("ada")])
    operator = TestClient(build_incidents(site / "state" / "stream.db", None, access, ["desk"]), "http://desk")
    operator.get(f"/incidents/enter?once={next(iter(access.links))}")
    seen = [ada.get(path).text for path in ("/independent", "/panel", "/find")]
    seen += [operator.get(path).text for path in ("/incidents", "/incidents/tail")]
    for page in seen:
        assert "U+202E" in page
        assert not unsafe_in(page)


def test_a_report(tmp_path: Path) -> None:
    write_evaluate_folder(tmp_path / "evaluate", templates=6, hostile=HOSTILE)
    write_report(tmp_path / "evaluate")
    assert not unsafe_in((tmp_path / "evaluate" / REPORT).read_text(encoding="utf-8"))
    for table in (tmp_path / "evaluate").glob("*.csv"):
        assert not unsafe_in(table.read_text(encoding="utf-8"))


def test_what_ends_a_thread(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    root, own = logging.getLogger(), logging.getLogger("rationanomaly")
    before = [*root.handlers], root.level, own.level
    try:
        console.set_up_logging(verbose=False, debug=False)

        def fail() -> None:
            raise ValueError(HOSTILE)

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    finally:
        root.handlers, root.level = before[:2]
        own.setLevel(before[2])
    said = capfd.readouterr().err
    assert "a thread of ours ended" in said
    assert not unsafe_in(said)
