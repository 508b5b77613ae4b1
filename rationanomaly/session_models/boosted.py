"""Boosted trees on the features of `combined`: what is suspicious only together with something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from rationanomaly.session_models.batch import Events, Floats, Ints, SessionBatch
from rationanomaly.session_models.count_regression import check_classes, sigmoid
from rationanomaly.session_models.features import Parts, fit_parts, unseen_columns
from rationanomaly.session_models.model import Flags
from rationanomaly.session_models.per_session import distinct, sequence_keys

TREES, DEPTH, RATE = 100, 3, 0.1
#: Of the sessions that each tree is grown on.
SHARE = 0.7


@dataclass(frozen=True)
class Boosted:
    """The fitted trees, each written out as a full binary tree: the children of node i are 2i + 1 and 2i + 2.

    Attributes:
        parts: what the features are read with, fitted on all training sessions.
        features: that each inner node asks for, shape (trees, 2 ** depth - 1).
        limits: a session goes left where the feature is at most this, shape as ``features``.
        leaves: what each leaf adds to the log odds, shape (trees, 2 ** depth).
        bias: the log odds before any tree.
    """

    parts: Parts
    features: Ints
    limits: Floats
    leaves: Floats
    bias: float

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """P(abnormal) with balanced classes, shape (n,)."""
        first, places, _ = distinct(sequence_keys(sessions))
        return sigmoid(self._logits(self.parts.columns(sessions.take(first), events)))[places]

    def _logits(self, columns: Floats) -> Floats:
        rows, logits = np.arange(len(columns)), np.full(len(columns), self.bias)
        inner = self.features.shape[1]
        depth = (inner + 1).bit_length() - 1
        # Trees were grown on single precision; the limits lie between its values.
        single = columns.astype(np.float32)
        for features, limits, leaves in zip(self.features, self.limits, self.leaves, strict=True):
            node = np.zeros(len(columns), dtype=np.int64)
            for _ in range(depth):
                node = 2 * node + 1 + (single[rows, features[node]] > limits[node])
            logits += leaves[node - inner]
        return logits


def fit_boosted(train: SessionBatch, abnormal: Flags, events: Events, seed: int) -> Boosted:
    """Fit the parts on all sessions, the trees on features that are out of sample (`unseen_columns`).

    Raises:
        InputError: the training sessions are of one class.
    """
    check_classes(abnormal)
    columns = unseen_columns(train, abnormal, events, seed)
    weights = np.where(abnormal, 0.5 / abnormal.mean(), 0.5 / (1 - abnormal.mean()))
    forest = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=RATE, subsample=SHARE, random_state=seed, init="zero"
    )
    forest.fit(columns, abnormal, sample_weight=weights)
    inner = 2**DEPTH - 1
    features, limits = np.zeros((TREES, inner), dtype=np.int64), np.zeros((TREES, inner))
    leaves = np.zeros((TREES, inner + 1))
    for number, (estimator,) in enumerate(forest.estimators_):
        _write_out(estimator.tree_, 0, 0, features[number], limits[number], leaves[number])
    return Boosted(fit_parts(train, abnormal, events, seed), features, limits, leaves * RATE, 0.0)


def _write_out(tree, node: int, place: int, features: Ints, limits: Floats, leaves: Floats) -> None:  # type: ignore[no-untyped-def]
    """Copy a node of scikit-learn's tree to a place of the full tree; a leaf above the last level fills all below."""
    inner = len(features)
    if place >= inner:
        leaves[place - inner] = tree.value[node, 0, 0]
        return
    leaf = tree.children_left[node] < 0
    if not leaf:
        features[place], limits[place] = tree.feature[node], tree.threshold[node]
    for child, side in ((tree.children_left[node], 1), (tree.children_right[node], 2)):
        _write_out(tree, node if leaf else child, 2 * place + side, features, limits, leaves)
