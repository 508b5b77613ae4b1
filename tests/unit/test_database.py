"""MLflow's database in a file is made whole or not at all; what can be read of a damaged one is kept."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from rationanomaly.artifacts import sha256
from rationanomaly.cli.app import app
from rationanomaly.errors import InfrastructureError
from rationanomaly.runs import database, model_registry
from rationanomaly.runs.database import make_database
from rationanomaly.runs.database_repair import repair
from rationanomaly.runs.registry_errors import opening
from tests.mlflow_store import new_store

RUNS = 30
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


def write_database(path: Path, table: str) -> None:
    """A small database that is none of MLflow's."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE {table} (value)")
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES ('one')")


def test_mlflow_uses_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mlflow.db"
    make_database(uri_of(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["mlflow.db"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    client = MlflowClient(uri_of(path))
    found = client.create_experiment("one", artifact_location=tmp_path.as_uri())
    assert client.get_experiment(found).name == "one"


def test_on_a_network_disk_nothing_is_written_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_NETWORK", ("",))
    monkeypatch.setattr(database, "_migrate", lambda new: write_database(new, "ours"))
    make_database(uri_of(tmp_path / "mlflow.db"))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    write_database(path, "somebodys")
    before = sha256(path)
    make_database(uri_of(path))
    assert sha256(path) == before


def test_the_faster_of_two_processes_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mlflow.db"

    def make_while_another_does(new: Path) -> None:
        write_database(new, "ours")
        write_database(path, "theirs")

    monkeypatch.setattr(database, "make_tables", make_while_another_does)
    monkeypatch.setattr(database, "try_lock", lambda _: None)  # Where there are no locks.
    make_database(uri_of(path))
    assert "theirs" in tables_of(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mlflow.db"]


def test_of_two_at_once_one_makes_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, made, under_way = tmp_path / "mlflow.db", list[Path](), threading.Event()

    def make(new: Path) -> None:
        made.append(new)
        under_way.set()
        write_database(new, "ours")

    monkeypatch.setattr(database, "make_tables", make)
    other = threading.Thread(target=make_database, args=(uri_of(path),))
    with database.making(path) as alone:
        assert alone
        other.start()
        assert not under_way.wait(0.3)
    other.join(60)
    make_database(uri_of(path))
    assert len(made) == 1 and "ours" in tables_of(path)


def test_an_empty_file_is_no_database_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mlflow.db"
    path.touch()
    monkeypatch.setattr(database, "make_tables", lambda new: write_database(new, "ours"))
    make_database(uri_of(path))
    assert "ours" in tables_of(path)


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(database, "make_tables", lambda new: write_database(new, "ours"))
    monkeypatch.setattr(os, "link", refuse)
    make_database(uri_of(tmp_path / "mlflow.db"))
    assert "ours" in tables_of(tmp_path / "mlflow.db")


@pytest.mark.parametrize("uri", ["http://mlflow:5000", "sqlite://", "sqlite:///:memory:", "postgresql://host/name"])
def test_other_stores_are_left_alone(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_database(uri)
    assert not list(tmp_path.iterdir())


def test_killed_while_tables_are_made_it_leaves_no_file_that_a_later_run_would_take(tmp_path: Path) -> None:
    path, others = tmp_path / "mlflow.db", [tmp_path / "opened.db", tmp_path / "repaired.db"]
    killed = subprocess.run([sys.executable, "-c", KILLED, uri_of(path)])
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.glob(".mlflow.db.*/mlflow.db")
    assert not path.exists()
    half_made = tables_of(left)
    for other in others:
        shutil.copyfile(left, other)
    make_database(uri_of(path))
    assert MlflowClient(uri_of(path)).search_experiments()
    # The first tables were there, and the last were not.
    assert 0 < len(half_made) < len(tables_of(path))
    assert not left.exists()

    # As an MLflow that makes them in place leaves it.
    opened, repaired = others
    said = r"were not all made.*`rationanomaly repair-database"
    with pytest.raises(InfrastructureError, match=said), opening(uri_of(opened)):
        make_database(uri_of(opened))
        MlflowClient(uri_of(opened)).search_experiments()
    assert repair(repaired).old is not None
    make_database(uri_of(repaired))
    assert MlflowClient(uri_of(repaired)).search_experiments()


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database with runs in it."""
    uri = new_store(tmp_path_factory)
    client = MlflowClient(uri)
    experiment = client.create_experiment("ours", artifact_location="file:///nowhere")
    for number in range(RUNS):
        client.create_run(experiment, tags={"number": str(number), "long": "x" * 2000})
    file = Path(uri.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.read_bytes()


def cut(content: bytearray) -> bytearray:
    return content[: -5 * 4096]


def cut_short(content: bytearray) -> bytearray:
    return content[:50]


def overwritten(content: bytearray) -> bytearray:
    content[:4096] = random.Random(0).randbytes(4096)
    return content


def text(_: bytearray) -> bytearray:
    return bytearray(b"no database, and long enough for the head of one" * 99)


def page(content: bytearray) -> bytearray:
    """The page with the long values of a run, of which the others lie before and behind."""
    place = content.rindex(b"x" * 1500) // 4096 * 4096
    content[place : place + 4096] = random.Random(0).randbytes(4096)
    return content


@pytest.fixture
def quick(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that are copied: to make them takes seconds."""
    store = new_store(tmp_path_factory).removeprefix("sqlite:///")
    monkeypatch.setattr(database, "_migrate", lambda new: shutil.copyfile(store, new))


DAMAGE: dict[Callable[[bytearray], bytearray], int] = {cut: 1, cut_short: 0, overwritten: 0, text: 0, page: RUNS}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_named_with_the_command_that_repairs_or_renews_it(
    damage: Callable[[bytearray], bytearray], used: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"
    content = bytes(damage(bytearray(used)))
    path.write_bytes(content)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri_of(path))
    with pytest.raises(InfrastructureError, match="is damaged") as caught:
        model_registry.connect()
    assert f"`rationanomaly repair-database {path}`" in str(caught.value)
    assert not caught.value.retry_helps

    done = CliRunner().invoke(app, ["repair-database"])
    assert done.exit_code == 0, done.output
    assert f"the damaged file is kept as {path}.damaged-1" in " ".join(done.stderr.split())
    assert Path(f"{path}.damaged-1").read_bytes() == content
    client = model_registry.connect()
    experiments = [found.experiment_id for found in client.search_experiments()]
    assert len(client.search_runs(experiments, max_results=100)) >= DAMAGE[damage]
    client.create_run(experiments[0])
    assert {entry.name for entry in tmp_path.iterdir()} - {"mlflow.db-wal", "mlflow.db-shm"} == {
        "mlflow.db",
        "mlflow.db.damaged-1",
    }


@pytest.mark.usefixtures("quick")
def test_a_whole_file_stays_as_it_is(used: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(used)
    done = CliRunner().invoke(app, ["repair-database", str(path)])
    assert done.exit_code == 0, done.output
    assert f"{RUNS} runs" in done.stderr and "nothing was done" in " ".join(done.stderr.split())
    assert path.read_bytes() == used


KILLED_AHEAD = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("UPDATE runs SET name = 'late'")
connection.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def late_runs(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM runs WHERE name = 'late'").fetchone()[0])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("outdated", [False, True])
def test_what_a_killed_run_wrote_ahead_is_kept(outdated: bool, used: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(used)
    if outdated:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TABLE alembic_version")
    subprocess.run([sys.executable, "-c", KILLED_AHEAD, str(path)], check=False)
    shutil.copyfile(path, tmp_path / "alone.db")
    assert Path(f"{path}-wal").stat().st_size and not late_runs(tmp_path / "alone.db")
    found = repair(path)
    assert (found.old is not None) is outdated
    assert found.kept["runs"] == late_runs(path) == RUNS


def test_a_file_that_another_process_keeps_for_itself_is_said_as_such(
    used: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mlflow.db"
    path.write_bytes(used)
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InfrastructureError, match="another process keeps MLflow's database for itself"):
            make_database(uri_of(path))
    make_database(uri_of(path))


def test_there_must_be_a_file_to_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InfrastructureError, match="no such database"):
        repair(tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    assert CliRunner().invoke(app, ["repair-database"]).exit_code
