"""A Python whose processes are forked from one that has loaded the libraries: each starts in a moment, not in seconds.

    python -m tests.warm_python SOCKET        # the process that is forked

For tests that start many processes and aren't about how one starts. Our own modules are loaded by each process anew. A
signal is passed to the process, its end is the same, and it is killed with what stands for it.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LIBRARIES = ("kfp.dsl.executor_main", "mlflow", "polars", "sklearn.linear_model", "peft", "trl", "datasets")
#: Classes that a library loads when they are asked for.
LAZY = {
    "transformers": ("LlamaForCausalLM", "PreTrainedTokenizerFast", "AutoTokenizer", "Trainer"),
    "trl": ("GRPOTrainer", "SFTTrainer"),
}

#: What is sent to a client, and what its process gets.
SIGNALS = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGHUP: signal.SIGHUP,
    signal.SIGUSR2: signal.SIGKILL,
}
#: Stands for the interpreter: hands its arguments, environment, folder and streams over, and ends as the process does.
CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    for sent, heard in {signals}:
        signal.signal(sent, lambda _, frame, number=heard: server.send(bytes([number])))
    about = json.dumps([sys.argv, dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(about).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(about)
    code = int.from_bytes(server.recv(4), "big", signed=True)
if code < 0:
    signal.signal(-code, signal.SIG_DFL) if -code not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -code)
sys.exit(code)
"""
#: Stands for a program of the package in a folder of PATH.
PROGRAM = """#!/bin/sh
exec '{python}' -c 'from rationanomaly.cli.app import main; main()' "$@"
"""


@contextmanager
def warm_python() -> Iterator[str]:
    """The path of an executable that takes ``-m MODULE ARGUMENTS``, for ``sys.executable``."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))  # The path of a socket has to be short.
    address, client = folder / "socket", folder / "warm"
    signals = [(int(sent), int(heard)) for sent, heard in SIGNALS.items()]
    client.write_text(CLIENT.format(python=sys.executable, address=str(address), signals=signals), encoding="utf-8")
    client.chmod(0o755)
    process = subprocess.Popen([sys.executable, "-m", "tests.warm_python", str(address)])
    try:
        while not address.exists():
            assert process.poll() is None, "the process to be forked has exited"
            time.sleep(0.05)
        yield str(client)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def write_program(python: str, folder: Path) -> None:
    """Put a ``rationanomaly`` into ``folder`` that ``python``, of `warm_python`, runs."""
    program = folder / "rationanomaly"
    program.write_text(PROGRAM.format(python=python), encoding="utf-8")
    program.chmod(0o755)


def kill(process: subprocess.Popen[Any]) -> None:
    """End what ``process`` stands for with SIGKILL; it is gone when this returns. `Popen.kill` is not so prompt."""
    process.send_signal(signal.SIGUSR2)
    process.wait()


def serve(address: str) -> None:
    """Load the libraries, then fork for each that connects, as long as the process that started this one lives."""
    parent = os.getppid()
    for name in ("multiprocessing.spawn", *LIBRARIES):  # The former remembers the real interpreter.
        importlib.import_module(name)
    for name, classes in LAZY.items():
        module = importlib.import_module(name)
        assert all(getattr(module, each) for each in classes)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{address}.new")
        server.listen()
        server.settimeout(1)
        Path(f"{address}.new").rename(address)
        while os.getppid() == parent:
            try:
                client, _ = server.accept()
            except TimeoutError:
                continue
            client.setblocking(True)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            with client:
                if os.fork() == 0:
                    server.close()
                    _attend(client)


def _attend(client: socket.socket) -> None:
    """Run what the client asks for in a process of its own, hand on its signals, and say how the process exited."""
    size, streams, _, _ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb", buffering=0) as file:
        about = b""
        while len(about) < int.from_bytes(size, "big"):
            if not (part := file.read(int.from_bytes(size, "big") - len(about))):
                os._exit(1)  # What asked was killed meanwhile.
            about += part
    (program, *arguments), environment, folder = json.loads(about)
    process = os.fork()
    if process == 0:
        client.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.executable = program
        os._exit(_run(arguments))
    for stream in streams:
        os.close(stream)
    exited = os.pidfd_open(process)
    watched = [exited, client.fileno()]
    while exited not in select.select(watched, [], [])[0]:
        numbers = client.recv(1)
        if not numbers:  # What stands for it was killed.
            watched = [exited]
        os.kill(process, numbers[0] if numbers else signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with suppress(BrokenPipeError):
        client.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    os._exit(0)


def _run(arguments: list[str]) -> int:
    """As the interpreter runs ``-m MODULE ARGUMENTS`` and ``-c CODE ARGUMENTS``; the exit code."""
    while arguments[0] == "-u":
        arguments = arguments[1:]
    option, what, *others = arguments
    assert option in ("-m", "-c"), arguments
    sys.argv = [what if option == "-m" else option, *others]
    try:
        if option == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            exec(what, {"__name__": "__main__"})
        return 0
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        sys.stderr.write(f"{stop.code}\n")
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    serve(sys.argv[1])
