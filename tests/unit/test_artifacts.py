from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError, InfrastructureError


def write_folder(output: Path, text: str = "hello") -> None:
    with artifacts.writing(output, "parse", {"logs": "00"}) as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text(text)


def test_a_finished_folder_reads_back(tmp_path: Path) -> None:
    write_folder(tmp_path / "out")
    manifest = artifacts.read(tmp_path / "out", "parse")
    assert list(manifest.files) == ["sub/a.txt"]
    assert manifest.sources == {"logs": "00"}


def test_equal_content_gives_an_equal_digest(tmp_path: Path) -> None:
    write_folder(tmp_path / "one")
    write_folder(tmp_path / "elsewhere" / "two")
    assert artifacts.read(tmp_path / "one").digest == artifacts.read(tmp_path / "elsewhere" / "two").digest


def test_a_failure_leaves_nothing_and_keeps_the_predecessor(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", "old")
    with pytest.raises(RuntimeError), artifacts.writing(tmp_path / "out", "parse") as folder:
        (folder / "half").write_text("new")
        raise RuntimeError
    assert (tmp_path / "out" / "sub" / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_successor_replaces_the_whole_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", "old")
    with artifacts.writing(tmp_path / "out", "parse") as folder:
        (folder / "b.txt").write_text("new")
    assert list(artifacts.read(tmp_path / "out").files) == ["b.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def killed_while_writing(output: Path, moved_aside: bool = False) -> None:
    """Start a writer of ``output`` and kill it in the middle, or when the output is moved aside."""
    script = f"""
import os, pathlib, signal
from rationanomaly import artifacts
output = pathlib.Path({str(output)!r})
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with artifacts.writing(output, "parse") as folder:
    (folder / "half").write_text("new")
    if {moved_aside}:
        rename, os.rename = os.rename, lambda old, new: rename(old, new) if pathlib.Path(old) == output else die()
    else:
        die()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "out")
    assert [p.name for p in tmp_path.glob(".out.partial-*/new/*")] == ["half"]
    write_folder(tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_output_that_was_moved_aside_when_its_writer_was_killed_comes_back(tmp_path: Path) -> None:
    write_folder(tmp_path / "out", "old")
    killed_while_writing(tmp_path / "out", moved_aside=True)
    assert not (tmp_path / "out").exists()
    with pytest.raises(RuntimeError), artifacts.writing(tmp_path / "out", "parse"):
        raise RuntimeError
    assert (tmp_path / "out" / "sub" / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    with artifacts.writing(tmp_path / "out", "parse") as first:
        (first / "a.txt").write_text("first")
        write_folder(tmp_path / "out", "second")
        assert (first / "a.txt").exists()
        write_folder(tmp_path / "out.2")
    assert list(artifacts.read(tmp_path / "out").files) == ["a.txt"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "out.2"]


def test_somebody_elses_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="no step wrote"), artifacts.writing(tmp_path, "parse"):
        raise AssertionError("must not be reached")
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("damage", ["change", "cut", "remove", "add", "no manifest", "broken manifest", "schema"])
def test_a_damaged_folder_is_refused(tmp_path: Path, damage: str) -> None:
    out = tmp_path / "out"
    write_folder(out)
    manifest = out / artifacts.MANIFEST
    match damage:
        case "change":
            (out / "sub" / "a.txt").write_text("jello")
        case "cut":
            (out / "sub" / "a.txt").write_text("")
        case "remove":
            (out / "sub" / "a.txt").unlink()
        case "add":
            (out / "b.txt").write_text("x")
        case "no manifest":
            manifest.unlink()
        case "broken manifest":
            manifest.write_text(manifest.read_text()[:20])
        case "schema":
            manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 99}))
    with pytest.raises(ArtifactError):
        artifacts.read(out, "parse")


def test_of_a_few_files_only_these_are_hashed_and_none_may_be_added(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder(out)
    (out / "sub" / "a.txt").write_text("jello")
    assert artifacts.read(out, only=[]).step == "parse"
    for name in ("sub/a.txt", "b.txt"):
        with pytest.raises(ArtifactError, match=name):
            artifacts.read(out, only=[name])
    (out / "b.txt").write_text("x")
    with pytest.raises(ArtifactError, match="not in the manifest"):
        artifacts.read(out, only=[])


def test_the_output_of_another_step_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "out")
    with pytest.raises(ArtifactError, match="output of `parse`, not of `correct`"):
        artifacts.read(tmp_path / "out", "correct")


def test_json_refuses_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        artifacts.write_json(tmp_path / "x.json", {"f1": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_or_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InfrastructureError, match="a device or a pipe"):
        artifacts.write_text(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()
