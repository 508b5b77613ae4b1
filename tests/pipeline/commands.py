"""Runs the pipelines' command line in this process, without what the environment says of servers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipelines import catalogue, connection, dex, following, submission
from pipelines.__main__ import app
from rationanomaly.cli.app import run_app
from rationanomaly.params import Params, dump_line, read_document
from tests.conftest import ROOT

PROFILE = ROOT / "profiles" / "micro.yaml"
Command = Callable[..., tuple[int, str, str]]
_VARIABLES = (
    connection.ENDPOINT, connection.PAGE, connection.POD_TOKEN, connection.TOKEN, connection.TOKEN_FILE,
    connection.COOKIES, connection.CA, connection.NAMESPACE, dex.USERNAME, dex.PASSWORD, dex.CONNECTOR, "KUBECONFIG",
)  # fmt: skip


@cache
def _compiled(name: str, params: str, choices: catalogue.Choices) -> str:
    with TemporaryDirectory() as folder:
        output = Path(folder) / "pipeline.yaml"
        _PIPELINES[name].compile(read_document(params), choices, output)
        return output.read_text(encoding="utf-8")


def _once(pipeline: catalogue.Pipeline) -> catalogue.Pipeline:
    """The pipeline, which is compiled once for the same params: that takes half a second."""

    def compile_(params: Params, choices: catalogue.Choices, output: Path) -> None:
        output.write_text(_compiled(pipeline.name, dump_line(params), choices), encoding="utf-8")

    return replace(pipeline, compile=compile_)


_PIPELINES = catalogue.PIPELINES
_COMPILED_ONCE = {name: _once(pipeline) for name, pipeline in _PIPELINES.items()}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server but the test's, and no waiting."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(catalogue, "PIPELINES", _COMPILED_ONCE)
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(submission, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(submission, "SETTLE_SECONDS", 0.01)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line; gives exit code, standard output and standard error on one line."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipelines", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        out, err = capsys.readouterr()
        return int(exited.value.code or 0), out, " ".join(err.split())

    return run


@pytest.fixture
def submit(command: Command) -> Command:
    """Runs `submit` for the micro profile."""

    def run(*arguments: str) -> tuple[int, str, str]:
        return command("submit", "--params", str(PROFILE), *arguments)

    return run
