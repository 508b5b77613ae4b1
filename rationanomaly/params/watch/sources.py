"""Params section `watch.sources`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Weight


class SourceParams(Section):
    """Where lines come from, beside files.

    Attributes:
        retry_seconds: longest pause between two attempts to connect.
    """

    retry_seconds: Weight
