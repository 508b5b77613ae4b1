"""Where commands look for the outputs of `dvc repro` if no folder is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.cli.options import run_folder
from rationanomaly.params import dump, load_params

COMMANDS = [
    (["summary"], "evaluate"),
    (["ledger", "why", "a"], "correct"),
    (["ledger", "export", "--output", "labels.json"], "correct"),
    (["ledger", "tasks", "--output", "tasks.json"], "parse"),
    (["templates", "export", "--output", "templates.json"], "parse"),
    (["review", "--reviewer", "ada"], "parse"),
    (["refit"], "grpo"),
]


@pytest.mark.parametrize(("command", "step"), COMMANDS)
def test_a_command_looks_into_the_folder_of_the_params_run_name(
    command: list[str], step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(dump(load_params("defaults", ["run.name=mine"])))
    done = CliRunner().invoke(app, command)
    assert done.exit_code != 0
    assert f"outputs/mine/{step}" in str(done.exception)


def test_without_params_it_is_the_folder_of_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_folder() == Path("outputs/laptop")
