"""`rationanomaly incidents` in a terminal: a list, one incident, JSON; and clear words where there is nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rationanomaly.cli.app import app, run_app
from tests.hostile import unsafe_in
from tests.incident_stream import HOSTILE, write_day

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    write_day(folder / "stream.db")
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Exit code, standard output, and standard error on one line."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["rationanomaly", "incidents", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        said = capsys.readouterr()
        return int(exited.value.code or 0), said.out, " ".join(said.err.split())

    return run


def test_the_list_names_each_incident_and_is_inert(call: Call, state: Path) -> None:
    code, out, _ = call("--state", state)
    assert code == 0
    assert out.count("open") >= 3
    assert "\\u202e" in out
    assert not unsafe_in(out)


def test_json_is_one_object_per_line_and_keeps_its_meaning(call: Call, state: Path) -> None:
    _, out, _ = call("--state", state, "--only", "open", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 3
    assert HOSTILE in {row["first_cause"]["template"] for row in rows}
    assert not unsafe_in(out)


def test_one_incident_has_a_summary_that_cites_lines_and_a_timeline(call: Call, state: Path) -> None:
    _, out, _ = call("--state", state, "--json")
    spread = next(row["id"] for row in map(json.loads, out.splitlines()) if len(row["nodes"]) > 1)
    _, out, _ = call("--state", state, spread)
    assert "It began at 2026-03-02 06:00:20 UTC" in out
    assert "app.log:21621" in out
    assert "Timeline" in out


def test_what_is_not_there_is_said(call: Call, state: Path, tmp_path: Path) -> None:
    code, _, said = call("--state", tmp_path)
    assert (code, "no stream has been started" in said) == (3, True)
    code, _, said = call("--state", state, "nosuch")
    assert (code, "there is no incident nosuch" in said) == (3, True)
    code, _, said = call("--state", state, "--only", "closed")
    assert (code, "open, resolved, muted" in said) == (2, True)
    (tmp_path / "stream.db").write_bytes(b"no database" * 999)
    code, _, said = call("--state", tmp_path)
    assert (code, "not a database" in said) == (7, True)
