"""State of runs: a lease against two at once, and nothing removed that nobody asked to remove."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rationanomaly import artifacts
from rationanomaly.cli.app import app
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.params import Params, load_params
from rationanomaly.runs import execution, run_state, tracking
from rationanomaly.steps import BY_NAME, Inputs, Metrics, Outputs, PartialRun

KEY, OTHER = "a" * 64, "b" * 64


def test_a_second_run_with_the_same_key_is_refused_and_named_who_has_it(tmp_path: Path) -> None:
    with run_state.leased(tmp_path / "sft" / KEY):
        refused = pytest.raises(InfrastructureError, match=rf"process {os.getpid()} on .*Wait for it to end")
        with refused, run_state.leased(tmp_path / "sft" / KEY, patience=0):
            pass
        with run_state.leased(tmp_path / "sft" / OTHER, patience=0):
            pass
    with run_state.leased(tmp_path / "sft" / KEY, patience=0):
        assert json.loads((tmp_path / "sft" / KEY / "holder.json").read_bytes())["pid"] == os.getpid()
    assert list((tmp_path / "sft" / KEY).iterdir()) == []


def test_a_killed_run_leaves_no_lease(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from rationanomaly.runs import run_state\n"
        "with run_state.leased(Path(sys.argv[1])):\n    print('has it', flush=True)\n    time.sleep(600)"
    )
    place = tmp_path / "sft" / KEY
    other = subprocess.Popen([sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None and other.stdout.readline() == b"has it\n"
        with pytest.raises(InfrastructureError, match=f"process {other.pid} "), run_state.leased(place, patience=0):
            pass
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    with run_state.leased(place, patience=60):
        pass


def test_a_second_run_waits_for_one_that_is_ending(tmp_path: Path) -> None:
    place = tmp_path / "sft" / KEY
    code = (
        "import sys, time; from pathlib import Path; from rationanomaly.runs import run_state\n"
        "with run_state.leased(Path(sys.argv[1])):\n    print('has it', flush=True)\n    sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(place)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None and other.stdout.readline() == b"has it\n"
    assert other.stdin is not None
    other.stdin.close()
    with run_state.leased(place, patience=60):
        pass
    assert other.wait(60) == 0


def make(state: Path) -> dict[str, Path]:
    places = {
        "run": state / "sft" / KEY / "checkpoints" / "checkpoint-3" / "w.bin",
        "other": state / "sft" / OTHER / "finished.json",
        "journal": state / "distill" / "journal.jsonl",
        "piped": state / "parse" / "piped" / "x.log",
        "older layout": state / "grpo" / "checkpoints" / "checkpoint-2" / "w.bin",
    }
    for path in places.values():
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x" * 2**20)
    return places


def test_clean_state_removes_all_but_paid_answers_and_what_is_in_use(tmp_path: Path) -> None:
    places = make(tmp_path / "state")
    arguments = ["clean-state", "--state", str(tmp_path / "state")]
    shown = CliRunner().invoke(app, [*arguments, "--dry-run"])
    assert shown.exit_code == 0 and all(path.exists() for path in places.values())
    assert KEY[:8] in shown.output + shown.stderr
    with run_state.leased(tmp_path / "state" / "sft" / KEY):
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert {name for name, path in places.items() if path.exists()} == {"run", "journal", "piped"}
    assert "in use" in done.output + done.stderr


def test_clean_state_leaves_what_is_newer_and_links_alone(tmp_path: Path) -> None:
    places = make(tmp_path / "state")
    week = time.time() - 7 * 86400
    for path in [tmp_path / "state" / "sft" / KEY, *(tmp_path / "state" / "sft" / KEY).rglob("*")]:
        os.utime(path, (week, week))
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "id").touch()
    (tmp_path / "state" / "sft" / ("c" * 64)).symlink_to(tmp_path / "private")
    state = ["--state", str(tmp_path / "state")]
    assert CliRunner().invoke(app, ["clean-state", *state, "--older-than", "6"]).exit_code == 0
    assert {name for name, path in places.items() if not path.exists()} == {"run"}
    assert CliRunner().invoke(app, ["clean-state", *state]).exit_code == 0
    assert (tmp_path / "private" / "id").exists()
    assert not (tmp_path / "state" / "sft" / ("c" * 64)).is_symlink()


def test_no_such_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="no such state folder"):
        run_state.find(tmp_path / "none")


def test_clean_state_never_takes_an_outputs_folder_or_somebodys_project_for_state(tmp_path: Path) -> None:
    for name in ("outputs/base", "outputs/sft", "outputs/sft/adapter", ".git/objects", "src"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "precious").touch()
    (tmp_path / "outputs" / "base" / "manifest.json").touch()
    for state in (tmp_path, tmp_path / "outputs"):
        assert CliRunner().invoke(app, ["clean-state", "--state", str(state)]).exit_code == 0
    assert len(list(tmp_path.rglob("precious"))) == 5


def test_what_is_being_piped_in_is_left_to_its_run(tmp_path: Path) -> None:
    piped = make(tmp_path)["piped"]
    assert CliRunner().invoke(app, ["clean-state", "--state", str(tmp_path)]).exit_code == 0
    assert piped.exists()
    two_days_ago = time.time() - 2 * 86400
    os.utime(piped, (two_days_ago, two_days_ago))
    assert CliRunner().invoke(app, ["clean-state", "--state", str(tmp_path)]).exit_code == 0
    assert not piped.exists()


def test_a_part_that_somebody_else_removed_first_is_gone(tmp_path: Path) -> None:
    make(tmp_path)
    parts = run_state.find(tmp_path)
    assert all(run_state.remove(part) for part in parts)
    assert all(run_state.remove(part) for part in parts)


def test_a_run_that_waited_takes_what_the_other_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run of the same training finds the first's output once it has the lease, and trains nothing."""
    status = execution.StepStatus({}, {}, {"logs": "0"}, KEY, tmp_path / "sft" / KEY, None)
    monkeypatch.setattr(execution, "step_status", lambda *_: status)
    monkeypatch.setattr(execution, "_finished", lambda *_: {"f1": 1.0})
    monkeypatch.setattr(tracking, "step_run", None)
    params = load_params("defaults")
    assert execution.execute(BY_NAME["sft"], params, {}, tmp_path / "out", tmp_path) == {"f1": 1.0}


