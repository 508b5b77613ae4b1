"""DeepLog (Du et al., CCS 2017): an LSTM that learns from normal sessions which event comes next.

A session is abnormal if any of its events is not among the ``g`` most probable ones behind the ``h`` events before it.
"""

from __future__ import annotations

import numpy as np

from rationanomaly.baselines.sequences.next_event import NextEventModel, normal_sessions, pairs_of
from rationanomaly.baselines.sequences.settings import PUBLISHED, NextEventSettings
from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.model import Flags

TASK = "DeepLog"


def fit_deeplog(
    sessions: SessionBatch,
    abnormal: Flags,
    events: Events,  # noqa: ARG001 - what a `Fit` takes
    seed: int,
    settings: NextEventSettings = PUBLISHED,
) -> NextEventModel:
    """Fit DeepLog: a `Fit`.

    Args:
        sessions: of the training.
        abnormal: which of them are, shape (n,); DeepLog learns from the others alone.
        events: of the sessions; their texts are not read.
        seed: of the network and of the batches.
        settings: the published ones.
    """
    normal = normal_sessions(sessions, abnormal)
    known = np.unique(normal.codes)
    rows, counts = pairs_of(normal, known, settings, seed)
    if not len(rows):
        return NextEventModel(known, None, None, settings, TASK)
    import torch

    from rationanomaly.baselines.sequences import networks

    with networks.seeded(seed):
        one_hot = torch.from_numpy(np.eye(len(known) + 2, len(known), dtype=np.float32))
        network = networks.NextEventNetwork([networks.Reading(one_hot)], settings.units, settings.layers)
        networks.train_next_event(network, rows, counts, settings.training, seed, TASK)
    return NextEventModel(known, network, None, settings, TASK)
