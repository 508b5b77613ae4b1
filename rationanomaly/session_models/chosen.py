"""The session model that was chosen, with all that `detect` needs to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rationanomaly.session_models.background import Background
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.model import Reason, SessionModel
from rationanomaly.session_models.reasons import reasons
from rationanomaly.session_models.saving import NUMBERS, STRUCTURE, load, save
from rationanomaly.thresholds import Threshold

#: Of a session model, in a model folder.
FILES = (STRUCTURE, NUMBERS)


@dataclass(frozen=True)
class ChosenSessionModel:
    """A fitted session model and its threshold; itself a `SessionModel`.

    Attributes:
        name: of the candidate.
        model: fitted on training sessions.
        threshold: a session is abnormal from there on.
        validation: ``ap``, ``f1``, ``precision``, ``recall`` and ``threshold`` by candidate, without those that could
            not be fitted.
        background: what normal training sessions have in common, which reasons are given with.
        events: that it was fitted with.
        known: by template id, 0 or 1 where a label was learnt: such a template is not judged again.
    """

    name: str
    model: SessionModel
    threshold: Threshold
    validation: Mapping[str, Mapping[str, float]]
    background: Background
    events: Events
    known: Mapping[str, float] = field(default_factory=dict)

    def scores(self, sessions: SessionBatch, events: Events) -> Floats:
        """As the model's own."""
        return self.model.scores(sessions, events)

    def reasons(self, sessions: SessionBatch, events: Events, row: int) -> list[Reason]:
        """The reasons of one session, the weightiest first; see `reasons.reasons`."""
        return reasons(self.model, self.background, sessions, events, row)

    def events_with(
        self, texts: Mapping[str, str], scores: Mapping[str, float], decided: Mapping[str, float] | None = None
    ) -> Events:
        """Events for other sessions: its own first, then those that are new to it.

        Args:
            texts: the templates of these sessions by id.
            scores: P(abnormal) by id; what is known counts before them. One of its own that has none here keeps its
                score, a new one gets 0.
            decided: by id, 0 or 1 where experts have decided since; that counts before all.
        """
        scores = {**scores, **{key: value for key, value in self.known.items() if key in scores}, **(decided or {})}
        own = set(self.events.ids)
        new = tuple(key for key in texts if key not in own)
        kept = [scores.get(key, float(score)) for key, score in zip(self.events.ids, self.events.scores, strict=True)]
        return Events(
            self.events.ids + new,
            self.events.texts + tuple(texts[key] for key in new),
            np.array(kept + [scores.get(key, 0.0) for key in new], dtype=np.float64),
        )


def write_session_model(chosen: ChosenSessionModel, folder: Path) -> None:
    """Write it into a model folder (`saving.save`)."""
    save(chosen, folder)


def read_session_model(folder: Path) -> ChosenSessionModel | None:
    """The session model of a model folder; None where it carries none.

    Raises:
        ArtifactError: its files are damaged, incomplete, or of another version.
    """
    return load(folder, ChosenSessionModel) if (folder / STRUCTURE).exists() else None
