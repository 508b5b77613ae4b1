"""Counts and curves of the final model as plain numbers, as Kubeflow's page draws them.

    from pathlib import Path
    from rationanomaly.evaluate.classification import read_classification
    read_classification(Path("outputs/laptop/evaluate"))["templates"].matrix

Made from the files of an evaluate folder. Kubeflow's page draws no curve that holds a number which is not finite, and
its store takes messages of 4 MB; so scores without a number are passed over, and of long curves some points are kept.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rationanomaly.evaluate.report_files import read_evaluation
from rationanomaly.evaluate.roc import roc_curve
from rationanomaly.records import LABELS

#: Points of a curve that are kept: more can't be told apart on a page.
MAX_POINTS = 200
_INVALID = "invalid"


@dataclass(frozen=True)
class Classification:
    """What the final model says of things of one kind.

    Attributes:
        categories: normal and abnormal; behind them invalid, where an answer is.
        matrix: number of things by truth (row) and answer (column), in the order of the categories; shape (n, n).
        roc: (threshold, false positive rate, true positive rate), all finite, from (0, 0) on with falling thresholds;
            empty where one class does not occur.
    """

    categories: tuple[str, ...]
    matrix: Sequence[Sequence[int]]
    roc: Sequence[tuple[float, float, float]]


def read_classification(folder: Path) -> Mapping[str, Classification]:
    """That of ``templates`` and of ``sessions``, without a kind that was not tested.

    Args:
        folder: an evaluate folder.

    Raises:
        ArtifactError: a file of the folder holds something else.
    """
    evaluation = read_evaluation(folder)
    kinds = {
        "templates": list(evaluation.answers.get(evaluation.final, {}).values()),
        "sessions": list(evaluation.sessions),
    }
    return {kind: classify(rows) for kind, rows in kinds.items() if rows}


def classify(rows: Iterable[Mapping[str, Any]]) -> Classification:
    """Count and draw rows with ``truth``, ``answer`` and ``score``."""
    known = [row for row in rows if row["truth"] in LABELS]
    counts = Counter((str(row["truth"]), str(row["answer"])) for row in known)
    categories = (*LABELS, _INVALID) if any(answer == _INVALID for _, answer in counts) else tuple(LABELS)
    matrix = [[counts[truth, answer] for answer in categories] for truth in categories]
    scored = [row for row in known if _is_finite(row.get("score"))]
    truth = np.array([row["truth"] == "abnormal" for row in scored], dtype=bool)
    scores = np.array([float(row["score"]) for row in scored], dtype=float)
    return Classification(categories, matrix, _from_origin(thinned(roc_curve(truth, scores))))


def thinned(points: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """At most `MAX_POINTS` of them, the first and the last among them, evenly spaced."""
    if len(points) <= MAX_POINTS:
        return list(points)
    return [points[place] for place in np.linspace(0, len(points) - 1, MAX_POINTS).round().astype(int)]


def _from_origin(points: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """With the point where nothing is called abnormal: its threshold lies just above every score, not at infinity."""
    return [(math.nextafter(points[0][0], math.inf), 0.0, 0.0), *points] if points else []


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
