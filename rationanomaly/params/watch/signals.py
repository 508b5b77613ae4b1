"""Params section `watch.signals`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Positive, Rate


class SignalParams(Section):
    """Anomalies that no single line shows.

    Attributes:
        alerts_per_day: about so many alerts a day on a quiet stream, over all signals together.
        repeat_minutes: pause between two alerts about the same thing while it lasts; below
            `watch.incidents.quiet_minutes`, its incident stays open.
        forget_hours: after which what stays away is no longer missed.
        session_quiet_minutes: without a line, by the log's clock, after which a session is over at the latest; shorter
            where this stream's sessions have shorter gaps.
        max_templates: whose rates are known; those longest unseen go first.
        max_nodes: that are watched for silence.
        max_pairs: of a template and a node, for heartbeats and the comparison of nodes.
        max_parameters: places of templates whose numbers are watched.
        max_sessions: that are open at once.
        max_seen: template ids that are remembered, so that they are not new again.
    """

    alerts_per_day: Rate
    repeat_minutes: Rate
    forget_hours: Rate
    session_quiet_minutes: Rate
    max_templates: Positive
    max_nodes: Positive
    max_pairs: Positive
    max_parameters: Positive
    max_sessions: Positive
    max_seen: Positive
