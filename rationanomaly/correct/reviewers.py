"""The agreement of a ledger's reviewers: what `agreement.json` says, and the gate on it.

Only the independent round is measured: in the panel people have seen each other's votes. ``unsure`` abstains; how
often each reviewer does is reported beside the coefficients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from rationanomaly.correct.agreement import Counts, bootstrap_interval, cohen_kappa, fleiss_kappa, krippendorff_alpha
from rationanomaly.decisions.ledger import VOTES, Decision
from rationanomaly.errors import GateError
from rationanomaly.records import LABELS

_RESAMPLES = 1000


def measure_agreement(decisions: Sequence[Sequence[Decision]], seed: int) -> dict[str, Any]:
    """Agreement in the independent round.

    Args:
        decisions: of each template, at most one for each reviewer and round.
        seed: of the bootstrap.

    Returns:
        a JSON document: the reviewers and what they said, Fleiss' κ and Krippendorff's α with 95 % intervals, and
        Cohen's κ with a confusion table for each pair. Undefined values are None.
    """
    votes = [{d.reviewer: d.decision for d in mine if d.round == "independent"} for mine in decisions]
    votes = [mine for mine in votes if mine]
    reviewers = sorted({reviewer for mine in votes for reviewer in mine})
    counts = np.array([[list(mine.values()).count(label) for label in LABELS] for mine in votes], dtype=np.int64)
    shared = counts.reshape(-1, len(LABELS))
    shared = shared[shared.sum(axis=1) >= 2]
    return {
        "reviewers": {name: _said(name, votes) for name in reviewers},
        "templates": len(shared),
        "unanimous": int((shared.max(axis=1) == shared.sum(axis=1)).sum()) if len(shared) else 0,
        "fleiss_kappa": fleiss_kappa(shared),
        "fleiss_kappa_interval": bootstrap_interval(fleiss_kappa, shared, _RESAMPLES, seed),
        "krippendorff_alpha": krippendorff_alpha(shared),
        "krippendorff_alpha_interval": bootstrap_interval(krippendorff_alpha, shared, _RESAMPLES, seed),
        "pairs": [_pair(one, other, votes, seed) for one, other in combinations(reviewers, 2)],
    }


def require_agreement(agreement: dict[str, Any], minimum: float) -> None:
    """Stop when Fleiss' κ of two or more independent reviewers is defined and below ``minimum``.

    Raises:
        GateError: it is.
    """
    kappa = agreement["fleiss_kappa"]
    if kappa is not None and not kappa >= minimum:
        defined = [pair for pair in agreement["pairs"] if pair["cohen_kappa"] is not None]
        worst = min(defined, key=lambda pair: pair["cohen_kappa"], default=None)
        apart = "" if worst is None else f" (furthest apart: {' and '.join(worst['reviewers'])})"
        raise GateError(
            f"the reviewers agree too little: Fleiss' kappa is {kappa:.3f} on {agreement['templates']} templates"
            f"{apart}, correct.minimum_kappa is {minimum}",
            hint="Settle in writing what counts as abnormal and review again, or lower correct.minimum_kappa",
        )


def _said(name: str, votes: Sequence[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(mine[name] for mine in votes if name in mine)
    return {vote: counts[vote] for vote in VOTES}


def _pair(one: str, other: str, votes: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    """Cohen's κ of two reviewers and what the first (rows) and the second (columns) said."""
    size = len(LABELS)
    cells = [
        LABELS.index(mine[one]) * size + LABELS.index(mine[other])
        for mine in votes
        if mine.get(one) in LABELS and mine.get(other) in LABELS
    ]
    items = np.eye(size * size, dtype=np.int64)[cells]

    def kappa(rows: Counts) -> float | None:
        return cohen_kappa(rows.sum(axis=0).reshape(size, size))

    table = items.sum(axis=0).reshape(size, size)
    return {
        "reviewers": [one, other],
        "templates": len(items),
        "cohen_kappa": kappa(items),
        "cohen_kappa_interval": bootstrap_interval(kappa, items, _RESAMPLES, seed),
        "table": {
            row: dict(zip(LABELS, counts, strict=True)) for row, counts in zip(LABELS, table.tolist(), strict=True)
        },
    }
