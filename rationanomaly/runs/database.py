"""MLflow's database in a file, made whole or not at all.

MLflow makes its tables in dozens of migrations, and SQLite commits each by itself. A first run that is killed among
them would leave a file in which no later run finds its way.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from rationanomaly.artifacts import sync, translated_disk_errors

_SQLITE = "sqlite:///"


def make_database(uri: str) -> None:
    """Make the SQLite file of a tracking URI, with all its tables, unless it is there; other stores make their own.

    Raises:
        InfrastructureError: the disk is full, or the folder can't be written.
    """
    path = Path(uri.removeprefix(_SQLITE))
    if not uri.startswith(_SQLITE) or "?" in uri or path.name in ("", ":memory:") or path.exists():
        return
    with translated_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as place:
            new = Path(place).resolve() / path.name
            _make_tables(new)
            sync(new)
            _publish(new, path)


def _publish(new: Path, path: Path) -> None:
    try:
        # Not a rename: where another process was faster, its file may hold runs by now.
        with suppress(FileExistsError):
            os.link(new, path)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        os.rename(new, path)  # A file system without links.


def _make_tables(path: Path) -> None:
    from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"{_SQLITE}{path}", DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH)
    store.engine.dispose()  # Nobody may hold the file under a name that it loses.
