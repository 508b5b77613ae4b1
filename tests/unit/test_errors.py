from __future__ import annotations

import re
from pathlib import Path

from pipelines.commands import RUNNING
from rationanomaly import errors
from tests.conftest import ROOT


def test_an_error_is_one_line_with_file_line_problem_and_hint() -> None:
    error = errors.InputError("is not\nCSV", file=Path("a b.csv"), line=3, hint="Correct the row")
    assert str(error) == "a b.csv:3: is not CSV. Correct the row."


def test_an_error_holds_nothing_that_a_terminal_would_obey() -> None:
    error = errors.InputError("holds \x1b[2J\u202etxt.exe", file=Path("a\x1b]0;owned\x07.log"))
    assert str(error) == "a ]0;owned .log: holds [2J txt.exe."


def test_an_error_needs_neither_file_nor_hint() -> None:
    assert str(errors.GateError("kappa is 0.2")) == "kappa is 0.2."


def test_every_exit_code_is_its_own_and_stands_in_the_readme() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.RationAnomalyError)]
    codes = [c.exit_code for c in classes]
    assert len(set(codes)) == len(codes)
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)}
    assert documented == {0, errors.INTERRUPTED, errors.PIPE_CLOSED, RUNNING, *codes}
