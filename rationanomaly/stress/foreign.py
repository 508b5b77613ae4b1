"""Logs of systems that a model was not trained on: whether it knows their faults, and leaves their daily work alone.

`foreign.csv` holds them, one message a row with its system and its label; to add a system, add rows.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib import resources

from rationanomaly.records import LABELS
from rationanomaly.stress.cases import Case, is_abnormal

_COLUMNS = ["system", "label", "text"]


def foreign_cases() -> Iterator[Case]:
    """All foreign logs. Rates: ``foreign/false_alarms`` of the benign ones, ``foreign/recall`` of the faults."""
    for system, label, text in read_foreign():
        if label == "abnormal":
            yield Case(("foreign/recall",), f"foreign/{system}", text, is_abnormal, label, fails_if=False)
        else:
            yield Case(("foreign/false_alarms",), f"foreign/{system}", text, is_abnormal, label)


def read_foreign() -> list[tuple[str, str, str]]:
    """System, label and text of each foreign log."""
    file = resources.files("rationanomaly.stress") / "foreign.csv"
    header, *rows = csv.reader(file.read_text(encoding="utf-8").splitlines(), strict=True)
    wrong = [row for row in rows if len(row) != len(_COLUMNS) or row[1] not in LABELS]
    if header != _COLUMNS or wrong:
        raise ValueError(f"stress/foreign.csv: not a row of {', '.join(_COLUMNS)}: {wrong[:1] or header}")
    return [(system, label, text) for system, label, text in rows]
