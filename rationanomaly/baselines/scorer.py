"""What every baseline is, once it is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rationanomaly.errors import InputError
from rationanomaly.records import LABELS

Floats = npt.NDArray[np.float64]

#: A template is called abnormal from this probability on.
THRESHOLD = 0.5


class Classifier(Protocol):
    """Judges templates by their text alone."""

    def scores(self, templates: Sequence[str]) -> Floats:
        """P(abnormal) of each template, shape (len(templates),), in [0, 1]."""
        ...


def log_odds(probabilities: Floats) -> Floats:
    """log(p / (1 - p)), finite for 0 and 1 as well."""
    inside = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(inside) - np.log1p(-inside), dtype=np.float64)


def targets(templates: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """1 where the label is abnormal, else 0.

    Raises:
        InputError: a label that is neither, or only one class, from which nothing can be learnt.
    """
    if len(templates) != len(labels):
        raise ValueError(f"{len(templates)} templates but {len(labels)} labels")
    unknown = sorted(set(labels) - set(LABELS))
    if unknown:
        raise InputError(f"unknown label {unknown[0]!r}", hint="Use normal or abnormal")
    if len(set(labels)) < len(LABELS):
        found = labels[0] if labels else "no label"
        raise InputError(
            f"the {len(labels)} training templates are all {found}, so there is nothing to tell apart",
            hint="Label some templates of the other class, or take a log that holds both",
        )
    return np.array([label == "abnormal" for label in labels], dtype=np.int64)
