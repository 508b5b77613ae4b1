"""Params section `watch.stream`."""

from __future__ import annotations

from rationanomaly.params.section import Section
from rationanomaly.params.values import Weight


class StreamParams(Section):
    """How lines are followed and judged.

    Attributes:
        commit_seconds: longest time that lines wait to be stored and given out.
    """

    commit_seconds: Weight
