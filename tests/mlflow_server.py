"""A real MLflow server with accounts, on a real PostgreSQL: Debian's package, started in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest

from tests.loopback import free_port

ADMIN, PASSWORD = "admin", "correct horse battery"
_BINARIES = Path("/usr/lib/postgresql")
#: Seconds until a server answers; a busy machine is slow to import MLflow.
_START = 180.0


@dataclass(frozen=True)
class MlflowServer:
    """A running server.

    Attributes:
        uri: for MLFLOW_TRACKING_URI.
        log: what it prints.
    """

    uri: str
    log: Path

    def environment(self, user: str = ADMIN, password: str = PASSWORD) -> dict[str, str]:
        """The variables of a client."""
        return {
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "120",  # A busy machine is no fault of the server.
        }


@dataclass(frozen=True)
class Postgresql:
    """A running PostgreSQL.

    Attributes:
        folder: where its socket lies.
        user: who owns the databases, without a password.
    """

    folder: Path
    user: str


@contextmanager
def postgresql(*databases: str) -> Iterator[Postgresql]:
    """A PostgreSQL with these databases, empty."""
    versions = sorted(_BINARIES.glob("*/bin"), key=lambda path: int(path.parent.name))
    if not versions:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # Not below pytest's folder: that is for its user alone, and the server of root's tests runs as another.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user: tuple[str, ...] = ()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        user = ("runuser", "-u", "postgres", "--")
    owner = "postgres" if user else pwd.getpwuid(os.geteuid()).pw_name

    def call(program: str, *arguments: str) -> None:
        subprocess.run([*user, versions[-1] / program, *arguments], check=True, cwd="/", stdout=subprocess.DEVNULL)

    data = str(folder / "data")
    try:
        call("initdb", "-D", data, "--no-sync", "-A", "trust", "-U", owner)
        options = f"-F -k {folder} -c listen_addresses=''"
        call("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            for name in databases:
                call("createdb", "-h", str(folder), "-U", owner, name)
            yield Postgresql(folder, owner)
        finally:
            call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


@contextmanager
def mlflow_server(folder: Path) -> Iterator[MlflowServer]:
    """An MLflow server that asks for a user and a password; readers may read.

    Args:
        folder: for its files.
    """
    with postgresql("mlflow", "accounts") as place, (folder / "log").open("wb") as log:
        database = f"postgresql+psycopg2:///{{}}?host={place.folder}&user={place.user}"
        config = folder / "accounts.ini"
        # The cache spares a password's slow hash for each request; a wrong password is never in it.
        config.write_text(
            f"[mlflow]\ndefault_permission = READ\ndatabase_uri = {database.format('accounts')}\n"
            f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\nauth_cache_ttl_seconds = 3600\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--artifacts-destination", str(folder / "files")]
        command += ["--backend-store-uri", database.format("mlflow")]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        own = {"MLFLOW_AUTH_CONFIG_PATH": str(config), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test"}
        # MLflow's own webhooks only go to public addresses otherwise.
        own |= {
            "MLFLOW_WEBHOOK_CACHE_TTL": "0",
            "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
            "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        }
        with started(command, folder, kept | own, f"http://127.0.0.1:{port}", log):
            yield MlflowServer(f"http://127.0.0.1:{port}", folder / "log")


@contextmanager
def started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], address: str, log: BinaryIO
) -> Iterator[int]:
    """A server of MLflow that answers at this address, ended with all of its processes; gives the first one's id."""
    with subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdout=log, stderr=log, start_new_session=True
    ) as process:
        try:
            _wait(address, process, Path(log.name))
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # Its workers are processes of their own.


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/health", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"MLflow's server did not start: {log.read_text()[-2000:]}")
