"""A real Prometheus Alertmanager, Debian's package `prometheus-alertmanager`, on loopback."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.loopback import free_port

PROGRAM = "prometheus-alertmanager"


@contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """Serve inside the block; gives the address. What it notifies of goes to ``webhook`` at once."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"{PROGRAM} is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "route": {
            "receiver": "us", "group_by": ["incident"], "group_wait": "0s", "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "us", "webhook_configs": [{"url": webhook, "send_resolved": True}]}],
    }  # fmt: skip
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump(document))
    port = free_port()
    command = [
        program, f"--config.file={config}", f"--storage.path={folder}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=warn",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _wait(url, server)
            yield url
        finally:
            server.kill()
            server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    """Until it answers."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        assert server.poll() is None, "the server has ended"
        try:
            if httpx.get(f"{url}/-/ready", timeout=10.0).is_success:
                return
        except httpx.HTTPError:
            pause.wait(0.05)
    raise AssertionError("the server does not answer")
