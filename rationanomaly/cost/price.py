"""What a million lines cost, at a stated price of the machine.

A line costs its reading; a verdict is asked for each new template, not for each line. So

    hours = (new templates × seconds of a verdict + 1,000,000 / lines a second) / 3600
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rationanomaly.cost.measuring import Batch
from rationanomaly.cost.ways import Way

MILLION = 1_000_000


@dataclass(frozen=True)
class Cost:
    """Of a million lines, judged in one way.

    Attributes:
        way: of judging.
        batch: new templates that are asked together; 1: as they come.
        per_verdict: seconds.
        hours: of the machine.
        lines_per_second: that are kept up with.
        price: in the currency of the price; None where none is stated.
    """

    way: Way
    batch: int
    per_verdict: float
    hours: float
    lines_per_second: float
    price: float | None


def seconds_per_million(new_templates: float, per_verdict: float, lines_per_second: float) -> float:
    """Seconds of the machine for a million lines.

    Args:
        new_templates: among a million lines, each of which gets one verdict.
        per_verdict: seconds.
        lines_per_second: read where every template is known.
    """
    return new_templates * per_verdict + MILLION / lines_per_second


def costs(
    batches: Sequence[Batch], new_templates: float, lines_per_second: float, price_per_hour: float | None
) -> Iterator[Cost]:
    """Of each way with its smallest and with its fastest batch size.

    Args:
        batches: as measured.
        new_templates: per million lines.
        lines_per_second: where every template is known.
        price_per_hour: of the machine; None: not stated.
    """
    for way in dict.fromkeys(batch.way for batch in batches):
        mine = [batch for batch in batches if batch.way == way]
        chosen = (min(mine, key=lambda one: one.size), max(mine, key=lambda one: one.per_second.median))
        for batch in dict.fromkeys(chosen):
            per_verdict = 1 / batch.per_second.median
            seconds = seconds_per_million(new_templates, per_verdict, lines_per_second)
            price = None if price_per_hour is None else seconds / 3600 * price_per_hour
            yield Cost(way, batch.size, per_verdict, seconds / 3600, MILLION / seconds, price)


def cost_per_line(batches: Sequence[Batch], way: Way, price_per_hour: float | None) -> Cost:
    """What a million lines would cost if each had a verdict of its own, in the fastest batch size."""
    batch = max((one for one in batches if one.way == way), key=lambda one: one.per_second.median)
    rate = batch.per_second.median
    hours = MILLION / rate / 3600
    return Cost(way, batch.size, 1 / rate, hours, rate, None if price_per_hour is None else hours * price_per_hour)
