"""MLflow's database in a file is made whole or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rationanomaly.runs import database
from rationanomaly.runs.database import make_database

#: Is killed among the migrations, each of which is committed by itself.
KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from rationanomaly.runs.database import make_database
commits = iter(range(10))
event.listen(Engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL) if next(commits, None) is None else None)
make_database(sys.argv[1])
"""


def uri_of(path: Path) -> str:
    return f"sqlite:///{path}"


def tables_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def test_mlflow_uses_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mlflow.db"
    make_database(uri_of(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["mlflow.db"]
    client = MlflowClient(uri_of(path))
    found = client.create_experiment("one", artifact_location=tmp_path.as_uri())
    assert client.get_experiment(found).name == "one"


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"somebody's")
    make_database(uri_of(path))
    assert path.read_bytes() == b"somebody's"


def test_the_faster_of_two_processes_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mlflow.db"

    def make_while_another_does(new: Path) -> None:
        new.write_bytes(b"ours")
        path.write_bytes(b"theirs")

    monkeypatch.setattr(database, "_make_tables", make_while_another_does)
    make_database(uri_of(path))
    assert path.read_bytes() == b"theirs"
    assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(database, "_make_tables", lambda new: new.write_bytes(b"ours"))
    monkeypatch.setattr(os, "link", refuse)
    make_database(uri_of(tmp_path / "mlflow.db"))
    assert (tmp_path / "mlflow.db").read_bytes() == b"ours"


@pytest.mark.parametrize("uri", ["http://mlflow:5000", "sqlite://", "sqlite:///:memory:", "postgresql://host/name"])
def test_other_stores_are_left_alone(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_database(uri)
    assert not list(tmp_path.iterdir())


def test_killed_while_tables_are_made_it_leaves_no_file_that_a_later_run_would_take(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    killed = subprocess.run([sys.executable, "-c", KILLED, uri_of(path)])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob(".mlflow.db.*/mlflow.db")
    assert not path.exists()
    make_database(uri_of(path))
    assert MlflowClient(uri_of(path)).search_experiments()
    # The first tables were there, and the last were not.
    assert 0 < len(tables_of(left)) < len(tables_of(path))
