"""The labeller of the pool: the blend of text classifiers, stacked with what the rulebook reads.

The blend knows which words the experts' labels go with, the rulebook what words mean to an operator whom nobody showed
a label; a few hundred labelled faults can't teach that. A small logistic regression weighs one against the other. The
blend that it learns from has not seen the template it speaks of, nor a near-duplicate of it: of a template that it was
fitted on it is always sure, and nothing would be left for the rulebook to say.

Settings were chosen on splits of seeds from 10 on (docs/experiments.md).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from rationanomaly.baselines.blend import Blend, fit_blend
from rationanomaly.baselines.scorer import Floats, targets
from rationanomaly.rulebook.domains import DOMAINS, GENERAL, domain_of
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.signs import (
    ACTIVITIES,
    EASINGS,
    FAULTS,
    named_activities,
    named_easings,
    named_faults,
    read,
)
from rationanomaly.text.encoder import Encoder
from rationanomaly.text.prompt import Shown

#: C of the regression: a larger one lets a sign that three templates have decide, a smaller one takes weight from the
#: blend and the tone.
REGULARISATION = 0.1
FOLDS = 5
_TONES = ("fault", "eased")
_SIGNS = {sign.name: place for place, sign in enumerate((*FAULTS, *EASINGS, *ACTIVITIES))}
_DOMAINS = {domain.name: place for place, domain in enumerate((*DOMAINS, GENERAL))}


@dataclass(frozen=True)
class Labeller:
    """The fitted labeller.

    Attributes:
        blend: fitted on all templates.
        regression: on the blend's log odds and the `rulebook_features`; None where there were too few groups of
            near-duplicates to judge any by a blend that has not seen it: then the blend speaks alone.
    """

    blend: Blend
    regression: LogisticRegression | None

    def logits(self, texts: Sequence[str]) -> Floats:
        """The log odds of abnormal of texts as a prompt shows them, shape (len(texts),)."""
        blended = self.blend.logits(texts)
        if self.regression is None or not len(texts):
            return blended
        return np.asarray(self.regression.decision_function(_columns(blended, texts)), dtype=np.float64)

    def scores(self, texts: Sequence[str]) -> Floats:
        """P(abnormal) of each text, shape (len(texts),)."""
        return np.asarray(1 / (1 + np.exp(-self.logits(texts))), dtype=np.float64)


def fit_labeller(
    texts: Sequence[str], labels: Sequence[str], groups: Sequence[int], encoder: Encoder | None = None
) -> Labeller:
    """Fit the labeller on training templates; equal arguments give an equal labeller.

    Args:
        texts: as a prompt shows them.
        labels: ``normal`` or ``abnormal`` for each.
        groups: near-duplicates share a number.
        encoder: of sentence vectors; it is asked for each text once.

    Raises:
        InputError: an unknown label, or only one class.
    """
    y = targets(texts, labels)
    if encoder is not None:
        encoder = encoder.knowing(texts, encoder.vectors(texts))
    blend = fit_blend(texts, labels, encoder)
    folds = share_out(y, groups)
    if folds is None:
        return Labeller(blend, None)
    unseen = np.zeros(len(texts))
    for fold in np.unique(folds):
        inside, outside = (np.flatnonzero(chosen).tolist() for chosen in (folds == fold, folds != fold))
        others = fit_blend([texts[place] for place in outside], [labels[place] for place in outside], encoder)
        unseen[inside] = others.logits([texts[place] for place in inside])
    # Half-way, in log odds, between the classes as they are and a balanced weight: with the one few faults reach one
    # half, with the other too much does.
    weight = {0: 1.0, 1: math.sqrt((len(y) - y.sum()) / y.sum())}
    regression = LogisticRegression(C=REGULARISATION, class_weight=weight, max_iter=1000)
    regression.fit(_columns(unseen, texts), y)
    return Labeller(blend, regression)


def share_out(abnormal: npt.NDArray[np.int64], groups: Sequence[int]) -> npt.NDArray[np.int64] | None:
    """A fold for each template: a group lies in one, and outside of each fold both classes remain.

    Args:
        abnormal: 1 or 0 for each template.
        groups: as long.

    Returns:
        numbers from 0, `FOLDS` of them or fewer; None where the groups of a class don't suffice for two.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    faulty = [places for places in members.values() if abnormal[places].any()]
    others = [places for places in members.values() if not abnormal[places].any()]
    count = min(FOLDS, len(faulty), len(others))
    if count < 2:
        return None
    folds = np.zeros(len(abnormal), dtype=np.int64)
    for kind in (faulty, others):
        for number, places in enumerate(sorted(kind, key=len, reverse=True)):
            folds[places] = number % count
    return folds


def rulebook_features(texts: Sequence[str]) -> Floats:
    """What the rulebook reads from each text, without any label: tone, signs and domain as 0 or 1.

    Returns:
        shape (len(texts), columns); the columns are as many as the rulebook has tones, signs and domains.
    """
    found = np.zeros((len(texts), len(_TONES) + len(_SIGNS) + len(_DOMAINS)))
    for row, text in zip(found, texts, strict=True):
        cut = Text.of(Shown(text, (), len(text)))
        tone = read(cut.words, cut.values).tone
        if tone in _TONES:
            row[_TONES.index(tone)] = 1
        for sign in (*named_faults(cut.words), *named_easings(cut.words), *named_activities(cut.words)):
            row[len(_TONES) + _SIGNS[sign.name]] = 1
        row[len(_TONES) + len(_SIGNS) + _DOMAINS[domain_of(cut.words).name]] = 1
    return found


def _columns(blended: Floats, texts: Sequence[str]) -> Floats:
    return np.column_stack([blended, rulebook_features(texts)])
