"""A Python whose processes are forked from one that has loaded the libraries: each starts in a moment, not in seconds.

    python -m tests.warm_python SOCKET        # the process that is forked

For tests that start many processes and aren't about how one starts. Our own modules are loaded by each process anew.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LIBRARIES = ("kfp.dsl.executor_main", "mlflow", "polars", "sklearn.linear_model", "peft", "trl", "datasets")
#: Classes that a library loads when they are asked for.
LAZY = {
    "transformers": ("LlamaForCausalLM", "PreTrainedTokenizerFast", "AutoTokenizer", "Trainer"),
    "trl": ("GRPOTrainer", "SFTTrainer"),
}

#: Stands for the interpreter: hands its arguments, environment, folder and streams over, and ends as the process does.
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    about = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(about).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(about)
    code = server.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextmanager
def warm_python() -> Iterator[str]:
    """The path of an executable that takes ``-m MODULE ARGUMENTS``, for ``sys.executable``."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))  # The path of a socket has to be short.
    address, client = folder / "socket", folder / "warm"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
    client.chmod(0o755)
    process = subprocess.Popen([sys.executable, "-m", "tests.warm_python", str(address)])
    try:
        while not address.exists():
            assert process.poll() is None, "the process to be forked has ended"
            time.sleep(0.05)
        yield str(client)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def serve(address: str) -> None:
    """Load the libraries, then fork for each that connects, as long as the process that started this one lives."""
    parent = os.getppid()
    for name in LIBRARIES:
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
    """Run what the client asks for in a process of its own, and say how it ended."""
    size, streams, _, _ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as file:
        arguments, environment, folder = json.loads(file.read(int.from_bytes(size, "big")))
    process = os.fork()
    if process == 0:
        client.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        os._exit(_run(arguments))
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(process, 0)
    client.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
    os._exit(0)


def _run(arguments: list[str]) -> int:
    """As the interpreter runs ``-m MODULE ARGUMENTS``; the exit code."""
    option, module, *others = arguments
    assert option == "-m", arguments
    sys.argv = [module, *others]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
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
