"""MLflow's database in a file, made whole or not at all, and checked before MLflow opens it.

MLflow makes its tables in dozens of migrations, and SQLite commits each by itself. A first run that is killed among
them would leave a file in which no later run finds its way. The tables are therefore made in a file beside it, which
takes the place of the database when it is complete. Runs that write at once wait for each other: MLflow asks SQLite to
wait for 20 seconds, and a new file is written ahead (WAL), so that who reads waits for nobody.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from rationanomaly.artifacts import sync, translated_disk_errors, try_lock, workplace
from rationanomaly.errors import InfrastructureError

_SQLITE = "sqlite:///"
#: What SQLite keeps beside a file that is in use or was not closed.
SIDECARS = ("-wal", "-shm", "-journal")
#: How long one that makes a database waits for another that does.
_MAKING_SECONDS = 120.0
#: How long a check waits for a file that another process keeps for itself.
_BUSY_SECONDS = 20.0
#: Files up to this size are read whole by a check, which takes a moment; of larger ones the head and the schema are.
_CHECKED_BYTES = 32 * 2**20
#: Kinds of file systems on which processes share no memory, which WAL needs.
_NETWORK = ("nfs", "cifs", "smb", "fuse", "ceph", "lustre", "gluster", "9p", "afs")


def local_file(uri: str) -> Path | None:
    """The file of a tracking URI; None where it names a server, another database or one in memory."""
    path = Path(uri.removeprefix(_SQLITE))
    return None if not uri.startswith(_SQLITE) or "?" in uri or path.name in ("", ":memory:") else path


def make_database(uri: str) -> None:
    """Make the SQLite file of a tracking URI, with all its tables, unless it is there; other stores make their own.

    Raises:
        InfrastructureError: the disk is full, the folder can't be written, or the file that is there is damaged.
    """
    path = local_file(uri)
    if path is None:
        return
    if is_absent(path):
        with translated_disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with making(path) as alone:
                if is_absent(path):
                    with workplace(path) as place:
                        new = place / path.name
                        make_tables(new)
                        _publish(new, path, replacing=alone)
    check(path)


def is_absent(path: Path) -> bool:
    """Whether there is no file, or an empty one, such as SQLite leaves where it is stopped before it writes."""
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True


@contextmanager
def making(path: Path) -> Iterator[bool]:
    """Wait until nobody else makes or repairs this database; gives whether that is sure.

    It is not where the file system has no locks, or the other one stands still.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        end = time.monotonic() + _MAKING_SECONDS
        while (locked := try_lock(folder)) is False and time.monotonic() < end:
            time.sleep(0.05)
        yield bool(locked)
    finally:
        os.close(folder)


def check(path: Path) -> None:
    """Refuse a file that is damaged, is no database or was left half-made, before MLflow opens it.

    Raises:
        InfrastructureError: it is; or it can't be opened.
    """
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            tables = tables_of(connection)
            if path.stat().st_size <= _CHECKED_BYTES:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise damaged(path, found)
            if tables and schema_version(connection) is None:
                raise damaged(path, "its tables were not all made")
    except sqlite3.Error as error:
        raise error_of(path, error) from error


def error_of(path: Path, error: sqlite3.Error) -> InfrastructureError:
    """What an error of SQLite says of a file."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return damaged(path, str(error))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return busy(path)
    hint = "Check that you may read and write it and its folder, and that the disk has room"
    return InfrastructureError(f"can't be opened: {error}", file=path, hint=hint)


def damaged(path: Path, why: str) -> InfrastructureError:
    """The error that names the command which repairs or renews a file."""
    hint = f"End other runs here and run `rationanomaly repair-database {path}`, which keeps what can be read"
    return InfrastructureError(f"MLflow's database is damaged: {why}", file=path, hint=hint, retry_helps=False)


def busy(path: Path) -> InfrastructureError:
    """The error of a file that another process keeps for itself."""
    hint = "End it, or wait and run this again"
    return InfrastructureError("another process keeps MLflow's database for itself", file=path, hint=hint)


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """The names of its tables, without those of SQLite itself."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    return {name for (name,) in connection.execute(query)}


def schema_version(connection: sqlite3.Connection) -> str | None:
    """What the migrations have come to; None where none has ended."""
    if "alembic_version" not in tables_of(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def make_tables(path: Path) -> None:
    """Make a new file with all of MLflow's tables, and wait until it is on the disk."""
    _migrate(path)
    if not _is_on_network(path):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # It is a property of the file.
    sync(path)


def _migrate(path: Path) -> None:
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"{_SQLITE}{path}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)
    store.engine.dispose()  # Nobody may hold the file under a name that it loses.


def _publish(new: Path, path: Path, *, replacing: bool) -> None:
    """Give a new file its name; one that another process has made meanwhile stays, for it may hold runs."""
    if replacing and path.exists():  # Empty, and nobody else is making it.
        os.replace(new, path)
    else:
        try:
            with suppress(FileExistsError):
                os.link(new, path)  # Not a rename: that would replace the other's.
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP):
                raise
            os.rename(new, path)  # A file system without links.
    sync(path.parent)


def _is_on_network(path: Path) -> bool:
    """Whether its file system is one that several machines share."""
    device = path.parent.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError, ValueError), Path("/proc/self/mountinfo").open(encoding="utf-8", errors="replace") as mounts:
        for mount in mounts:
            fields = mount.split()
            if fields[2] == number:
                return fields[fields.index("-") + 1].startswith(_NETWORK)
    return False
