"""LogAnomaly (Meng et al., IJCAI 2019): the next event out of what the templates before it mean and of their counts.

A template that is new is taken for the known one whose vector is nearest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rationanomaly.baselines.sequences.next_event import END, Match, NextEventModel, normal_sessions, pairs_of
from rationanomaly.baselines.sequences.settings import PUBLISHED, NextEventSettings
from rationanomaly.baselines.sequences.template_vectors import Floats32, TemplateVectors, unit
from rationanomaly.session_models.batch import Events, Ints, SessionBatch
from rationanomaly.session_models.model import Fit, Flags

TASK = "LogAnomaly"
#: A step reads two inputs, so there are fewer of them in the same time.
SETTINGS = replace(PUBLISHED, training=replace(PUBLISHED.training, max_events=2_500_000))


def loganomaly_with(vectors: TemplateVectors, settings: NextEventSettings = SETTINGS) -> Fit:
    """LogAnomaly with these vectors of templates, in the place of the paper's template2vec.

    Args:
        vectors: the same text always gives the same one.
        settings: the published ones.
    """

    def fit(sessions: SessionBatch, abnormal: Flags, events: Events, seed: int) -> NextEventModel:
        normal = normal_sessions(sessions, abnormal)
        known = np.unique(normal.codes)
        rows, counts = pairs_of(normal, known, settings, seed)
        if not len(rows):
            return NextEventModel(known, None, None, settings, TASK)
        import torch

        from rationanomaly.baselines.sequences import networks

        meanings = unit(vectors([text_of(events, code) for code in known]))
        meanings[known == END] = 0  # so that no new template is matched to it
        with networks.seeded(seed):
            semantic = networks.Reading(torch.from_numpy(np.pad(_turned(meanings), ((0, 2), (0, 0)))))
            count = networks.Reading(torch.from_numpy(np.eye(len(known) + 2, len(known), dtype=np.float32)), True)
            network = networks.NextEventNetwork([semantic, count], settings.units, settings.layers)
            networks.train_next_event(network, rows, counts, settings.training, seed, TASK)
        return NextEventModel(known, network, _nearest(meanings, vectors), settings, TASK)

    return fit


def text_of(events: Events, code: int) -> str:
    """The template that a code stands for; empty for a code that is none."""
    return events.texts[code] if 0 <= code < len(events.texts) else ""


def _turned(meanings: Floats32) -> Floats32:
    # n vectors lie in n dimensions at most: turned into those, they have the same angles at a fraction of the work.
    if meanings.shape[0] >= meanings.shape[1]:
        return meanings
    return np.ascontiguousarray(np.linalg.qr(meanings.T)[1].T)


def _nearest(meanings: Floats32, vectors: TemplateVectors) -> Match:
    def match(codes: Ints, events: Events) -> Ints:
        near = unit(vectors([text_of(events, code) for code in codes])) @ meanings.T
        return np.where(near.max(axis=1) > 0, near.argmax(axis=1), len(meanings))

    return match
