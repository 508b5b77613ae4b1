"""Repair MLflow's database in a file: keep what can be read of it in a new one, and the old file beside it.

A file that is whole and of an earlier MLflow is brought up to date by MLflow itself. From any other, the rows that can
be read are copied into new tables, from both ends of each, so that only what lies around the damage is lost.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.artifacts import sync, translated_disk_errors, workplace
from rationanomaly.errors import InfrastructureError
from rationanomaly.runs.database import SIDECARS, is_absent, make_tables, making, schema_version, tables_of

#: What is counted for whoever repairs: table by what a person calls its rows.
_COUNTED = {"experiments": "experiments", "runs": "runs", "model versions": "model_versions"}
_VERSION = "alembic_version"
#: Up to this many times its size a file may have been; more is a head that is damaged.
_MAX_CUT = 100


@dataclass(frozen=True)
class Repair:
    """What came of it.

    Attributes:
        kept: how many experiments, runs and model versions the database holds now.
        old: where the damaged file lies now; None: the database was whole, and nothing was done.
    """

    kept: Mapping[str, int]
    old: Path | None


def repair(path: Path) -> Repair:
    """Repair a file, or renew it where nothing can be read; one that is whole stays as it is.

    Args:
        path: the database. No other process may use it meanwhile.

    Raises:
        InfrastructureError: there is no such file, or the disk is full or can't be written.
    """
    if not path.is_file():
        raise InfrastructureError("no such database", file=path, hint="Name the file, such as mlflow.db")
    with translated_disk_errors(path), making(path), workplace(path) as place:
        new, copy = place / path.name, place / "old.db"
        make_tables(new)
        for suffix in ("", *SIDECARS):
            if suffix != "-shm" and Path(f"{path}{suffix}").is_file():
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        _pad(copy)
        if _is_whole(copy, new):
            return Repair(_count(copy), None)
        if _is_readable(copy) and _upgraded(copy, new):
            new = copy
        else:
            _copy_rows(copy, new)
        sync(new)
        old = _free_name(path)
        _replace(path, new, old)
    return Repair(_count(path), old)


def _pad(file: Path) -> None:
    """Bring a file that was cut off to the size that its head states: SQLite would read no page of it."""
    with file.open("r+b") as opened:
        head = opened.read(32)
        if head.startswith(b"SQLite format 3\0") and len(head) == 32:
            page, pages = int.from_bytes(head[16:18]), int.from_bytes(head[28:32])
            size = file.stat().st_size
            if size < page * pages <= size * _MAX_CUT:
                opened.truncate(page * pages)


def _is_whole(file: Path, new: Path) -> bool:
    with closing(sqlite3.connect(new)) as connection:
        version, tables = schema_version(connection), tables_of(connection)
    with suppress(sqlite3.Error), closing(sqlite3.connect(file)) as connection:
        sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        return sound and schema_version(connection) == version and tables <= tables_of(connection)
    return False


def _is_readable(file: Path) -> bool:
    with suppress(sqlite3.Error), closing(sqlite3.connect(file)) as connection:
        sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
        return sound and schema_version(connection) is not None
    return False


def _upgraded(file: Path, new: Path) -> bool:
    """Let MLflow bring a file of an earlier version up to date; False where it can't."""
    command = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{file}"]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0 and _is_whole(file, new)


def _copy_rows(old: Path, new: Path) -> None:
    """Copy each row of each table that can be read and that the new tables take."""
    with closing(sqlite3.connect(old)) as source, closing(sqlite3.connect(new)) as target:
        source.text_factory = lambda text: text.decode(errors="replace")
        with target:
            for table in sorted(tables_of(target) - {_VERSION}):
                with suppress(sqlite3.Error):
                    _copy_table(source, target, table)
            while orphans := target.execute("PRAGMA foreign_key_check").fetchall():
                for table, row, *_ in orphans:
                    target.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (row,))  # noqa: S608 - a table of ours
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str) -> None:
    known = _columns(source, table)
    columns = [name for name in _columns(target, table) if name in known]
    if not columns:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    insert = f'INSERT OR REPLACE INTO "{table}" ({names}) VALUES ({", ".join("?" * len(columns))})'  # noqa: S608
    for order in ("ASC", "DESC"):
        try:
            query = f'SELECT {names} FROM "{table}" NOT INDEXED ORDER BY rowid {order}'  # noqa: S608
            for row in source.execute(query):
                with suppress(sqlite3.IntegrityError):
                    target.execute(insert, row)
        except sqlite3.Error:
            continue  # The other end may be readable.
        return


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]


def _count(file: Path) -> dict[str, int]:
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT count(*) FROM {}"
        rows = {name: connection.execute(query.format(table)).fetchone() for name, table in _COUNTED.items()}
        return {name: int(count) for name, (count,) in rows.items()}


def _free_name(path: Path) -> Path:
    """A name beside it that nothing has."""
    number = 1
    while (old := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return old


def _replace(path: Path, new: Path, old: Path) -> None:
    """Keep the old file under another name, and let the new one take its place."""
    shutil.copyfile(path, old)
    sync(old)
    for suffix in SIDECARS:
        beside = Path(f"{path}{suffix}")
        # A log that was written ahead of the old file would be read into the new one.
        if beside.exists() and not is_absent(beside) and suffix != "-shm":
            os.replace(beside, f"{old}{suffix}")
        beside.unlink(missing_ok=True)
    os.replace(new, path)
    sync(path.parent)
