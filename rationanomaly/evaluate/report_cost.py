"""What a verdict costs, as the report shows it: the record of `benchmarks.cost`, where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.cost.record_file import read_record
from rationanomaly.cost.tables import CostTable, about, cost_tables
from rationanomaly.errors import ArtifactError
from rationanomaly.records import COST


@dataclass(frozen=True)
class ReportedCost:
    """One sentence of what was measured on what, and the tables."""

    about: str
    tables: Sequence[CostTable]


def reported_cost(folder: Path, given: Path | None = None) -> ReportedCost | None:
    """Of a file that is given, or of ``cost.json`` in the evaluate folder; None without either.

    Raises:
        ArtifactError: the file is no record of costs.
    """
    path = given or folder / COST
    if given is None and not path.is_file():
        return None
    record = read_record(path)
    try:
        return ReportedCost(about(record), cost_tables(record))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problem = f"is no record of costs: a value in it is of another kind ({error})"
        raise ArtifactError(problem, file=path, hint="Make it with `python -m benchmarks.cost`") from error
