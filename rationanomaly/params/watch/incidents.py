"""Params section `watch.incidents`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Positive, Weight


class IncidentParams(Section):
    """How alerts become incidents.

    Attributes:
        quiet_minutes: without an alert, after which an incident is resolved.
        same_node_minutes: alerts on one node that are no further apart belong together.
        same_time_seconds: alerts that have nothing else in common belong together if they are no further apart.
        mute_hours: for so long one key mutes an alert.
        wrong_days: for so long a signal that was marked as wrong is held back.
        baseline_days: of the stream that an incident is compared with.
        tail_lines: newest lines that the live tail keeps, and as many that are not normal.
        max_open: incidents that are open at once; further alerts join the one that changed last.
        keep_resolved: incidents that are kept when they are over.
    """

    quiet_minutes: Weight
    same_node_minutes: Weight
    same_time_seconds: Weight
    mute_hours: Weight
    wrong_days: Weight
    baseline_days: Positive
    tail_lines: Positive
    max_open: Positive
    keep_resolved: Positive