def test_an_input_that_is_made_anew_while_a_step_reads_it_leaves_no_output(tmp_path: Path) -> None:
    def write(content: str) -> None:
        with artifacts.writing(tmp_path / "parse", "parse", {"logs": "0"}) as made:
            (made / "lines").write_text(content)

    def run(writes: str) -> Metrics:
        def act(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
            write(writes)
            return {"rows": 1.0}

        inputs, output = {"parse": tmp_path / "parse", "ledger": tmp_path}, tmp_path / "correct"
        part = PartialRun(act, {"ledger": "0"})
        params = load_params("defaults")
        return execution.execute(BY_NAME["correct"], params, inputs, output, tmp_path / "state", part, recorded=False)

    write("one")
    with pytest.raises(ArtifactError, match="parse: was made anew while it was read"):
        run("other")
    assert not (tmp_path / "correct").exists()
    assert run("other") == {"rows": 1.0}


def test_a_volume_of_somebody_elses_is_named_with_whom_to_let_in_before_any_server_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "state" / "sft" / KEY
    status = execution.StepStatus({}, {}, {"logs": "0"}, KEY, place, None)
    monkeypatch.setattr(execution, "step_status", lambda *_: status)
    monkeypatch.setattr(tracking, "Lineage", None)

    def refuse(path: Path, **_: bool) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # Root may do all.
    with pytest.raises(InfrastructureError, match=f"cannot write: Permission denied.*user {os.geteuid()}.*fsGroup"):
        execution.execute(BY_NAME["sft"], load_params("defaults"), {}, tmp_path / "out", tmp_path / "state")


def test_a_state_folder_that_is_there_and_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InfrastructureError, match="cannot write"):
        run_state.check_writable(tmp_path)
