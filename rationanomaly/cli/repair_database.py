"""`rationanomaly repair-database`: make MLflow's local database whole again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rationanomaly.cli import console


def repair_database(
    file: Annotated[Path | None, typer.Argument(help="The database; default: that of this project.")] = None,
) -> None:
    """Make MLflow's local database whole again, or a new one where nothing of it can be read.

    Experiments, runs and model versions that can be read are kept, and the damaged file stays beside the new one. End
    other runs of the project before.

    Example:

        rationanomaly repair-database mlflow.db
    """
    from rationanomaly.errors import ParamsError
    from rationanomaly.runs import tracking
    from rationanomaly.runs.database import local_file
    from rationanomaly.runs.database_repair import repair

    tracking.quieten()
    path = file or local_file(tracking.tracking_uri())
    if path is None:
        raise ParamsError("MLFLOW_TRACKING_URI names no local database", hint="Name the file")
    done = repair(path)
    kept = ", ".join(f"{count:,} {name}" for name, count in done.kept.items())
    if done.old is None:
        said = f"{path} is whole, and nothing was done: {kept}"
    else:
        said = f"{path} is whole again: {kept}; the damaged file is kept as {done.old}"
    console.STDERR.print(console.inert(said), highlight=False, soft_wrap=True)
