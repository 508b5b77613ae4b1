"""Processes that stand, in a PID namespace, where two of a pipeline's pod do: argo's emissary and Kubeflow's launcher.

    python -IS tests/training/pod_processes.py emissary COMMAND …

What they do with signals, and nothing else, as argoexec 4.0.5 (`emissary.go`, `osspecific/signal_darwin.go`) and KFP
2.17 (`launcher_v2.go`) do it.
"""

import os
import signal
import subprocess
import sys
import time


def emissary(command: list[str]) -> int:
    """Process 1: gives its child a process group, hands all signals to the group, and ends with the child."""
    child = subprocess.Popen([sys.executable, "-IS", __file__, "launcher", *command], process_group=0)

    def forward(number: int, _frame: object) -> None:
        os.killpg(child.pid, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child.pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        time.sleep(1)


def launcher(command: list[str]) -> int:
    """Runs the command in its own group, and takes no signals itself."""
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit({"emissary": emissary, "launcher": launcher}[sys.argv[1]](sys.argv[2:]))
