"""What the engine gives out."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from rationanomaly.detection.answered import ModelVersion
from rationanomaly.detection.session_verdicts import SessionVerdict
from rationanomaly.detection.verdict import Verdict
from rationanomaly.incidents.incident import Incident
from rationanomaly.signals.alert import Alert, LineRef
from rationanomaly.stream.judging import Texts


@dataclass(frozen=True)
class Taken:
    """What became of some chunks.

    Attributes:
        lines: one row per record; see `signals.judged_lines.JUDGED_LINES`.
        alerts: what they raised.
        incidents: those that changed.
        rejected: number of lines that fit no record of their format.
        version: of the model whose answers the lines have.
        rejected_lines: these, ``source``, ``line``, ``raw``.
        sessions: verdicts on those that have ended.
        texts: those of the lines, if it is known which lines share theirs.
    """

    lines: pl.DataFrame
    alerts: list[Alert]
    incidents: list[Incident]
    rejected: int
    version: ModelVersion
    rejected_lines: pl.DataFrame = field(default_factory=pl.DataFrame)
    sessions: list[SessionVerdict] = field(default_factory=list)
    texts: Texts | None = None


@dataclass(frozen=True)
class Correction:
    """A verdict that came after its lines.

    Attributes:
        template_id, template: what it is on.
        verdict: the model's, or a precedent's.
        lines: some of the lines that were given out before it came, oldest first.
        count: number of all of them.
        final: False: a reasoned verdict will follow.
    """

    template_id: str
    template: str
    verdict: Verdict
    lines: tuple[LineRef, ...]
    count: int
    final: bool = True


@dataclass(frozen=True)
class Settled:
    """What verdicts have changed that have come since.

    Attributes:
        corrections: in the order in which the verdicts came.
        alerts: what they raised.
        incidents: those that changed.
    """

    corrections: list[Correction]
    alerts: list[Alert]
    incidents: list[Incident]
