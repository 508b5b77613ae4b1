"""The alert tags that the log carries: the original labels, some of them wrong."""

from __future__ import annotations

import numpy as np

from rationanomaly.simulate.events import Event
from rationanomaly.simulate.wording import UNTAGGED

#: Share of the wrong tags that are faults marked normal; the paper (§3.1) found 98.2 % in BGL and Spirit.
MISSED_SHARE = 0.98
_LABELS = 4


def alert_tags(events: tuple[Event, ...], wrong_labels: float, seed: int) -> list[str]:
    """The tag of each event: an upper-case alert category, or `UNTAGGED`.

    Args:
        events: the catalogue.
        wrong_labels: share of the events whose tag is wrong.
        seed: equal seeds give equal tags.
    """
    random = np.random.default_rng([seed, _LABELS])
    wrong = round(wrong_labels * len(events))
    faults = [i for i, event in enumerate(events) if event.fault]
    # A benign event that comes all the time can't keep a wrong alert for long: somebody would have noticed.
    usual = float(np.median([event.rate for event in events if not event.fault]))
    benign = [i for i, event in enumerate(events) if not event.fault and event.rate <= usual]
    missed = min(round(MISSED_SHARE * wrong), len(faults))
    flipped = {
        *random.choice(faults, missed, replace=False).tolist(),
        *random.choice(benign, min(wrong - missed, len(benign)), replace=False).tolist(),
    }
    return [_category(event) if event.fault != (i in flipped) else UNTAGGED for i, event in enumerate(events)]


def _category(event: Event) -> str:
    return (event.domain or event.subsystem).upper()
