"""Params section `watch.sinks`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Weight


class SinkParams(Section):
    """Where incidents are sent.

    Attributes:
        retry_seconds: longest pause between two attempts to send.
    """

    retry_seconds: Weight
