"""Params section `watch.drift`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Weight


class DriftParams(Section):
    """When the stream has left what the model was trained on.

    Attributes:
        window_hours: of the stream that is compared.
    """

    window_hours: Weight
