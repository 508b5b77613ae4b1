"""A session is abnormal if one of its events was not to be expected behind those before it: DeepLog and LogAnomaly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rationanomaly.baselines.sequences.settings import NextEventSettings
from rationanomaly.baselines.sequences.windows import NextEvents, next_events
from rationanomaly.session_models.batch import Events, Floats, Ints, SessionBatch
from rationanomaly.session_models.model import Flags

if TYPE_CHECKING:
    from rationanomaly.baselines.sequences.networks import NextEventNetwork

#: The code of the end of a session, where that counts as an event.
END = -1
#: From codes that were not seen in training, and the events, to classes; `len(known)` for one like no other.
Match = Callable[[Ints, Events], Ints]


@dataclass(frozen=True)
class NextEventModel:
    """A network that tells the next event, fitted.

    Attributes:
        known: codes that normal training sessions hold, ascending; the class of an event is its place here. Where the
            end of a session counts as an event, `END` is one of them.
        network: None if there were none.
        match: for codes that are not known; None: each is a surprise.
        settings: of the fit.
        task: shown as progress.
    """

    known: Ints
    network: NextEventNetwork | None
    match: Match | None
    settings: NextEventSettings
    task: str

    @property
    def threshold(self) -> float:
        """The paper's rule: abnormal are sessions with a higher score, which no session has exactly."""
        return (min(self.settings.candidates, len(self.known)) + 0.75) / (len(self.known) + 1.5)

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """The worst place of any next event among the candidates, as a share of the events known; in [0, 1].

        Sessions of the same worst place are told apart by the share of their events that are no candidates. An empty
        session has 0.
        """
        if END in self.known:
            sessions = with_ends(sessions)
        classes = self._classes(sessions.codes, events)
        pairs = next_events(classes, sessions.starts, self.settings.history, padding=len(self.known) + 1)
        place = self._ranks(pairs)[pairs.pair]
        worst, missed = np.zeros(len(sessions)), np.zeros(len(sessions))
        np.maximum.at(worst, sessions.rows, place)
        np.add.at(missed, sessions.rows, place > self.settings.candidates)
        # The share counts half a place at most, so that it never turns two places round.
        return np.asarray((worst + missed / np.maximum(sessions.lengths, 1) / 2) / (len(self.known) + 1.5))

    def _ranks(self, pairs: NextEvents) -> Ints:
        if self.network is None:
            return np.ones(len(pairs.rows), np.int64)
        from rationanomaly.baselines.sequences import networks

        return networks.ranks(self.network, pairs.rows, f"{self.task}: judging")

    def _classes(self, codes: Ints, events: Events) -> Ints:
        classes = classes_of(codes, self.known)
        new = np.unique(codes[classes == len(self.known)])
        if self.match is None or not len(new):
            return classes
        matched = self.match(new, events)
        unknown = classes == len(self.known)
        classes[unknown] = matched[np.searchsorted(new, codes[unknown])]
        return classes


def classes_of(codes: Ints, known: Ints) -> Ints:
    """The place of each code in ``known``, which ascends, and ``len(known)`` for one that is not there."""
    if not len(known):
        return np.zeros(len(codes), np.int64)
    places = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where(known[places] == codes, places, len(known))


def normal_sessions(sessions: SessionBatch, abnormal: Flags) -> SessionBatch:
    """The normal ones among training sessions, with their ends as events unless they are cut by lines.

    A window that is cut after so many lines has no end, but that of a block or request tells whether something is
    missing. Most sessions that are cut by lines have the most lines there are.
    """
    normal = sessions.take(np.flatnonzero(~np.asarray(abnormal, bool)))
    lengths = normal.lengths
    cut = not len(normal) or float((lengths == lengths.max()).mean()) > 0.5
    return normal if cut else with_ends(normal)


def with_ends(sessions: SessionBatch) -> SessionBatch:
    """These sessions with `END` behind the last event of each that has any."""
    filled = sessions.lengths > 0
    codes = np.insert(sessions.codes, sessions.starts[1:][filled], END)
    return SessionBatch(codes, sessions.starts + np.concatenate([[0], np.cumsum(filled)]))


def pairs_of(normal: SessionBatch, known: Ints, settings: NextEventSettings, seed: int) -> tuple[Ints, Ints]:
    """What normal sessions teach: distinct windows with their next events, and how often each occurs.

    Args:
        normal: as `normal_sessions` gives them.
        known: their codes, ascending.
        settings: bound the number of pairs; beyond it they are drawn by how often they occur.
        seed: of the draw.
    """
    classes = classes_of(normal.codes, known)
    pairs = next_events(classes, normal.starts, settings.history, padding=len(known) + 1)
    limit = settings.training.max_windows
    if len(pairs.rows) <= limit:
        return pairs.rows, pairs.counts
    shares = pairs.counts / pairs.counts.sum()
    kept = np.sort(np.random.default_rng(seed).choice(len(shares), limit, replace=False, p=shares))
    return pairs.rows[kept], pairs.counts[kept]
