"""Verdicts a second by way and by batch size, and how long one template that is asked alone waits for its verdict.

What is measured first would pay for what is made once, so every way is asked before the clock is looked at. Ways and
sizes take turns and are asked the same templates: other load on the machine hits all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rationanomaly import progress
from rationanomaly.cost.spread import Quantile, Spread, quantile
from rationanomaly.cost.token_counter import Tokens
from rationanomaly.cost.ways import Ask, Way
from rationanomaly.errors import InputError

#: Of the time that a new template waits.
SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True)
class Call:
    """One question: seconds on the clock and of the processor, tokens read and written, for all of its templates."""

    seconds: float
    processor: float
    tokens: Tokens


@dataclass(frozen=True)
class Batch:
    """Templates that are asked together.

    Attributes:
        size: templates of one question.
        per_second: verdicts a second.
        seconds: that each of them waits, for they come together.
        processor: seconds of the processor for one verdict, of all cores together.
        read, written: tokens for one verdict.
    """

    way: Way
    size: int
    per_second: Spread
    seconds: Spread
    processor: Spread
    read: Spread
    written: Spread


@dataclass(frozen=True)
class Alone:
    """New templates that are asked one at a time; quantiles in milliseconds, in the order of `SHARES`."""

    way: Way
    repetitions: int
    milliseconds: tuple[Quantile, ...]


def measure_batches(
    ask: Ask,
    counted: Callable[[], Tokens],
    sizes: Mapping[Way, Sequence[int]],
    templates: Sequence[str],
    repetitions: int,
) -> list[Batch]:
    """Every way with every batch size, by way and then by size.

    Args:
        ask: the model.
        counted: tokens so far.
        sizes: of the batches in each way; ways and sizes take turns.
        templates: distinct ones; a repetition asks other ones than the repetition before, as far as there are enough.
        repetitions: of each, one or more.

    Raises:
        InputError: fewer templates than the largest batch has.
    """
    largest = max(map(max, sizes.values()))
    if len(templates) < largest:
        problem = f"there are {len(templates)} templates, and the largest batch has {largest}"
        raise InputError(problem, hint="Give smaller batches, or the outputs of a longer log")
    _warm_up(ask, list(sizes), templates)
    calls: dict[tuple[Way, int], list[Call]] = {(way, size): [] for way in sizes for size in sizes[way]}
    for repetition in range(repetitions):
        for place, (way, size) in enumerate(calls):
            progress.report("batches", repetition * len(calls) + place, repetitions * len(calls), unit="questions")
            calls[way, size].append(_timed(ask, counted, _chunk(templates, repetition, size), way))
    return [_batch(way, size, found) for (way, size), found in calls.items()]


def measure_alone(
    ask: Ask, counted: Callable[[], Tokens], templates: Sequence[str], repetitions: Mapping[Way, int]
) -> list[Alone]:
    """How long one new template waits, by way.

    Args:
        ask, counted: as for `measure_batches`.
        templates: one or more; asked in turn, each anew.
        repetitions: templates that are asked in this way.
    """
    _warm_up(ask, list(repetitions), templates)
    found = []
    for way, count in repetitions.items():
        seconds = []
        for number in range(count):
            progress.report(f"alone, {way.title}", number, count, unit="questions")
            seconds.append(_timed(ask, counted, [templates[number % len(templates)]], way).seconds)
        milliseconds = [1000 * one for one in seconds]
        found.append(Alone(way, count, tuple(quantile(milliseconds, share) for share in SHARES)))
    return found


def _warm_up(ask: Ask, ways: Sequence[Way], templates: Sequence[str]) -> None:
    for way in ways:
        ask(templates[-1:], way)


def _timed(ask: Ask, counted: Callable[[], Tokens], templates: Sequence[str], way: Way) -> Call:
    tokens, work, start = counted(), time.process_time(), time.perf_counter()
    ask(templates, way)
    seconds = time.perf_counter() - start
    return Call(seconds, time.process_time() - work, counted() - tokens)


def _chunk(templates: Sequence[str], repetition: int, size: int) -> list[str]:
    start = repetition * size
    return [templates[place % len(templates)] for place in range(start, start + size)]


def _batch(way: Way, size: int, calls: Sequence[Call]) -> Batch:
    return Batch(
        way,
        size,
        Spread.of([size / call.seconds for call in calls]),
        Spread.of([call.seconds for call in calls]),
        Spread.of([call.processor / size for call in calls]),
        Spread.of([call.tokens.read / size for call in calls]),
        Spread.of([call.tokens.written / size for call in calls]),
    )
