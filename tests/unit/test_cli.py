"""The command line as a person meets it: help with examples, one clear line for bad input, nothing half-written."""

from __future__ import annotations

import errno
import io
import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from pipelines.__main__ import app as pipelines_app
from rationanomaly import artifacts
from rationanomaly.cli import console
from rationanomaly.cli.app import app, run_app
from rationanomaly.cli.before import print_params
from rationanomaly.cli.options import PARAMS
from rationanomaly.incidents import launch as incident_pages
from rationanomaly.progress import report
from rationanomaly.review import launch
from rationanomaly.steps import STEPS
from tests.conftest import ROOT

Call = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def call(tracking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `rationanomaly …` in an empty folder; its exit code and what it said on standard error."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["rationanomaly", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        return int(exited.value.code or 0), " ".join(capsys.readouterr().err.split())

    return run


def commands(app: typer.Typer, program: str) -> dict[str, Any]:
    """Every command of a program by what a person types: `rationanomaly ledger why`."""
    found: dict[str, Any] = {}
    groups: dict[str, Any] = {program: typer.main.get_command(app)}
    while groups:
        typed, command = groups.popitem()
        under = getattr(command, "commands", None)
        if under is None:
            found[typed] = command
        else:
            groups |= {f"{typed} {name}": one for name, one in under.items()}
    return found


COMMANDS = commands(app, "rationanomaly") | commands(pipelines_app, "python -m pipelines")


def test_each_step_and_what_was_an_option_of_one_is_a_command() -> None:
    verbs = {typed.split()[1] for typed in commands(app, "rationanomaly")}
    assert verbs >= {step.name for step in STEPS} | {"preview", "estimate", "ledger"}


@pytest.mark.parametrize("typed", COMMANDS)
def test_every_help_ends_with_examples_that_can_be_pasted(typed: str) -> None:
    command = COMMANDS[typed]
    _, _, examples = (command.help or "").partition("Example")
    lines = [line.strip() for line in examples.splitlines()[1:] if line.strip()]
    assert lines
    for line in lines:
        pasted = line[line.index(typed) :]
        # Raises where an option is unknown or misses its value, or where an argument is one too many or missing.
        with command.make_context(typed, shlex.split(pasted.removeprefix(typed))):
            pass


@pytest.mark.parametrize("typed", ["rationanomaly parse", "rationanomaly ledger why", "python -m pipelines run"])
def test_examples_are_shown_to_who_asks_for_help(typed: str) -> None:
    program = pipelines_app if "pipelines" in typed else app
    words = typed.removeprefix("python -m pipelines").removeprefix("rationanomaly").split()
    shown = CliRunner().invoke(program, [*words, "--help"]).output
    assert typed in shown.split("Example")[1]


@pytest.mark.parametrize("option", ["--preview", "--dry-run", "--why"])
def test_an_old_spelling_is_not_shown(option: str) -> None:
    shown = [CliRunner().invoke(app, [step.name, "--help"]).output for step in STEPS]
    assert not any(option in one for one in shown)


@pytest.mark.parametrize("step", [step.name for step in STEPS])
def test_a_step_without_a_folder_to_write_is_refused(call: Call, step: str) -> None:
    code, said = call(step)
    assert code == 2
    assert "--output" in said


def test_a_terminal_gets_bars_with_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(console, "STDERR", Console(file=text, force_terminal=True, width=120))
    with console.progress_bars("grpo"):
        report("training", 3, 10, metrics={"reward": 0.25})
    assert "grpo: training" in text.getvalue()
    assert "reward 0.25" in text.getvalue()


def test_the_time_left_of_a_resumed_run_goes_by_its_own_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    clock = iter([0.0, 100.0, 120.0, 140.0])
    monkeypatch.setattr(console, "STDERR", Console(file=text, width=120))
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with console.progress_bars("sft"):
        report("training", 900, 1000)
        report("training", 910, 1000)
    assert "training 910/1,000 steps, 3 min 0 s left" in text.getvalue()


def test_a_missing_log_is_named(call: Call) -> None:
    code, said = call("parse", "--input", "logs=nowhere.log", "--output", "out")
    assert (code, said) == (
        3,
        "error nowhere.log: no such file. Correct `data.logs` in the params, or name it with --input logs=FILE.",
    )


BAD_LOGS = {
    "empty": ("bgl", "", "empty"),
    "no format": ("bgl", "one two three\n" * 5, "bgl"),
    "no template column": ("templates", "text,label\na,normal\n", "template"),
    "no label column": ("templates", "template,kind\na,normal\n", "label"),
    "unknown label": ("templates", "template,label\na,normal\nb,odd\n", "odd"),
}


@pytest.mark.parametrize("name", BAD_LOGS)
def test_a_bad_log_is_one_clear_line_and_leaves_nothing(call: Call, tmp_path: Path, name: str) -> None:
    kind, text, hint = BAD_LOGS[name]
    (tmp_path / "input.txt").write_text(text)
    code, said = call("parse", "--input", "logs=input.txt", "--set", f"data.format={kind}", "--output", "out")
    assert code == 3
    assert "input.txt" in said
    assert hint in said
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_one_class_only_is_refused_before_anything_is_trained(call: Call, tmp_path: Path) -> None:
    rows = "".join(f"service {word} has started,normal\n" for word in ("mail", "web", "log", "disk", "dns", "time"))
    (tmp_path / "input.csv").write_text("template,label\n" + rows)
    (tmp_path / "ledger.jsonl").touch()
    code, _ = call("parse", "--input", "logs=input.csv", "--set", "data.format=templates", "--output", "parsed")
    assert code == 0
    code, said = call("correct", "--input", "parse=parsed", "--input", "ledger=ledger.jsonl", "--output", "out")
    assert code == 3
    assert said.startswith("error parsed/templates.parquet: the labels are all normal")
    assert not (tmp_path / "out").exists()


def test_an_own_log_without_tags_parses_by_itself_and_asks_for_decisions(call: Call, tmp_path: Path) -> None:
    words = ("mail", "web", "disk", "dns")
    lines = (
        f"Jan {day:2} 10:00:0{day} host {word}[1]: service {word} has started\n"
        for day in range(1, 9)
        for word in words
    )
    (tmp_path / "mine.log").write_text("".join(lines))
    (tmp_path / "ledger.jsonl").touch()
    profile = ROOT / "profiles" / "own-logs.yaml"
    assert call("params", profile, "--set", "data.logs=mine.log", "--output", "params.yaml")[0] == 0
    assert call("parse", "--output", "parsed")[0] == 0
    code, said = call("correct", "--input", "parse=parsed", "--input", "ledger=ledger.jsonl", "--output", "out")
    assert code == 3
    assert "add decisions to the ledger (data.ledger)" in said


def test_an_unknown_key_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("extends: params.yaml\nparse:\n  dept: 4\n")
    code, said = call("parse", "--params", "p.yaml", "--output", "out")
    assert code == 2
    assert said.startswith("error p.yaml:3: unknown key `parse.dept`.")


def test_an_input_that_the_step_does_not_read_is_refused(call: Call) -> None:
    assert call("correct", "--input", "grpo=x", "--output", "out")[0] == 2


def test_a_folder_that_no_step_wrote_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "parsed").mkdir()
    (tmp_path / "ledger.jsonl").touch()
    code, said = call("correct", "--input", "parse=parsed", "--input", "ledger=ledger.jsonl", "--output", "out")
    assert code == 4
    assert "parsed: has no manifest" in said


