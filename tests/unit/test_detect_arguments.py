"""What is wrong with the arguments of `detect` is said before the model is loaded, and no input is written over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rationanomaly.cli.app import app, run_app
from rationanomaly.detection import log_lines
from rationanomaly.raw_inputs import find_files, would_find
from rationanomaly.stream.engine import Engine

LINE = "2026-03-01T10:00:00 disk failed\n"
Call = Callable[..., tuple[int, str]]


class Unloadable:
    """A model that no test may come to."""

    @staticmethod
    def open(*_: object, **__: object) -> object:
        raise AssertionError("the model is loaded")


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `detect` in a folder with logs and a model that must not be loaded; its exit code, and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log_lines, "Detector", Unloadable)
    monkeypatch.setattr(Engine, "open", Unloadable.open)
    Path("model").mkdir()
    Path("logs").mkdir()
    for name in ("in.log", "logs/a.log", "ledger.jsonl", "t.txt"):
        Path(name).write_text(LINE)
    Path("hard.jsonl").hardlink_to("in.log")
    Path("soft.jsonl").symlink_to("in.log")
    Path("hard.log").hardlink_to("logs/a.log")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["rationanomaly", "detect", "--model", "model", *arguments])
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        return int(exited.value.code or 0), " ".join(capsys.readouterr().err.split())

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        "--output in.log in.log",
        "--output ./logs/../in.log in.log",
        "--output hard.jsonl in.log",
        "--output soft.jsonl in.log",
        "--sessions in.log in.log",
        "--output logs/a.log logs",
        "--output hard.log logs",
        "--output hard.log logs/*.log",
        "--output logs/new.jsonl logs",
        "--output logs/new.log logs/*.log",
        "--follow --output in.log in.log",
        "--follow --state s --output new.log new.log",
        "--follow --output logs/deep/new.jsonl logs",
        "--output in.log in.log logs",
        "--follow --state logs/s logs",
        "--state s --output s/stream.db in.log",
        "--output o --sessions o in.log",
        "--output o --sessions ./o in.log",
        "--templates t.txt --output t.txt",
        "--ledger ledger.jsonl --output ledger.jsonl in.log",
        "--output model/rows in.log",
        "--output logs in.log",
        "--sessions logs in.log",
        "--format nonsense in.log",
        "--format nonsense --follow in.log",
    ],
)
def test_what_would_be_written_over_or_is_no_argument_is_refused_at_once(call: Call, arguments: str) -> None:
    code, said = call(*arguments.split())
    assert code == 2, said
    assert said.startswith("error ") and "\n" not in said
    assert [Path(name).read_text() for name in ("in.log", "logs/a.log", "ledger.jsonl", "t.txt")] == [LINE] * 4
    assert not Path("s").exists() and not Path("logs/s").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("missing.log", 3),
        ("empty.log", 3),
        ("empty", 3),
        ("none-*.log", 3),
        ("--ledger missing.jsonl in.log", 3),
        ("--output in.log/rows logs", 7),
        ("--output pipe in.log", 7),
    ],
)
def test_what_is_missing_empty_or_no_place_is_said_at_once(call: Call, arguments: str, expected: int) -> None:
    Path("empty").mkdir()
    Path("empty.log").touch()
    os.mkfifo("pipe")
    code, said = call(*arguments.split())
    assert code == expected, said
    assert said.startswith("error ")


@pytest.mark.parametrize(
    "arguments",
    [
        "--output o --sessions s in.log",
        "--output logs/.hidden logs",
        "--output logs/rows.jsonl logs/*.log",
        "--format custom in.log",
        "--format container+custom in.log",
        "--output rows logs",
        "--follow --state s --output s/rows logs",
        "--follow missing.log",
        "--templates t.txt --output o",
    ],
)
def test_what_is_right_comes_to_the_model(call: Call, arguments: str) -> None:
    code, said = call(*arguments.split())
    assert "the model is loaded" in said, said
    assert code == 1


@pytest.mark.parametrize("path", ["in", "in/**", "in/*", "in/*/x", "in/**/x", "in/.*", "*/x", "in/d*/x", "**/d/x"])
def test_what_would_be_found_is_what_is_found(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = [Path(name) for name in ("in/x", "in/d/x", "in/d/e/x", "in/.x", "in/d/.x", "in/.d/x", "y/x", "dx")]
    Path("in").mkdir()
    foreseen = {place for place in places if would_find(Path(path), place)}
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    found = set(find_files(Path(path)))
    assert foreseen == found
    assert {place for place in places if would_find(Path(path), place)} == found
