"""Params section `watch`: the model at work on a stream. No step reads it, so nothing here trains a model anew."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from rationanomaly.params.section import Section
from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.params.watch.incidents import IncidentParams
from rationanomaly.params.watch.serve import ServeParams
from rationanomaly.params.watch.signals import SignalParams
from rationanomaly.params.watch.sinks import SinkParams
from rationanomaly.params.watch.sources import SourceParams
from rationanomaly.params.watch.stream import StreamParams

__all__ = [
    "DriftParams",
    "IncidentParams",
    "ServeParams",
    "SignalParams",
    "SinkParams",
    "SourceParams",
    "StreamParams",
    "WatchParams",
]


class WatchParams(Section):
    """The model at work on a stream: `detect --follow` and `serve`.

    Attributes:
        stream: how lines are followed and judged.
        signals: anomalies that no single line shows.
        incidents: how alerts become incidents.
        sinks: where incidents are sent.
        sources: where lines come from, beside files.
        serve: the service.
        drift: when the stream has left what the model was trained on.
    """

    stream: StreamParams
    signals: SignalParams
    incidents: IncidentParams
    sinks: SinkParams
    sources: SourceParams
    serve: ServeParams
    drift: DriftParams

    @model_validator(mode="after")
    def _keep_incidents_open(self) -> Self:
        """What lasts is said again before its incident is resolved: else each repetition would open another one."""
        repeat, quiet = self.signals.repeat_minutes, self.incidents.quiet_minutes
        if repeat >= quiet:
            raise ValueError(
                f"signals.repeat_minutes ({repeat:g}) must be below incidents.quiet_minutes ({quiet:g}): an incident "
                "that lasts would be resolved and opened again with each alert"
            )
        return self
