"""LogRobust (Zhang et al., FSE 2019): sessions as sequences of template vectors, told apart by an attentive LSTM.

It learns from sessions of both kinds. A template that was reworded has a vector near to what it had, so that it is
known without being matched to anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly.baselines.sequences.loganomaly import text_of
from rationanomaly.baselines.sequences.settings import Training
from rationanomaly.baselines.sequences.template_vectors import TemplateVectors, unit
from rationanomaly.session_models.batch import Events, Floats, Ints, SessionBatch
from rationanomaly.session_models.model import Fit, Flags

if TYPE_CHECKING:
    from torch import Tensor

    from rationanomaly.baselines.sequences.networks import SessionNetwork

TASK = "LogRobust"
#: In each direction, and of the attended state: the public implementation (logdeep), which stacks two layers.
UNITS = 128
DROPOUT = 0.5
#: Epochs, learning rate and decay are logdeep's. Its batches of 256 would leave too few steps within the bound, which
#: is ours.
TRAINING = Training(
    batch=64, epochs=60, learning_rate=0.001, decays=(40 / 60, 50 / 60), max_events=800_000, max_windows=20_000
)
#: Of a longer session, the first and the last half of these are read.
_LONGEST = 300


@dataclass(frozen=True)
class LogRobust:
    """The classifier, fitted.

    Attributes:
        network: None if there was nothing to fit it to.
        vectors: of templates.
    """

    network: SessionNetwork | None
    vectors: TemplateVectors

    @property
    def threshold(self) -> float:
        """Abnormal are sessions with a higher score."""
        return 0.5

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """P(abnormal) of each session; 0 for an empty one."""
        found = np.zeros(len(sessions))
        filled = np.flatnonzero(sessions.lengths)
        if self.network is None or not len(filled):
            return found
        from rationanomaly.baselines.sequences import networks

        rows, table, distinct = _read(sessions, events, filled, self.vectors)
        found[filled] = networks.probabilities(self.network, rows, table, f"{TASK}: judging")[distinct]
        return found


def logrobust_with(vectors: TemplateVectors, training: Training = TRAINING, units: int = UNITS) -> Fit:
    """LogRobust with these vectors of templates, in the place of the paper's weighted FastText vectors.

    Args:
        vectors: the same text always gives the same one.
        training: how.
        units: in each direction.
    """

    def fit(sessions: SessionBatch, abnormal: Flags, events: Events, seed: int) -> LogRobust:
        filled = np.flatnonzero(sessions.lengths)
        if not len(filled):
            return LogRobust(None, vectors)
        import torch

        from rationanomaly.baselines.sequences import networks

        rows, table, distinct = _read(sessions, events, filled, vectors)
        flags = np.asarray(abnormal, bool)[filled]
        # The same sequence may be normal here and abnormal there: each kind is an example of its own.
        examples, counts = np.unique(distinct * 2 + flags, return_counts=True)
        if len(examples) > training.max_windows:
            shares = counts / counts.sum()
            kept = np.random.default_rng(seed).choice(len(counts), training.max_windows, replace=False, p=shares)
            examples, counts = examples[np.sort(kept)], counts[np.sort(kept)]
        inputs, targets = torch.from_numpy(rows), torch.from_numpy(examples % 2).float()

        with networks.seeded(seed):
            network = networks.SessionNetwork(table, units, DROPOUT)

            def losses(places: Ints) -> Tensor:
                chosen = inputs[torch.from_numpy(examples[places] // 2)]
                used = int((chosen != len(table) - 1).sum(1).max())
                logits = network(chosen[:, :used])
                truth = targets[torch.from_numpy(places)]
                return torch.nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")

            lengths = (rows[examples // 2] != len(table) - 1).sum(axis=1)
            networks.train(network, losses, counts, lengths, training, seed, TASK)
        return LogRobust(network, vectors)

    return fit


def _read(sessions: SessionBatch, events: Events, filled: Ints, vectors: TemplateVectors) -> tuple[Ints, Tensor, Ints]:
    """Distinct sessions by length, with padding; the vectors of their classes; the row of each of ``filled``."""
    import torch

    codes, classes = np.unique(sessions.codes, return_inverse=True)
    meanings = unit(vectors([text_of(events, code) for code in codes]))
    table = torch.from_numpy(np.pad(meanings, ((0, 1), (0, 0))))
    seen: dict[bytes, int] = {}
    keys = [_shortened(classes[sessions.starts[row] : sessions.starts[row + 1]]).tobytes() for row in filled]
    distinct = np.array([seen.setdefault(key, len(seen)) for key in keys])
    sequences = [np.frombuffer(key, np.int64) for key in seen]
    order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
    rows = np.full((len(order), len(sequences[order[-1]])), len(codes), np.int64)
    for row, place in enumerate(order):
        rows[row, : len(sequences[place])] = sequences[place]
    return rows, table, np.argsort(order)[distinct]


def _shortened(sequence: Ints) -> Ints:
    if len(sequence) <= _LONGEST:
        return sequence
    return np.concatenate([sequence[: _LONGEST // 2], sequence[-_LONGEST // 2 :]])
