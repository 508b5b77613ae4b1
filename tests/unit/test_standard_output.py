"""Standard output that takes no more: a full disk is one line, a closed pipe silence; never a bug of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
#: A command line whose only command writes much, in pieces or at once, with `print`, rich or typer.
PROGRAM = """
import sys, typer
from rationanomaly.cli.app import run_app
from rationanomaly.cli import console
app = typer.Typer(pretty_exceptions_enable=False)
@app.command()
def write(how: str, times: int) -> None:
    for _ in range(times):
        if how == "stdout":
            sys.stdout.write("row\\n")
        elif how == "flushed":
            print("row", flush=True)
        elif how == "rich":
            console.STDOUT.print("row")
        elif how == "echo":
            typer.echo("row")
        elif how == "once":
            sys.stdout.write("row\\n" * 100_000)
    if how == "fail":
        from rationanomaly.errors import InputError
        sys.stdout.write("row\\n")
        raise InputError("holds nothing")
run_app(app)
"""
WAYS = ["stdout 1", "stdout 100000", "flushed 1", "rich 1", "echo 1", "once 1", "--help"]


def _run(arguments: str, output: int, unbuffered: str = "") -> tuple[int, str]:
    command = [sys.executable, "-c", PROGRAM, *arguments.split()]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=120, check=False, env=environment
    )
    return done.returncode, done.stderr


def _run_closed(arguments: str) -> tuple[int, str]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return _run(arguments, writing)
    finally:
        os.close(writing)


@pytest.mark.skipif(not FULL.exists(), reason="the system has no full device")
@pytest.mark.parametrize(("arguments", "unbuffered"), [*((way, "") for way in WAYS), ("echo 1", "1"), ("rich 1", "1")])
def test_a_full_disk_behind_standard_output_is_one_line(arguments: str, unbuffered: str) -> None:
    with FULL.open("wb") as full:
        code, said = _run(arguments, full.fileno(), unbuffered)
    assert code == 7
    expected = "error standard output: No space left on device. Make room where it goes, or let it go elsewhere.\n"
    assert said == expected


@pytest.mark.parametrize("arguments", WAYS)
def test_a_closed_pipe_ends_a_command_silently(arguments: str) -> None:
    assert _run_closed(arguments) == (141, "")


def test_an_error_comes_out_though_standard_output_is_closed() -> None:
    assert _run_closed("fail 0") == (3, "error holds nothing.\n")


def test_a_pipe_that_is_read_gets_all() -> None:
    command = [sys.executable, "-c", PROGRAM, "stdout", "100000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "row\n" * 100_000, "")