@pytest.mark.parametrize("damage", ["no adapter", "wrong manifest", "no folder"])
def test_a_damaged_model_folder_is_refused(call: Call, tmp_path: Path, damage: str) -> None:
    model = tmp_path / "model"
    with artifacts.writing(model, "grpo") as folder:
        (folder / "detector.json").write_text("{}")
    if damage == "wrong manifest":
        (model / "detector.json").write_text(json.dumps({"threshold": 0}))
    elif damage == "no folder":
        shutil.rmtree(model)
    (tmp_path / "templates.txt").write_text("link <*> down\n")
    code, said = call("detect", "--model", "model", "--templates", "templates.txt", "--output", "verdicts.jsonl")
    assert code == 4
    assert "model" in said
    assert not (tmp_path / "verdicts.jsonl").exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"text\n1\n"])
def test_a_bad_table_of_templates_is_refused(call: Call, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    code, said = call("detect", "--model", "model", "--templates", "t.csv")
    assert code == 3
    assert "t.csv" in said


@pytest.mark.parametrize(
    ("name", "content"), [("t.txt", "\n"), ("t.txt", "\n \r\n\t\n"), ("t.csv", 'template\n""\n" "\n')]
)
def test_templates_that_are_all_blank_are_one_clear_line(call: Call, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, newline="")
    code, said = call("detect", "--model", "model", "--templates", name, "--output", "verdicts.jsonl")
    assert (code, said) == (3, f"error {name}: holds no templates. Give at least one.")
    assert not (tmp_path / "verdicts.jsonl").exists()


def test_templates_that_begin_with_a_quotation_mark_may_be_long(call: Call, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text('"open\n' + "link <*> down\n" * 20_000)
    code, said = call("detect", "--model", "model", "--templates", "t.txt")
    assert code == 4, said


def test_a_setting_that_is_wrong_is_one_line_that_names_it(call: Call) -> None:
    code, said = call("parse", "--set", "sft.steps=0", "--output", "out")
    assert code == 2
    assert said.startswith("error `--set sft.steps=0`: must be greater than 0.")
    assert "params.yaml" not in said


def test_detect_needs_exactly_one_kind_of_input(call: Call) -> None:
    assert call("detect", "--model", "model")[0] == 2


def test_outside_a_project_the_packaged_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("app.log").write_text("Mar  3 00:00:01 n1 sshd[7]: session opened for user a\n" * 20)
    assert CliRunner().invoke(app, ["preview", "app.log"]).exit_code == 0
    assert CliRunner().invoke(app, ["params"]).exit_code == 0


def test_dvc_can_not_watch_the_folder_that_it_writes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    print_params(PARAMS, ["data.logs='*.log'"], tmp_path / "params.yaml")
    assert "put the logs in a folder of their own" in caplog.text
    caplog.clear()
    print_params(PARAMS, ["data.logs='logs/*.log'"], tmp_path / "params.yaml")
    assert caplog.text == ""


def test_ctrl_c_ends_a_review_as_it_is_meant(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve_on(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(launch, "open_desk", lambda *_: (None, None))
    monkeypatch.setattr(launch, "serve_on", serve_on)
    code, said = call("review", "--reviewer", "ada", "--parse", "parse", "--ledger", "d.jsonl", "--port", "0")
    assert (code, said) == (0, "The review page has ended; every decision is in d.jsonl.")


def test_ctrl_c_ends_the_pages_of_incidents_as_it_is_meant(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve_pages(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(incident_pages, "serve_pages", serve_pages)
    code, said = call("incidents", "--state", "stream", "--page", "--reviewer", "ada")
    assert (code, said) == (0, "The pages of incidents have ended; every mark is kept.")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.ELOOP, errno.EIO])
def test_a_place_that_refuses_is_named_and_no_bug(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["rationanomaly"])

    def application(filename: str | None = "closed/\x1b[31mledger.jsonl") -> None:
        raise OSError(code, os.strerror(code), filename)

    with pytest.raises(SystemExit) as exited:
        run_app(application)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert exited.value.code == 7
    assert said.startswith("error closed/") and f"ledger.jsonl: {os.strerror(code)}. Check the path" in said
    assert "bug" not in said and "\x1b" not in said
    with pytest.raises(SystemExit) as exited:
        run_app(lambda: application(None))  # type: ignore[arg-type]
    assert exited.value.code == 1
    assert "a bug of ours" in capsys.readouterr().err
