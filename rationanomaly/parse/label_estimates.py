"""Labels of templates out of labels of sessions, where no line carries a tag.

A session is abnormal if any of its lines is, so its label says of none of its templates which of them it was: they are
the instances of a bag (O. Maron, T. Lozano-Pérez: A Framework for Multiple-Instance Learning, NIPS 10, 1998). How a bag
comes by its label is a noisy-or (J. Pearl: Probabilistic Reasoning in Intelligent Systems, 1988, section 4.3.2):

    P(session normal) = (1 - q0) × product of (1 - q[t]) over the templates t that occur in it

q[t] is the share of the sessions with t that t alone would make abnormal, q0 what no template explains: order, counts,
missing events. With w[t] = -log(1 - q[t]) ≥ 0 the log likelihood is concave, so its maximum does not depend on where
the search begins. It is found by L-BFGS-B. A penalty on the sum of the weights, a tenth of a session for each, lets
the fewest templates explain the most.

What comes out of it: a template that occurs in normal sessions, and of which few abnormal ones are left unexplained by
others, is normal. One that occurs in abnormal sessions only, but whose sessions others explain, may be a fault or its
innocent company (registers that are dumped behind each crash): nothing in the labels tells, and it gets no label.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack

from rationanomaly.records import Label

Floats = npt.NDArray[np.float64]

#: Of each template's weight, in sessions. Higher: rare faults get no label; lower: a tie decides more often.
_PENALTY = 0.1
#: Bounds of a template's weight, and of that of what no template explains: the likelihood has no finite maximum for a
#: template that is always abnormal, and none at all where a session has nothing to explain it.
_LARGEST, _LEAST_UNEXPLAINED = 20.0, 1e-6
#: Share of a template's sessions from which on it counts as a cause beside being none.
_MIXED = 0.05


@dataclass(frozen=True)
class Estimates:
    """What the labels of sessions say of n templates.

    Attributes:
        probability: share of the sessions with a template that it alone would make abnormal, shape (n,), in [0, 1].
        normal: normal sessions that it occurs in, shape (n,).
        abnormal: abnormal sessions that it occurs in, shape (n,).
        unexplained: share of the sessions that are abnormal for no template.
    """

    probability: Floats
    normal: Floats
    abnormal: Floats
    unexplained: float

    def labels(self, share: float) -> list[Label | None]:
        """The label of each template; None where the sessions don't decide it.

        Args:
            share: a template is abnormal from this probability on.
        """
        labels: list[Label | None] = []
        for probability, normal, abnormal in zip(self.probability, self.normal, self.abnormal, strict=True):
            if abnormal and probability >= share:
                labels.append("abnormal")
            else:
                labels.append("normal" if normal else None)
        return labels

    def mixed(self) -> list[bool]:
        """Whether each template occurs in normal sessions and yet makes some abnormal."""
        return [bool(flag) for flag in (self.normal > 0) & (self.probability >= _MIXED)]


def estimate(members: csr_matrix, normal: Floats, abnormal: Floats) -> Estimates:
    """Fit the noisy-or.

    Args:
        members: which templates (columns) each distinct set of templates (rows) has, ones.
        normal: how many normal sessions have exactly this set, shape (rows,).
        abnormal: how many abnormal ones.
    """
    causes = hstack([members, np.ones((members.shape[0], 1))], format="csr")
    faults = causes[abnormal > 0]
    counts = abnormal[abnormal > 0]
    slope = causes.T @ normal
    slope[:-1] += _PENALTY

    def loss(weights: Floats) -> tuple[float, Floats]:
        # Beyond 700 the exponential overflows, and the session is explained long before.
        sums = np.minimum(faults @ weights, 700.0)
        value = slope @ weights - counts @ np.log(-np.expm1(-sums))
        return float(value), slope - faults.T @ (counts / np.expm1(sums))

    bounds = [(0.0, _LARGEST)] * members.shape[1] + [(_LEAST_UNEXPLAINED, _LARGEST)]
    start = np.full(causes.shape[1], 0.05)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": 2000, "maxfun": 4000})
    probability = -np.expm1(-found.x)
    return Estimates(probability[:-1], members.T @ normal, members.T @ abnormal, float(probability[-1]))


def label_templates(templates: pl.DataFrame, sessions: Path, share: float) -> pl.DataFrame:
    """Give templates a label by the labels of their sessions, where no line has a tag and sessions have a split.

    What may be learnt comes from training and validation sessions alone. Templates that occur only in test sessions get
    their label from all sessions; `correct` lets nothing learn from these.

    Args:
        templates: `records.TEMPLATES_SCHEMA`.
        sessions: file of `records.SESSIONS_SCHEMA`.
        share: a template is abnormal if it alone would make at least this share of its sessions abnormal.

    Returns:
        ``templates`` with ``label`` and ``mixed``; as they are where there is nothing to estimate from.
    """
    known = pl.read_parquet(sessions, columns=["alert", "split"], glob=False)
    if templates["label"].null_count() < templates.height or known["split"].null_count() == known.height:
        return templates
    sets = _distinct_sets(sessions)
    learnable = sets.filter(pl.col("split") != "test")
    if learnable["alert"].n_unique() < 2:
        return templates
    estimated = _estimated(learnable, share)
    unseen = _estimated(sets, share).join(_ids(learnable), on="template_id", how="anti")
    found = pl.concat([estimated, unseen])
    others = templates.drop("label", "mixed")
    joined = others.join(found, on="template_id", how="left", maintain_order="left").with_columns(
        pl.col("mixed").fill_null(False)
    )
    return joined.select(templates.columns)


def _distinct_sets(path: Path) -> pl.DataFrame:
    """Distinct ``templates`` (ids, sorted, each once) with ``alert``, ``split`` and the number of ``sessions``."""
    events = pl.col("template_ids").list.unique().list.sort()
    rows = pl.scan_parquet(path, glob=False).filter(pl.col("alert").is_not_null() & pl.col("split").is_not_null())
    # Joined, for lists are slow to group by; no id has a blank.
    keyed = rows.select("alert", "split", key=events.list.join(" "))
    counted = keyed.group_by("key", "alert", "split").agg(sessions=pl.len()).sort("key", "alert", "split").collect()
    return counted.select("alert", "split", "sessions", templates=pl.col("key").str.split(" "))


def _ids(sets: pl.DataFrame) -> pl.DataFrame:
    """The templates of some sets, each once."""
    return sets.select(template_id="templates").explode("template_id").unique().sort("template_id")


def _estimated(sets: pl.DataFrame, share: float) -> pl.DataFrame:
    """``template_id``, ``label`` and ``mixed`` by the sets of templates."""
    ids = _ids(sets).with_row_index("column")
    cells = sets.select(pl.int_range(pl.len()).alias("row"), template_id="templates").explode("template_id")
    cells = cells.join(ids, on="template_id", how="left", maintain_order="left")
    shape = (sets.height, ids.height)
    ones = np.ones(cells.height)
    members = csr_matrix((ones, (cells["row"].to_numpy(), cells["column"].to_numpy())), shape=shape)
    counts = cast(Floats, sets["sessions"].to_numpy().astype(np.float64))
    alert = sets["alert"].to_numpy().astype(bool)
    estimates = estimate(members, np.where(alert, 0.0, counts), np.where(alert, counts, 0.0))
    columns = {
        "label": pl.Series(estimates.labels(share), dtype=pl.String),
        "mixed": pl.Series(estimates.mixed(), dtype=pl.Boolean),
    }
    return ids.select("template_id").with_columns(**columns)
