"""The networks of the three papers and how they are trained, on the CPU: a seed gives the same numbers everywhere.

Imported by what fits or loads one of them, not before: torch takes a second.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rationanomaly import progress
from rationanomaly.baselines.sequences.settings import Training
from rationanomaly.session_models.batch import Floats, Ints

#: Rows that are judged at once.
_JUDGED = 2_048


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers of torch come from ``seed`` inside, and continue as if nothing had been behind it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**63)
        yield


@dataclass(frozen=True)
class Reading:
    """One way to read a window.

    Attributes:
        table: the vector of each class, shape (classes + 2, d); the last two are events never seen and padding.
        counted: each step sees the mean over the window up to it, not the event at it.
    """

    table: Tensor
    counted: bool = False


class NextEventNetwork(nn.Module):
    """An LSTM for each reading of the window, and one linear layer on their last states together.

    Args:
        readings: of a window.
        units: of each layer.
        layers: of each LSTM.
    """

    def __init__(self, readings: Sequence[Reading], units: int, layers: int) -> None:
        super().__init__()
        self._readings = tuple(readings)
        sizes = [reading.table.shape[1] for reading in readings]
        self.lstms = nn.ModuleList(nn.LSTM(size, units, layers, batch_first=True) for size in sizes)
        self.output = nn.Linear(units * len(sizes), readings[0].table.shape[0] - 2)

    def forward(self, windows: Tensor) -> Tensor:
        """Logits of the next event, shape (b, classes), for windows of classes, shape (b, history)."""
        states = []
        for reading, lstm in zip(self._readings, self.lstms, strict=True):
            vectors = reading.table[windows]
            if reading.counted:
                vectors = vectors.cumsum(1) / windows.shape[1]
            states.append(lstm(vectors)[0][:, -1])
        return self.output(torch.cat(states, 1))


class SessionNetwork(nn.Module):
    """A bidirectional LSTM with attention, and the logit of abnormal.

    Args:
        table: the vector of each class, shape (classes + 1, d); the last one is padding.
        units: in each direction.
        dropout: of the attended state, while training.
    """

    def __init__(self, table: Tensor, units: int, dropout: float) -> None:
        super().__init__()
        self._table = table
        # Two LSTMs, as one that is told to be bidirectional would begin its way back with the padding.
        self.ahead = nn.LSTM(table.shape[1], units, batch_first=True)
        self.back = nn.LSTM(table.shape[1], units, batch_first=True)
        self.attention = nn.Sequential(
            nn.Linear(2 * units, units, bias=False), nn.Tanh(), nn.Linear(units, 1, bias=False)
        )
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * units, 1))

    def forward(self, sessions: Tensor, table: Tensor | None = None) -> Tensor:
        """Logits of abnormal, shape (b,), of sessions of classes, shape (b, longest), with padding behind the end.

        Args:
            sessions: none of them empty.
            table: in the place of the one that the network was made with, which may know fewer classes.
        """
        table = self._table if table is None else table
        there = sessions != len(table) - 1
        places = torch.arange(sessions.shape[1])
        turned = (there.sum(1, keepdim=True) - 1 - places).clamp(min=0)
        ahead = self.ahead(table[sessions])[0]
        back = self.back(table[sessions.gather(1, turned)])[0]
        back = back.gather(1, turned[:, :, None].expand_as(back))
        states = torch.cat([ahead, back], 2)
        shares = self.attention(states)[:, :, 0].masked_fill(~there, -math.inf).softmax(1)
        logits: Tensor = self.output((states * shares[:, :, None]).sum(1))[:, 0]
        return logits


def train(
    network: nn.Module,
    losses: Callable[[Ints], Tensor],
    counts: Ints,
    lengths: Ints,
    training: Training,
    seed: int,
    task: str,
) -> None:
    """Train on batches drawn as the repeated examples would be, computing each distinct one of a batch once.

    Args:
        network: is changed.
        losses: of examples, by their places, shape (b,).
        counts: how often each distinct example occurs, shape (m,), m > 0.
        lengths: events of each, shape (m,).
        training: how.
        seed: of the draws.
        task: shown as progress.
    """
    rng = np.random.default_rng(seed)
    shares = counts / counts.sum()
    work = float(((1 - (1 - shares) ** training.batch) * lengths).sum())
    published = training.epochs * math.ceil(int(counts.sum()) / training.batch)
    steps = min(published, max(1, int(training.max_events / work)))
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    decay = torch.optim.lr_scheduler.MultiStepLR(optimiser, [int(steps * share) for share in training.decays], 0.1)
    network.train()
    for _ in progress.track(range(steps), task, steps):
        drawn, often = np.unique(rng.choice(len(counts), training.batch, p=shares), return_counts=True)
        optimiser.zero_grad()
        loss = (losses(drawn) * torch.from_numpy(often)).sum() / training.batch
        loss.backward()
        optimiser.step()
        decay.step()
    network.eval()


def train_next_event(
    network: NextEventNetwork, rows: Ints, counts: Ints, training: Training, seed: int, task: str
) -> None:
    """Train to tell the last event of each row from those before it.

    Args:
        network: is changed.
        rows: windows with their next events, shape (m, history + 1), m > 0.
        counts: how often each occurs, shape (m,).
        training: how.
        seed: of the draws.
        task: shown as progress.
    """
    examples = torch.from_numpy(rows)

    def losses(places: Ints) -> Tensor:
        chosen = examples[torch.from_numpy(places)]
        return nn.functional.cross_entropy(network(chosen[:, :-1]), chosen[:, -1], reduction="none")

    lengths = np.full(len(rows), rows.shape[1] - 1)
    train(network, losses, counts, lengths, training, seed, task)


def ranks(network: NextEventNetwork, rows: Ints, task: str) -> Ints:
    """The place of each next event among all, by probability, from 1 on; one that was never seen comes last of all.

    Args:
        network: trained.
        rows: windows with their next events, shape (m, history + 1).
        task: shown as progress.
    """
    found = np.empty(len(rows), np.int64)
    with torch.inference_mode():
        for start in progress.track(range(0, len(rows), _JUDGED), task, -(-len(rows) // _JUDGED), "batches"):
            chosen = torch.from_numpy(rows[start : start + _JUDGED])
            logits = network(chosen[:, :-1])
            classes = logits.shape[1]
            mine = logits.gather(1, chosen[:, -1:].clamp(max=classes - 1))
            place = (logits > mine).sum(1) + 1
            found[start : start + _JUDGED] = torch.where(chosen[:, -1] < classes, place, classes + 1).numpy()
    return found


def probabilities(network: SessionNetwork, sessions: Ints, table: Tensor, task: str) -> Floats:
    """P(abnormal) of sessions of classes, shape (n, longest), none empty, padding behind the end.

    Args:
        network: trained.
        sessions: best in the order of their lengths.
        table: the vector of each class; the last one is padding.
        task: shown as progress.
    """
    found = np.empty(len(sessions), np.float64)
    batch = max(1, _JUDGED * 10 // max(1, sessions.shape[1]))
    with torch.inference_mode():
        for start in progress.track(range(0, len(sessions), batch), task, -(-len(sessions) // batch), "batches"):
            chosen = sessions[start : start + batch]
            used = int((chosen != len(table) - 1).sum(1).max())
            logits = network(torch.from_numpy(np.ascontiguousarray(chosen[:, :used])), table)
            found[start : start + batch] = torch.sigmoid(logits.double()).numpy()
    return found
