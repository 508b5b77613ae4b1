"""MLflow's server as `mlflow/` installs it: the same arguments, environment and accounts, on this machine.

What the cluster would give differs: address, port, PostgreSQL's host, the store's address, what the secret holds.
"""

from __future__ import annotations

import logging
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psutil
import yaml
from moto.server import ThreadedMotoServer

from tests.conftest import ROOT
from tests.http_proxy import proxy_to
from tests.loopback import free_port
from tests.mlflow_server import postgresql, started

FOLDER = ROOT / "mlflow"
#: As the params name it for pods: `cluster.tracking_uri`.
URI = "http://mlflow.mlflow:5000"
ADMIN, PASSWORD = "admin", "correct horse battery"
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def documents() -> dict[str, Any]:
    """The documents of `mlflow/server.yaml` by their kind."""
    return {row["kind"]: row for row in yaml.safe_load_all((FOLDER / "server.yaml").read_text())}


def container() -> dict[str, Any]:
    """The one container of the server's pod."""
    (found,) = documents()["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def settings() -> dict[str, str]:
    """What kustomize makes of `mlflow/settings.env`."""
    lines = [line.strip() for line in (FOLDER / "settings.env").read_text().splitlines()]
    rows = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in rows}


def memory_limit() -> int:
    """Bytes that the pod may use."""
    text = container()["resources"]["limits"]["memory"]
    return int(text[:-2]) * _UNITS[text[-2:]]


@dataclass(frozen=True)
class TrackingServer:
    """A running server.

    Attributes:
        address: where it listens on this machine.
        proxy: by which its name in the cluster leads to it.
        hosts: that the proxy was asked for.
        pid: of its first process.
        bucket: a client of the object store, and the bucket's name.
        log: what it prints.
    """

    address: str
    proxy: str
    hosts: set[str]
    pid: int
    bucket: tuple[Any, str]
    log: Path

    def environment(self, user: str = ADMIN, password: str = PASSWORD) -> dict[str, str]:
        """The variables of a client, as a pod has them, with the proxy that stands for the cluster's names."""
        return {
            "MLFLOW_TRACKING_URI": URI,
            "MLFLOW_TRACKING_USERNAME": user,
            "MLFLOW_TRACKING_PASSWORD": password,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "120",  # A busy machine is no fault of the server.
            **dict.fromkeys(("http_proxy", "HTTP_PROXY"), self.proxy),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost"),
        }

    def memory(self) -> int:
        """Bytes of all its processes; what they share counts once."""
        first = psutil.Process(self.pid)
        return sum(one.memory_full_info().pss for one in (first, *first.children(recursive=True)))

    def files(self) -> list[str]:
        """Keys of what lies in the bucket."""
        client, name = self.bucket
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=name)
        return [row["Key"] for page in pages for row in page.get("Contents", [])]


@contextmanager
def tracking_server(folder: Path) -> Iterator[TrackingServer]:
    """The server on PostgreSQL and an object store, both real and empty.

    Args:
        folder: for its files.
    """
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request else
    store = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    store.start()
    try:
        place, number = store.get_host_and_port()
        with postgresql("mlflow", "mlflow_accounts") as database, (folder / "log").open("wb") as log:
            port = free_port()
            secret = {
                "PGUSER": database.user,
                "PGPASSWORD": "none is asked for",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "of a test",
                "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "of a test",
            }
            environment = variables(secret) | {
                "PGHOST": str(database.folder),
                "MLFLOW_S3_ENDPOINT_URL": f"http://{place}:{number}",
                "MLFLOW_AUTH_CONFIG_PATH": str(FOLDER / "accounts.ini"),
                "HOME": str(folder),
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "TMPDIR": str(folder),
            }
            bucket = _bucket(environment)
            address = f"http://127.0.0.1:{port}"
            command = arguments(environment | {"HOST": "127.0.0.1", "PORT": str(port)})
            with (
                started(command, folder, environment, address, log) as pid,
                proxy_to("127.0.0.1", port) as (proxy, hosts),
            ):
                yield TrackingServer(address, proxy, hosts, pid, bucket, folder / "log")
    finally:
        store.stop()


def variables(secret: Mapping[str, str]) -> dict[str, str]:
    """The container's environment: its own variables, the settings and the secret."""
    own = {row["name"]: row["value"] for row in container()["env"]}
    return settings() | dict(secret) | own


def arguments(environment: Mapping[str, str]) -> list[str]:
    """The container's command and arguments, its variables filled in as Kubernetes does; host and port are ours."""
    found = container()
    filled = [re.sub(r"\$\((\w+)\)", lambda name: environment[name[1]], one) for one in found["args"]]
    moved = {"--host": environment["HOST"], "--port": environment["PORT"]}
    changed = [f"{name}={moved[name]}" if (name := one.partition("=")[0]) in moved else one for one in filled]
    program, *more = found["command"]
    return [str(shutil.which(program, path=environment["PATH"])), *more, *changed]


def _bucket(environment: Mapping[str, str]) -> tuple[Any, str]:
    """The bucket of `ARTIFACTS_DESTINATION`, made."""
    client = boto3.client(
        "s3",
        endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    name = environment["ARTIFACTS_DESTINATION"].removeprefix("s3://").partition("/")[0]
    client.create_bucket(Bucket=name)
    return client, name
