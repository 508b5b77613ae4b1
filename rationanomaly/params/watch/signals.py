"""Params section `watch.signals`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Weight


class SignalParams(Section):
    """Anomalies that no single line shows.

    Attributes:
        alerts_per_day: about so many alerts a day, over all signals together; chosen on history.
    """

    alerts_per_day: Weight
