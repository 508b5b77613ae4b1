"""Reads a record of costs (`record.Measured.as_record`) from its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rationanomaly.errors import ArtifactError

_PARTS = ("machine", "model", "batches", "alone", "known_lines", "new_templates", "costs", "training")
_HINT = "Make it with `python -m benchmarks.cost`"


def read_record(path: Path) -> dict[str, Any]:
    """The record.

    Raises:
        ArtifactError: no such file, or it holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, RecursionError, ValueError) as error:
        raise ArtifactError("is no record of costs", file=path, hint=_HINT) from error
    missing = [name for name in _PARTS if not isinstance(found, dict) or name not in found]
    if missing:
        raise ArtifactError(f"is no record of costs: it has no `{missing[0]}`", file=path, hint=_HINT)
    return dict(found)
