"""Params section `watch.incidents`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Weight


class IncidentParams(Section):
    """How alerts become incidents.

    Attributes:
        quiet_minutes: without an alert, after which an incident is resolved.
    """

    quiet_minutes: Weight
