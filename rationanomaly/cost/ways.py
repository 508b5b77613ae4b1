"""The ways in which a verdict can be asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """A way to ask.

    Attributes:
        name: in records.
        analyses: that are written of each template; 0: the direct verdict, without any.
    """

    name: str
    analyses: int

    @property
    def title(self) -> str:
        """For people."""
        if not self.analyses:
            return "direct"
        return f"reasoned, {self.analyses} {'analysis' if self.analyses == 1 else 'analyses'}"


#: Verdicts on some templates in one way; what they say is of no matter here.
Ask = Callable[[Sequence[str], Way], object]
DIRECT, REASONED = Way("direct", 0), Way("reasoned-1", 1)


def all_ways(analyses: int) -> tuple[Way, ...]:
    """Direct, with one analysis, and with ``analyses`` of them where that is more than one."""
    several = (Way(f"reasoned-{analyses}", analyses),) if analyses > 1 else ()
    return (DIRECT, REASONED, *several)
